//! What records say of their manifests beside the hash. Pure.

use crate::project::Desired;
use crate::state::{Entry, Record, Recorded};

/// Records whose manifest stands elsewhere now, or says something else of pruning.
#[must_use]
pub fn outdated_notes(desired: &Desired, recorded: &Recorded) -> Vec<Entry> {
    let mut outdated = Vec::new();
    for (name, wish) in &desired.wishes {
        let Some(record) = recorded.records.get(name) else {
            continue;
        };
        if *record.path != *wish.path || record.protected != wish.protected {
            outdated.push(Entry::Record(Record {
                path: wish.path.to_string(),
                protected: wish.protected,
                ..record.clone()
            }));
        }
    }
    outdated
}
