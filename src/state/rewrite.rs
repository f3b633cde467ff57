//! When a journal is written anew, and with what.
//!
//! The journal that takes its place says whose place it took and how often that happened, so an
//! older one that comes back is known for what it is.

use std::path::Path;

use jiff::Timestamp;

use super::journal::{Journal, NewJournal};
use super::{Doubted, Entry, StateError};

/// A journal this small is left as it is, whatever is in it.
const SMALL: u64 = 1 << 20;
/// How much of its size a journal may be without need.
const TIMES_LIVE: u64 = 3;

/// What counts, in a journal as small as can be; `None` if it is not worth it or not possible now.
/// `live` is how many bytes the index believes to count.
pub(super) fn compacting(
    dir: &Path,
    journal: &Journal,
    live: Option<u64>,
) -> Result<Option<NewJournal>, StateError> {
    let len = journal.len()?;
    let too_large = |live: u64| len > SMALL && len > live.saturating_mul(TIMES_LIVE);
    if !live.is_some_and(too_large) {
        return Ok(None);
    }
    let live = journal.live();
    let compacted = match live {
        Ok(live) if !too_large(live.size()) => return Ok(None),
        Ok(live) => NewJournal::write(dir, journal.next_lineage(), &live.lines),
        Err(error) => Err(error),
    };
    // Nothing is lost by leaving it as it is: whoever reads it all will tell of damage in it.
    match compacted {
        Ok(new) => Ok(Some(new)),
        Err(error) => {
            tracing::warn!("the journal could not be made smaller: {error}");
            Ok(None)
        }
    }
}

/// What counts, and that what was written last may be missing. Where nothing is left, all since the
/// oldest text.
pub(super) fn doubting(
    dir: &Path,
    journal: &Journal,
    cause: Doubted,
    oldest_text: Option<Timestamp>,
    now: Timestamp,
) -> Result<NewJournal, StateError> {
    let mut live = journal.live()?;
    let all = || oldest_text.map(|text| live.recorded.doubt_since(cause, text, now));
    let vouch = live.recorded.doubt_the_last(cause, Some(now)).or_else(all);
    if let Some(vouch) = vouch {
        let since = vouch.unproven.map_or(now, |unproven| unproven.since);
        tracing::warn!(
            "{}; it may not know of what was submitted since {since:.0}",
            what(cause)
        );
        live.lines.push(line(&Entry::Vouch(vouch))?);
    }
    NewJournal::write(dir, journal.next_lineage(), &live.lines)
}

fn what(cause: Doubted) -> &'static str {
    match cause {
        Doubted::Restored => {
            "this state is a copy: its journal is not the file that was written last (a backup, \
             or a folder that was copied)"
        }
        _ => "the last write to this state can't be read, as after a power loss",
    }
}

/// An entry as a journal's line holds it.
pub(super) fn line(entry: &Entry) -> Result<String, StateError> {
    let json = entry.to_json()?;
    Ok(String::from_utf8_lossy(&json).into_owned())
}
