//! GitOps for AI videos: manifests say which videos should exist, and each is paid for at most once.
//!
//! The data flows one way:
//!
//! ```text
//! videos/*.yaml → manifest → project::Desired ┐
//!                                             ├→ plan (pure) → shown, or executed by apply
//! .reconcile/   → state::Recorded ────────────┘                  │
//!                                                                └→ heygen, state
//! ```
//!
//! What always holds:
//! - Planning does no I/O; the same input gives the same bytes.
//! - An intent is durable before its POST is sent; success is recorded only after HeyGen said so.
//! - An attempt whose outcome is unknown is never repeated before it is settled.
//! - Nothing is deleted unless asked for.
//! - One writer at a time; readers never wait.

pub mod adopt;
pub mod apply;
pub mod catalog;
pub mod cli;
pub mod download;
pub mod follow;
pub mod heygen;
pub mod manifest;
pub mod output;
pub mod patience;
pub mod plan;
pub mod project;
pub mod sandbox;
pub mod settle;
pub mod spend;
pub mod state;
pub mod video;
pub mod watch;
