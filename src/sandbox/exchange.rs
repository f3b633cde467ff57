//! One request and its answer: faults that need a hold on the connection, the effect, the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::json;

use super::answer::Answer;
use super::control::control;
use super::faults::Kind;
use super::log;
use super::received::Received;
use super::reply::{Dropped, Reply, broken_off, reply};
use super::world::World;

pub(super) type Shared = Arc<Mutex<World>>;

pub(super) fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What becomes of a request once it is settled whether it takes effect.
enum Fate {
    Answered(Answer),
    /// So many bytes come; of how many it speaks.
    BrokenOff {
        answer: Answer,
        at: usize,
        more: usize,
    },
    Dropped,
    /// Dropped now; the effect comes later.
    Late(Duration),
}

/// A key of a request that is not answered yet; a repeat meanwhile is refused.
struct InFlight {
    world: Shared,
    key: String,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.world).in_flight.remove(&self.key);
    }
}

pub(super) async fn exchange(received: Received, world: Shared) -> Reply {
    let request_id = lock(&world).id("req");
    if received.path.starts_with("/_sandbox") {
        return reply(&control(&received, &mut lock(&world)), &request_id);
    }
    let (faults, number) = arrive(&received, &world);
    if received.is_cut {
        return Err(Dropped);
    }
    let claim = claim(&received, &world);
    pause(&faults, Kind::delay_before_ms).await;
    let fate = match &claim {
        Ok(_) => decide(&received, &faults, &world).await,
        Err(busy) => Fate::Answered((**busy).clone()),
    };
    lock(&world).log.answered(number, fate.status());
    pause(&faults, Kind::delay_after_ms).await;
    match fate {
        Fate::Answered(answer) => reply(&answer, &request_id),
        Fate::BrokenOff { answer, at, more } => broken_off(&answer, at, more, &request_id),
        Fate::Dropped => Err(Dropped),
        Fate::Late(delay) => {
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                take_effect(&received, &faults, &world).await;
                drop(claim);
            });
            Err(Dropped)
        }
    }
}

/// Which faults strike a request, and its number in the log.
fn arrive(received: &Received, world: &Shared) -> (Vec<Kind>, u64) {
    let mut world = lock(world);
    let faults = match &received.is_cut {
        true => vec![Kind::CutBody {
            bytes: received.length,
        }],
        false => world.faults.strike(&received.method, &received.path),
    };
    let number = world.log.arrived(log::entry(received, &faults));
    (faults, number)
}

impl Fate {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(answer) | Self::BrokenOff { answer, .. } => Some(answer.status.as_u16()),
            Self::Dropped | Self::Late(_) => None,
        }
    }
}

async fn pause(faults: &[Kind], length: fn(&Kind) -> Option<u64>) {
    let ms = faults.iter().find_map(length);
    if let Some(ms) = ms {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// Claims the request's idempotency key where keys are honoured.
fn claim(received: &Received, world: &Shared) -> Result<Option<InFlight>, Box<Answer>> {
    let mut guard = lock(world);
    let honoured = match (received.method.as_str(), received.path.as_str()) {
        ("POST", "/v3/assets" | "/v3/assets/direct-uploads" | "/v3/webhooks/endpoints") => true,
        ("POST", "/v3/video-agents") => guard.config.honour_idempotency_key,
        _ => false,
    };
    let Some(key) = received.header("idempotency-key").filter(|_| honoured) else {
        return Ok(None);
    };
    let key = format!("{} {key}", received.path);
    if !guard.in_flight.insert(key.clone()) {
        let message = "a request with this Idempotency-Key is being handled";
        return Err(Box::new(Answer::error(409, "request_in_progress", message)));
    }
    let world = world.clone();
    Ok(Some(InFlight { world, key }))
}

async fn decide(received: &Received, faults: &[Kind], world: &Shared) -> Fate {
    let end = faults.iter().find(|f| f.is_an_end());
    let error = |status, code, message| Fate::Answered(Answer::error(status, code, message));
    match end {
        Some(Kind::RateLimit { retry_after }) => {
            Fate::Answered(Answer::rate_limited(*retry_after, "too many requests"))
        }
        Some(Kind::StatusBefore { status }) => {
            error(*status, "internal_error", "before any effect")
        }
        Some(Kind::DropBefore) => Fate::Dropped,
        Some(Kind::DropLateEffect { delay_ms }) => Fate::Late(Duration::from_millis(*delay_ms)),
        Some(Kind::ErrorIn200) => {
            let body = json!({"error": {"code": "internal_error", "message": "failed"}});
            Fate::Answered(Answer::json(hyper::StatusCode::OK, body))
        }
        Some(Kind::Unauthorized) => Fate::Answered(Answer::unauthorized()),
        Some(Kind::PaymentRequired) => error(402, "insufficient_credit", "the wallet is empty"),
        Some(Kind::Forbidden) => error(403, "forbidden", "not allowed"),
        Some(Kind::AccessDenied) => error(403, "resource_access_denied", "not your resource"),
        Some(Kind::Reject { param }) => {
            Fate::Answered(Answer::invalid(param, "refused on request"))
        }
        _ => after_effect(end, take_effect(received, faults, world).await),
    }
}

fn after_effect(end: Option<&Kind>, answer: Answer) -> Fate {
    match end {
        Some(Kind::StatusAfter { status }) => {
            let message = "after it took effect";
            Fate::Answered(Answer::error(*status, "internal_error", message))
        }
        Some(Kind::DropAfter) => Fate::Dropped,
        Some(Kind::ResetMidAnswer) => Fate::BrokenOff {
            at: answer.length() / 2,
            more: 0,
            answer,
        },
        Some(Kind::CutFile { at }) if answer.is_file() => Fate::BrokenOff {
            answer,
            at: *at,
            more: 0,
        },
        Some(Kind::WrongLength { more }) if answer.is_file() => Fate::BrokenOff {
            at: answer.length(),
            more: *more,
            answer,
        },
        Some(Kind::Redirect { to }) => Fate::Answered(Answer {
            location: Some(to.clone()),
            ..Answer::json(hyper::StatusCode::FOUND, json!({}))
        }),
        Some(Kind::NotJson) => {
            let html: &[u8] = b"<html><body>Bad gateway</body></html>";
            Fate::Answered(Answer::bytes("text/html", Bytes::from_static(html)))
        }
        _ => Fate::Answered(answer),
    }
}

async fn take_effect(received: &Received, faults: &[Kind], world: &Shared) -> Answer {
    let uploads = received.method == "POST" && received.path == "/v3/assets";
    let file = match uploads && !received.is_too_large {
        true => Some(received.file_part().await),
        false => None,
    };
    let mut world = lock(world);
    let parts: Vec<_> = received.path.split('/').skip(1).collect();
    match (received.method.as_str(), parts.as_slice()) {
        ("GET" | "HEAD", ["files", video, file]) => {
            return world.file(video, file, received, faults);
        }
        ("GET" | "HEAD", ["videos", video]) => return world.video_page(video),
        ("PUT", ["uploads", asset]) => return world.store(asset, received),
        _ => {}
    }
    if !world.accepts_key(received) {
        return Answer::unauthorized();
    }
    if received.is_too_large {
        return Answer::error(413, "request_too_large", "the body is too large");
    }
    let outcome = match file {
        Some(file) => file.and_then(|file| world.upload(received, &file)),
        None => world.answer(received, faults),
    };
    outcome.unwrap_or_else(|refusal| *refusal)
}

impl World {
    fn accepts_key(&self, received: &Received) -> bool {
        let key = received.header("x-api-key").unwrap_or_default();
        match &self.config.required_key {
            Some(required) => required == key,
            None => !key.is_empty(),
        }
    }
}
