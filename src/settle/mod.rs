//! Settling: finding out what an attempt with an unknown outcome came to.
//!
//! HeyGen does not promise to honour an idempotency key, so such an attempt is never simply
//! repeated. The question is put ([`Question`]), HeyGen is looked at ([`look`], which can't spend),
//! and what that means is decided purely ([`decide`]).
//!
//! | evidence | verdict |
//! |---|---|
//! | a delivered event with the attempt's hash names a session no record knows | adopted, by event |
//! | exactly one unknown session has the prompt | adopted, by prompt |
//! | several have it, or one can't be read yet | undecided: look again, then a person decides |
//! | none, on a complete walk begun late enough | it was never sent |
//!
//! What stays an assumption about HeyGen: that a session appears in the list within
//! `settle_delay`, and that its messages hold the prompt.

mod confirm;
mod decide;
mod due;
mod events;
mod look;
mod past;
mod prompt;
mod question;
mod walk;

pub use confirm::{Adoption, Confirmation, confirm};
pub use decide::{Candidate, Evidence, Named, Undecided, Verdict, decide};
pub use due::{Clocks, Delays, HeygenClock, remaining};
pub use look::{Look, candidates, look};
pub use past::{Match, Wished, look_back};
pub use prompt::prompt_key;
pub use question::Question;
pub use walk::{WALK_BACK, walk};
