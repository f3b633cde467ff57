//! The rules with what is left of them: which faults strike a request.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::faults::{Kind, Rule};

#[derive(Debug, Default)]
pub(super) struct Injector {
    rules: Vec<Armed>,
    seed: u64,
    drawn: u64,
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    struck: u32,
}

impl Injector {
    pub(super) fn new(rules: Vec<Rule>, seed: u64) -> Self {
        let mut injector = Self {
            seed,
            ..Self::default()
        };
        injector.replace(rules);
        injector
    }

    pub(super) fn replace(&mut self, rules: Vec<Rule>) {
        let armed = rules.into_iter().map(|rule| Armed { rule, struck: 0 });
        self.rules = armed.collect();
    }

    /// The rules as they stand, with how often each struck.
    pub(super) fn show(&self) -> Value {
        let rules = self.rules.iter();
        rules
            .map(|a| json!({"rule": a.rule, "struck": a.struck}))
            .collect()
    }

    /// Every fault that strikes this request; at most one of them decides how it ends.
    pub(super) fn strike(&mut self, method: &str, path: &str) -> Vec<Kind> {
        let mut struck: Vec<Kind> = Vec::new();
        for at in 0..self.rules.len() {
            let decided = struck.iter().any(Kind::is_an_end);
            let rule = &self.rules[at].rule;
            if rule.times == Some(0)
                || !rule.matches(method, path)
                || rule.kind.cuts_at().is_some()
                || (decided && rule.kind.is_an_end())
            {
                continue;
            }
            if self.fires(at) {
                struck.push(self.rules[at].rule.kind.clone());
            }
        }
        struck
    }

    /// Behind how many bytes of its body this request is cut off, if a rule says so.
    pub(super) fn cut(&mut self, method: &str, path: &str) -> Option<u64> {
        let cuts = |rule: &Rule| rule.kind.cuts_at().filter(|_| rule.matches(method, path));
        for at in 0..self.rules.len() {
            let rule = &self.rules[at].rule;
            let Some(bytes) = cuts(rule).filter(|_| rule.times != Some(0)) else {
                continue;
            };
            if self.fires(at) {
                return Some(bytes);
            }
        }
        None
    }

    /// Counts a matching request against a rule.
    fn fires(&mut self, at: usize) -> bool {
        let draw = self.draw();
        let armed = &mut self.rules[at];
        if armed.rule.skip > 0 {
            armed.rule.skip -= 1;
            return false;
        }
        if draw >= armed.rule.probability {
            return false;
        }
        armed.rule.times = armed.rule.times.map(|n| n.saturating_sub(1));
        armed.struck += 1;
        true
    }

    /// A number from 0 up to 1, the same for the same seed and turn.
    fn draw(&mut self) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, self.drawn).hash(&mut hasher);
        self.drawn += 1;
        f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
    }
}
