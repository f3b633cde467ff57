//! The stand-in for HeyGen, judged over HTTP: what it refuses, what it remembers, how it misbehaves.

mod client;
mod data;
mod direct;
mod faults;
mod life;
#[path = "../support/openapi.rs"]
mod openapi;
mod requests;
mod schema;
