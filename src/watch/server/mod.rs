//! What `watch --listen` answers: deliveries of HeyGen's webhooks, health, metrics.
//!
//! A delivery is answered before anything is done about it, and nothing here waits for the loop.

mod connections;
mod counters;
mod delivery;
mod metrics;
mod seen;
mod signature;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::{Hint, View};
use connections::{Connections, Place};
use counters::Counters;
use delivery::{Headers, MAX_BODY, Refused};
use seen::Seen;
pub use signature::Secrets;

/// For the headers of a request, and for its body.
const PATIENCE: Duration = Duration::from_secs(5);
const TELL_FORGED_EVERY: Duration = Duration::from_secs(600);
const HEYGEN: &str = "/webhooks/heygen";

type Answer = Response<Full<Bytes>>;

/// What answers are made of.
pub struct Sources {
    pub secrets: watch::Receiver<Arc<Secrets>>,
    pub view: watch::Receiver<Arc<View>>,
    pub hints: mpsc::Sender<Hint>,
    pub clock: fn() -> Timestamp,
}

struct Server {
    sources: Sources,
    counters: Counters,
    seen: Mutex<Seen>,
    told_forged: Mutex<Option<Instant>>,
}

/// Answers until the runtime ends.
pub async fn serve(listener: TcpListener, sources: Sources) {
    let server = Arc::new(Server {
        sources,
        counters: Counters::default(),
        seen: Mutex::default(),
        told_forged: Mutex::default(),
    });
    let connections = Connections::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Some(place) = connections.place().await else {
                    return;
                };
                tokio::spawn(connection(stream, Arc::clone(&server), Arc::new(place)));
            }
            // Out of descriptors, most likely: others end.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, server: Arc<Server>, place: Arc<Place>) {
    let answering = Arc::clone(&place);
    let service = service_fn(move |request| {
        let (server, place) = (Arc::clone(&server), Arc::clone(&answering));
        async move {
            place.speaks();
            let answer = server.answer(request).await;
            place.falls_silent();
            Ok::<_, Infallible>(answer)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::debug!(%error, "a connection ended");
        },
        () = place.has_to_go() => tracing::debug!("a silent connection made room"),
    }
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        match (request.uri().path(), request.method()) {
            (HEYGEN, &Method::POST) => self.deliver(request).await,
            (HEYGEN, &Method::OPTIONS) => allow(StatusCode::OK, "OPTIONS, POST"),
            (HEYGEN, _) => allow(StatusCode::METHOD_NOT_ALLOWED, "OPTIONS, POST"),
            ("/healthz" | "/readyz" | "/metrics", &(Method::GET | Method::HEAD)) => {
                self.page(request.uri().path())
            }
            ("/healthz" | "/readyz" | "/metrics", _) => {
                allow(StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD")
            }
            _ => text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }

    fn page(&self, path: &str) -> Answer {
        let view = Arc::clone(&self.sources.view.borrow());
        match path {
            "/metrics" => {
                let page = metrics::render(&view, &self.counters, (self.sources.clock)());
                let mut answer = text(StatusCode::OK, page);
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                answer
                    .headers_mut()
                    .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
                answer
            }
            "/readyz" if !view.ready => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "not ready: nothing was looked at yet\n",
            ),
            "/readyz" => text(StatusCode::OK, "ready\n"),
            _ => text(StatusCode::OK, "ok\n"),
        }
    }

    async fn deliver(&self, request: Request<Incoming>) -> Answer {
        match self.take(request).await {
            Ok(answer) => answer,
            Err(refused) => {
                self.counters.refused(refused);
                self.tell_refused(refused);
                let status = StatusCode::from_u16(refused.status());
                text(
                    status.unwrap_or(StatusCode::BAD_REQUEST),
                    format!("{}\n", refused.as_str()),
                )
            }
        }
    }

    /// Anybody may send nonsense, which is no news. What is signed with another secret is, now and then:
    /// the endpoint's secret may be missing here.
    fn tell_refused(&self, refused: Refused) {
        tracing::debug!(reason = refused.as_str(), "a delivery was not believed");
        let now = Instant::now();
        let mut told = self
            .told_forged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_news = told.is_none_or(|at| now.duration_since(at) >= TELL_FORGED_EVERY);
        if refused == Refused::Forged && is_news {
            *told = Some(now);
            tracing::warn!(
                "a delivery is signed with another secret than those of the secret file: is an endpoint \
                 registered whose secret is not in it? `reconcile webhook list` shows them"
            );
        }
    }

    async fn take(&self, request: Request<Incoming>) -> Result<Answer, Refused> {
        let (parts, body) = request.into_parts();
        let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
        let length = header(CONTENT_LENGTH.as_str()).and_then(|text| text.parse::<usize>().ok());
        if length.is_some_and(|length| length > MAX_BODY) {
            drain(body).await;
            return Err(Refused::TooLarge);
        }
        let headers = Headers {
            signature: header("heygen-signature").or(header("signature")),
            timestamp: header("heygen-timestamp"),
            is_old: header("heygen-signature").is_none(),
            event_id: header("heygen-event-id"),
        };
        if headers.signature.is_none() {
            return Err(Refused::Unsigned);
        }
        let body = read(body).await?;
        let secrets = Arc::clone(&self.sources.secrets.borrow());
        let now = (self.sources.clock)();
        let delivered = delivery::check(headers, &body, &secrets, now)?;
        let id = Seen::id(delivered.event_id.as_deref(), &body);
        Ok(self.hand_over(id, delivered.hint))
    }

    fn hand_over(&self, id: [u8; 32], hint: Option<Hint>) -> Answer {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.insert(id) {
            self.counters.repeated();
            return text(StatusCode::OK, "known already\n");
        }
        if let Some(hint) = hint
            && self.sources.hints.try_send(hint).is_err()
        {
            seen.forget(&id);
            self.counters.turned_away();
            return text(StatusCode::SERVICE_UNAVAILABLE, "busy: send it again\n");
        }
        self.counters.accepted();
        text(StatusCode::OK, "accepted\n")
    }
}

/// Who is still sending may miss the answer: a little more than what is allowed is let pass, unread.
async fn drain(body: Incoming) {
    let mut body = Limited::new(body, 4 * MAX_BODY);
    let dropped = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(PATIENCE / 5, dropped).await;
}

async fn read(body: Incoming) -> Result<Bytes, Refused> {
    let limited = Limited::new(body, MAX_BODY).collect();
    match tokio::time::timeout(PATIENCE, limited).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Refused::TooLarge),
        Ok(Err(_)) | Err(_) => Err(Refused::Malformed),
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer
}

fn allow(status: StatusCode, methods: &'static str) -> Answer {
    let mut answer = text(status, "");
    answer
        .headers_mut()
        .insert(ALLOW, hyper::header::HeaderValue::from_static(methods));
    answer
}
