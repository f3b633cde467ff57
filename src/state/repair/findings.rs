//! What intact lines add up to, and how far back the others may reach.

use jiff::Timestamp;

use super::Lost;
use crate::state::journal::{Live, Salvage};
use crate::state::{Doubted, Recorded, Vouch};
use crate::video::{Name, VideoHash};

pub(super) struct Findings {
    pub live: Live,
    /// What is missing was written after that: the latest time of the lines before the first that
    /// can't be read. `None` where the damage begins among the lines that came from a journal before:
    /// nobody knows how old those were.
    before_damage: Option<Timestamp>,
}

impl Findings {
    pub fn new(salvage: Salvage) -> Result<Self, String> {
        let begins_with = salvage.known.map(|(_, lineage)| lineage.lines);
        let reaches_past = begins_with.is_some_and(|lines| salvage.before_damage >= lines);
        let before = salvage.lines[..salvage.before_damage].to_vec();
        let before_damage = match reaches_past {
            true => Live::new(before)?.recorded.newest(),
            false => None,
        };
        let live = Live::new(salvage.lines)?;
        Ok(Self {
            live,
            before_damage,
        })
    }

    fn recorded(&self) -> &Recorded {
        &self.live.recorded
    }

    /// Doubts everything that may be missing, rather too much than too little.
    pub fn vouch(&self, lost: &[Lost], oldest_text: Option<Timestamp>, now: Timestamp) -> Vouch {
        let recorded = self.recorded();
        let orphaned = self.without_attempts().map(|(_, since)| since).min();
        let cause = match lost.first() {
            Some(Lost::Newest) => Doubted::Restored,
            _ => Doubted::Repaired,
        };
        // Where nothing is left, the texts show at least that there was something.
        let reaches = self
            .before_damage
            .or(oldest_text)
            .into_iter()
            .chain(orphaned)
            .min();
        recorded.doubt_since(cause, reaches.unwrap_or(now), now)
    }

    fn without_attempts(&self) -> impl Iterator<Item = (&Name, Timestamp)> {
        let recorded = self.recorded();
        let records = recorded.records.values();
        records
            .filter(|record| recorded.attempts_of(&record.hash).is_empty())
            .map(|record| (&record.name, record.since))
    }

    pub fn names_without_attempts(&self) -> Option<Lost> {
        let names: Vec<_> = self
            .without_attempts()
            .map(|(name, _)| name.clone())
            .collect();
        (!names.is_empty()).then_some(Lost::Attempts(names))
    }

    pub fn text_lost(&self, hash: VideoHash) -> Lost {
        let records = self.recorded().records.values();
        let shows = records.filter(|record| record.hash == hash);
        Lost::Text(hash, shows.map(|record| record.name.clone()).collect())
    }
}
