//! What adopting says: before it asks, when it refuses, and what was done.

use std::io::Write;

use serde_json::{Value, json};

use crate::adopt::{Adoption, Compared, Refusal};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::manifest::Manifest;
use crate::output::{PlanView, escape, write_diff};
use crate::plan::unified;

/// An API that shows nothing of them leaves it to whoever adopts.
pub(super) const NOT_COMPARED: &str = "Avatar, voice, style, brand kit, orientation and files can't \
    be compared: HeyGen does not tell what a video was made with.";

pub(super) fn proposal(
    context: &Context,
    manifest: &Manifest,
    adoption: &Adoption,
) -> Result<(), CliError> {
    let attempt = &adoption.attempt;
    let what = match (&attempt.session_id, &attempt.video_id) {
        (Some(session), _) => format!("session {session}"),
        (None, video) => format!("video {}", video.as_deref().unwrap_or("-")),
    };
    let prompt = match &adoption.prompt {
        Compared::Same => "it has the manifest's prompt",
        Compared::Other(_) => "ITS PROMPT IS ANOTHER than the manifest's:",
        Compared::Unreadable => "HeyGen does not tell its prompt",
    };
    context.say(&format!(
        "{}: {what} ({}, made {:.0}) will be the video of {}; {prompt}",
        attempt.name,
        attempt.phase.as_str(),
        attempt.intent_at,
        escape(&manifest.path)
    ));
    match &adoption.prompt {
        Compared::Other(text) if !context.quiet => Ok(diff(context, text, manifest)?),
        _ => Ok(()),
    }
}

/// From what was said to HeyGen to what the manifest says now.
fn diff(context: &Context, text: &str, manifest: &Manifest) -> std::io::Result<()> {
    let view = PlanView {
        paint: context.stderr_paint(),
        full: false,
        broken: 0,
    };
    let ended = |text: &str| format!("{}\n", text.trim());
    let lines = unified(&ended(text), &ended(manifest.spec.prompt.as_str()));
    let mut shown = Vec::new();
    write_diff(&mut shown, &lines, view)?;
    std::io::stderr().lock().write_all(&shown)
}

pub(super) fn refused(manifest: &Manifest, refusal: &Refusal) -> CliError {
    let name = &manifest.name;
    let error = CliError::new(format!("{name}: {refusal}; nothing was recorded"));
    error.hint(match refusal {
        Refusal::Unsettled(other) => format!(
            "settle it first: run apply, or `reconcile state settle {other} --adopt SESSION`"
        ),
        Refusal::Awaited(other) => format!(
            "if it is that answer: `reconcile state settle {other} --adopt SESSION`; if not, settle \
             that attempt first"
        ),
        Refusal::NotKnownYet(_) => {
            "run `reconcile refresh` until its video is known, or name the session with --session"
                .to_owned()
        }
        Refusal::Taken { .. } => {
            "a session is one content's: whatever manifest has that content again reuses it at no cost"
                .to_owned()
        }
        Refusal::Already => format!("nothing is left to do for {name}"),
        Refusal::Live { shown: true, .. } => format!(
            "nothing is left to do for {name}; to show the other video instead, raise `revision` in \
             {} and adopt it then",
            manifest.path
        ),
        Refusal::Live { .. } => format!(
            "run `reconcile apply`: it takes it for {name} again at no cost; to show the other video instead, raise \
             `revision` in {} and adopt it then",
            manifest.path
        ),
        Refusal::Failed(_) | Refusal::Missing => {
            "there is nothing to adopt: apply makes a new video".to_owned()
        }
    })
}

pub(super) fn document(adoptions: &[(&Manifest, Adoption)]) -> Value {
    let adopted: Vec<_> = adoptions.iter().map(|(_, a)| adopted(a)).collect();
    json!({"format_version": "1.0", "adopted": adopted})
}

fn adopted(adoption: &Adoption) -> Value {
    let attempt = &adoption.attempt;
    json!({
        "name": attempt.name,
        "path": adoption.record.path,
        "hash": attempt.hash,
        "attempt": attempt.number,
        "phase": attempt.phase,
        "session_id": attempt.session_id,
        "video_id": attempt.video_id,
        "duration_s": attempt.duration_s,
        "video_page_url": attempt.video_page_url,
        "adopted_by": attempt.adopted_by,
        "prompt": match adoption.prompt {
            Compared::Same => "same",
            Compared::Other(_) => "other",
            Compared::Unreadable => "unreadable",
        },
    })
}
