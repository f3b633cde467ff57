//! HeyGen's v3 API, the part that reconcile speaks.
//!
//! Reading and writing are two types, so that what only looks cannot spend: a [`Reader`] has no
//! way to POST. Nothing here retries, follows redirects or decides; [`Answer`] says what an answer
//! to a submission means.

mod answer;
mod api_error;
mod catalog;
mod connection;
mod direct;
mod endpoints;
mod files;
mod reader;
mod wire;
mod writer;

pub use answer::Answer;
pub use api_error::ApiError;
pub use catalog::{AvatarLook, BrandKit, Style, Voice};
pub use connection::{Base, BaseError, Config, ConnectError};
pub use direct::{LargeFile, MAX_SIMPLE_UPLOAD, PutError, Ticket, put};
pub use endpoints::Endpoints;
pub use files::{Files, LinkError, Opened, Resume};
pub use reader::{Listed, Me, ReadError, Reader, STATUS_BATCH};
pub use wire::{
    CreateRequest, DeliveredEvent, Endpoint, EventData, FileInput, ListedSession, Session, Video,
    VideoStatus,
};
pub use writer::{UploadError, Writer};
