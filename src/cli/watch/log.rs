//! The log of a `watch`: a line an event, with its name and hash.

use tracing::{debug, error, info, warn};

use crate::apply::Event;
use crate::download;
use crate::manifest::Problem;
use crate::output::{dollars, escape, ways_out};
use crate::plan::Plan;
use crate::state::{Attempt, Phase};

pub(super) fn plan(plan: &Plan, problems: usize) {
    let summary = plan.summary();
    for action in plan.by_urgency() {
        debug!(
            name = %action.name,
            hash = %action.hash.short(),
            action = action.kind.as_str(),
            reason = action.reason.code,
            "planned: {}",
            escape(&action.reason.text)
        );
    }
    info!(
        submissions = summary.submissions,
        unchanged = summary.none,
        problems,
        "plan made, about {}",
        dollars(plan.estimate_usd)
    );
}

pub(super) fn problems(problems: &[Problem]) {
    for problem in problems {
        let line = problem.place.as_ref().map_or(0, |place| place.line);
        warn!(
            path = %escape(&problem.path),
            line,
            code = problem.code,
            "{}",
            escape(&problem.message)
        );
    }
}

pub(super) fn download(event: &download::Event) {
    use download::Event::{Downloaded, Failed, Lacking, Progress};
    match event {
        Downloaded { file, .. } => info!(
            name = %file.name,
            hash = %file.attempt.hash.short(),
            bytes = file.film.bytes,
            "downloaded: {}",
            escape(&download::film_path(file))
        ),
        Failed {
            name,
            attempt,
            error,
        } => warn!(
            name = %name,
            hash = %attempt.hash.short(),
            code = error.code(),
            "download failed: {}",
            escape(&error.to_string())
        ),
        Lacking { name, kind } => debug!(name = %name, "HeyGen has no {}", kind.as_str()),
        Progress { .. } => {}
    }
}

pub(super) fn event(event: &Event) {
    match event {
        Event::Submitted(a) => attempt(a, "submitted"),
        Event::Completed(a) => attempt(a, "completed"),
        Event::Settled(a) if a.phase == Phase::NotSent => {
            attempt(a, "settled: HeyGen never took it")
        }
        Event::Settled(a) => attempt(a, "settled: HeyGen took it"),
        Event::Failed(a) => trouble(a, "failed"),
        Event::Gone(a) => trouble(a, "gone at HeyGen"),
        Event::Rejected { attempt, .. } => trouble(attempt, "rejected"),
        Event::Unknown(a) => {
            trouble(a, "its outcome is not known; it is held and not sent again");
            info!(name = %a.name, hash = %a.hash.short(), "a person can decide:\n{}", ways_out(a));
        }
        Event::Deleted { name, attempt: a } => {
            info!(%name, hash = %a.hash.short(), "deleted");
        }
        Event::Reused {
            name,
            hash,
            session_id,
            ..
        } => info!(%name, hash = %hash.short(), session = session_id.as_deref(), "reused"),
        Event::Moved {
            name, from, hash, ..
        } => info!(%name, hash = %hash.short(), %from, "moved"),
        Event::Settling { attempt: a, wait } => {
            let asked =
                format!("its outcome was not learned; HeyGen is asked for it in {wait:.0?}");
            trouble(a, &asked);
        }
        Event::ReachedAgain => info!("HeyGen is reached again"),
        Event::Error {
            name,
            hash,
            failure,
            // What concerns all of them pauses the submissions, and is told with the way out there.
        } if name.is_none() => {
            debug!(code = %escape(&failure.code), "{}", escape(&failure.message))
        }
        Event::Error {
            name,
            hash,
            failure,
        } => error!(
            name = name.as_ref().map(tracing::field::display),
            hash = hash.map(|h| h.short().to_string()),
            code = %escape(&failure.code),
            "{}",
            escape(&failure.message)
        ),
        Event::Notice(text) => info!("{}", escape(text)),
        Event::Paused { reason, wait, .. } => warn!("{}; going on in {wait:.0?}", escape(reason)),
        Event::Progress(_) => {}
    }
}

fn attempt(a: &Attempt, what: &str) {
    info!(
        name = %a.name,
        hash = %a.hash.short(),
        attempt = a.number,
        session = a.session_id.as_deref(),
        video = a.video_id.as_deref(),
        by = a.adopted_by.map(|by| by.as_str()),
        "{what}"
    );
}

fn trouble(a: &Attempt, what: &str) {
    let failure = a.failure.as_ref();
    warn!(
        name = %a.name,
        hash = %a.hash.short(),
        attempt = a.number,
        session = a.session_id.as_deref(),
        code = failure.map(|f| escape(&f.code).into_owned()),
        "{what}{}",
        failure.map_or_else(String::new, |f| format!(": {}", escape(&f.message)))
    );
}
