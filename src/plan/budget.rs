//! What one run may submit. Pure.

use std::collections::HashSet;

use super::action::{Action, Kind, Plan};
use crate::spend::rounded_usd;
use crate::video::VideoHash;

/// The limits of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    pub submissions: usize,
    /// Dollars, as estimated.
    pub cost_usd: Option<f64>,
}

/// What a plan has more of than a run may.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Over {
    Submissions { planned: usize, limit: usize },
    Cost { planned: f64, limit: f64 },
}

impl Budget {
    /// What is certain to be submitted, where that alone is too much.
    #[must_use]
    pub fn over(&self, plan: &Plan) -> Option<Over> {
        let planned = certain(plan).count();
        if planned > self.submissions {
            let limit = self.submissions;
            return Some(Over::Submissions { planned, limit });
        }
        let (planned, limit) = (plan.certain_usd(), self.cost_usd?);
        (planned > limit).then_some(Over::Cost { planned, limit })
    }

    /// What is settled and not sent again, because that would be too much: asking HeyGen is free, and
    /// whether anything has to be sent is not known before.
    #[must_use]
    pub fn only_settled(&self, plan: &Plan) -> HashSet<VideoHash> {
        let mut submissions = certain(plan).count();
        let mut usd = plan.certain_usd();
        let settled = plan.actions.iter().filter(|a| a.kind == Kind::Settle);
        settled
            .filter(|action| {
                submissions += 1;
                usd = rounded_usd(usd + action.estimate_usd.unwrap_or_default());
                submissions > self.submissions || self.cost_usd.is_some_and(|most| usd > most)
            })
            .map(|action| action.hash)
            .collect()
    }
}

fn certain(plan: &Plan) -> impl Iterator<Item = &Action> {
    plan.actions.iter().filter(|action| action.kind.submits())
}
