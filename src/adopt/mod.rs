//! Recording a video that exists already as a manifest's, without paying. Has no way to spend.
//!
//! A person says whose it is. What HeyGen tells is read ([`find`]); what must not be hidden or
//! taken twice is refused ([`adoption`], which is pure).

mod adoption;
mod find;

pub use adoption::{Adoption, Compared, Refusal, Waiting, adoption};
pub use find::{FindError, Found, Wanted, find};
