//! The HTTP side: connections, faults that need a hold on them, the log of requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::Config;
use super::answer::{Answer, Body};
use super::assets::MAX_BYTES;
use super::clock::now_ms;
use super::faults::Kind;
use super::routes::Asked;
use super::world::World;

/// Longest part of a body that the log keeps.
const LOGGED_BODY: usize = 64 * 1024;

/// A running sandbox; it stops when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    accepting: JoinHandle<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("{0} is not an address of this machine alone; use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    #[error("cannot use the sandbox's data")]
    Data(#[source] std::io::Error),
}

impl Sandbox {
    /// Listens and answers until dropped.
    pub async fn start(listen: SocketAddr, config: Config) -> Result<Self, SandboxError> {
        if !listen.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(listen));
        }
        let failed = |e| SandboxError::Listen(listen, e);
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let world = World::open(config, format!("http://{addr}")).map_err(SandboxError::Data)?;
        let world = Arc::new(Mutex::new(world));
        let accepting = tokio::spawn(accept(listener, world));
        Ok(Self { addr, accepting })
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Goes on until `shutdown` is done.
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Shared = Arc<Mutex<World>>;
type Reply = Result<Response<BoxBody<Bytes, std::io::Error>>, Dropped>;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped on request")]
struct Dropped;

async fn accept(listener: TcpListener, world: Shared) {
    // Connections end with this task.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(connection(stream, world.clone())); }
                Err(error) => {
                    tracing::debug!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, world: Shared) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    // A task of its own: a client that hangs up does not undo what it asked for.
    let service = service_fn(move |request| {
        let handling = tokio::spawn(handle(request, world.clone()));
        async move { handling.await.unwrap_or(Err(Dropped)) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::trace!(%error, "a connection ended");
    }
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request that was read to its end.
struct Received {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn handle(request: Request<Incoming>, world: Shared) -> Reply {
    let received = match receive(request).await {
        Ok(received) => received,
        Err(answer) => return reply(*answer),
    };
    if received.path.starts_with("/_sandbox/") {
        return reply(control(&received, &world));
    }
    let (faults, number) = {
        let mut world = lock(&world);
        let faults = world.faults.strike(&received.method, &received.path);
        let number = world.log(log_entry(&received, &faults));
        (faults, number)
    };
    let result = misbehave(&received, &faults, &world).await;
    let status = result.as_ref().ok().map(|r| r.status().as_u16());
    lock(&world).answered(number, status);
    result
}

async fn receive(request: Request<Incoming>) -> Result<Received, Box<Answer>> {
    let (head, body) = request.into_parts();
    let uploads = head.uri.path() == "/v3/assets";
    let limit = if uploads {
        MAX_BYTES + 64 * 1024
    } else {
        1 << 20
    };
    let body = Limited::new(body, limit).collect().await.map_err(|_| {
        Box::new(Answer::error(
            413,
            "invalid_parameter",
            "the body is too large",
        ))
    })?;
    let query = head.uri.query().unwrap_or_default();
    let received = Received {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: head.headers,
        body: body.to_bytes().to_vec(),
    };
    let boundary = received
        .header("content-type")
        .filter(|_| uploads)
        .and_then(|t| multer::parse_boundary(t).ok());
    match boundary {
        Some(boundary) => file_part(received, boundary).await,
        None if uploads && received.method == "POST" => Err(Box::new(Answer::invalid(
            "file",
            "must be multipart/form-data",
        ))),
        None => Ok(received),
    }
}

/// Leaves only the bytes of the part `file`.
async fn file_part(mut received: Received, boundary: String) -> Result<Received, Box<Answer>> {
    let bad = || Box::new(Answer::invalid("file", "required, in multipart/form-data"));
    let bytes = Bytes::from(std::mem::take(&mut received.body));
    let once = stream::iter([Ok::<_, Infallible>(bytes)]);
    let mut parts = multer::Multipart::new(once, boundary);
    while let Some(part) = parts.next_field().await.map_err(|_| bad())? {
        if part.name() == Some("file") {
            received.body = part.bytes().await.map_err(|_| bad())?.to_vec();
            return Ok(received);
        }
    }
    Err(bad())
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Answers as the faults want it.
async fn misbehave(received: &Received, faults: &[Kind], world: &Shared) -> Reply {
    for fault in faults {
        if let Some(early) = before_effect(fault).await {
            return early;
        }
    }
    if let Some(Kind::DropLateEffect { delay_ms }) = faults
        .iter()
        .find(|f| matches!(f, Kind::DropLateEffect { .. }))
    {
        let effect = late_effect(received, faults, world, *delay_ms);
        tokio::spawn(effect);
        return Err(Dropped);
    }
    let answer = take_effect(received, faults, world);
    for fault in faults {
        if let Some(late) = after_effect(fault, &answer).await {
            return late;
        }
    }
    reply(answer)
}

async fn before_effect(fault: &Kind) -> Option<Reply> {
    let error = |status, code, message| Some(reply(Answer::error(status, code, message)));
    match fault {
        Kind::RateLimit { retry_after } => Some(reply(Answer::rate_limited(
            *retry_after,
            "too many requests",
        ))),
        Kind::StatusBefore { status } => error(*status, "internal_error", "before any effect"),
        Kind::DropBefore => Some(Err(Dropped)),
        Kind::ErrorIn200 => {
            let body = json!({"error": {"code": "internal_error", "message": "failed"}});
            Some(reply(Answer::json(StatusCode::OK, body)))
        }
        Kind::Unauthorized => error(401, "unauthorized", "the API key is not valid"),
        Kind::PaymentRequired => error(402, "insufficient_credit", "the wallet is empty"),
        Kind::Forbidden => error(403, "forbidden", "not allowed"),
        Kind::AccessDenied => error(403, "resource_access_denied", "not your resource"),
        Kind::Reject { param } => Some(reply(Answer::invalid(param, "refused on request"))),
        Kind::Slow { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            None
        }
        _ => None,
    }
}

/// What a client that hung up leaves behind: the request still takes effect, later.
fn late_effect(
    received: &Received,
    faults: &[Kind],
    world: &Shared,
    delay_ms: u64,
) -> impl Future<Output = ()> + use<> {
    let later = Received {
        method: received.method.clone(),
        path: received.path.clone(),
        query: received.query.clone(),
        headers: received.headers.clone(),
        body: received.body.clone(),
    };
    let (faults, world) = (faults.to_vec(), world.clone());
    async move {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        take_effect(&later, &faults, &world);
    }
}

async fn after_effect(fault: &Kind, answer: &Answer) -> Option<Reply> {
    match fault {
        Kind::StatusAfter { status } => {
            let answer = Answer::error(*status, "internal_error", "after it took effect");
            Some(reply(answer))
        }
        Kind::DropAfter => Some(Err(Dropped)),
        Kind::ResetMidAnswer => Some(broken_off(answer)),
        Kind::NotJson => {
            let html = b"<html><body>Bad gateway</body></html>".to_vec();
            Some(reply(Answer::bytes("text/html", html)))
        }
        Kind::Silence { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            None
        }
        _ => None,
    }
}

fn take_effect(received: &Received, faults: &[Kind], world: &Shared) -> Answer {
    let mut world = lock(world);
    let parts: Vec<_> = received.path.trim_matches('/').split('/').collect();
    match (received.method.as_str(), parts.as_slice()) {
        ("GET", ["files", video, file]) => {
            return world.file(video, file, &received.query, received.header("range"));
        }
        ("GET", ["videos", video]) => return world.video_page(video),
        _ => {}
    }
    let key = received.header("x-api-key").filter(|k| !k.is_empty());
    let required = world.config.required_key.as_deref();
    if key.is_none() || required.is_some_and(|r| Some(r) != key) {
        return Answer::error(401, "unauthorized", "the API key is missing or not valid");
    }
    world.answer(&Asked {
        method: &received.method,
        path: &received.path,
        query: &received.query,
        body: &received.body,
        idempotency_key: received.header("idempotency-key"),
        faults,
    })
}

/// What tests and people ask of the sandbox itself.
fn control(received: &Received, world: &Shared) -> Answer {
    let mut world = lock(world);
    match (received.method.as_str(), received.path.as_str()) {
        ("GET", "/_sandbox/requests") => Answer::data(json!(world.requests)),
        ("GET", "/_sandbox/sessions") => Answer::data(world.all_sessions()),
        ("POST", "/_sandbox/faults") => match serde_json::from_slice(&received.body) {
            Ok(rules) => {
                world.faults.replace(rules);
                Answer::data(json!({}))
            }
            Err(e) => Answer::invalid("body", &e.to_string()),
        },
        ("DELETE", "/_sandbox/faults") => {
            world.faults.replace(Vec::new());
            Answer::data(json!({}))
        }
        _ => Answer::not_found("operation"),
    }
}

fn log_entry(received: &Received, faults: &[Kind]) -> Value {
    let key = received.header("x-api-key");
    let body = &received.body[..received.body.len().min(LOGGED_BODY)];
    json!({
        "time_ms": now_ms(),
        "method": received.method,
        "path": received.path,
        "query": received.query,
        "content_type": received.header("content-type"),
        "idempotency_key": received.header("idempotency-key"),
        // Enough to tell keys apart, useless to whoever reads the log.
        "key_sha256": key.map(|k| hex::encode(&Sha256::digest(k)[..4])),
        "bytes": received.body.len(),
        "body": std::str::from_utf8(body).ok(),
        "faults": faults.iter().map(Kind::name).collect::<Vec<_>>(),
    })
}

fn head(answer: &Answer, response: &mut Response<BoxBody<Bytes, std::io::Error>>) {
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("x-request-id", &format!("req-{:x}", now_ms()));
    set("accept-ranges", "bytes");
    match &answer.body {
        Body::Json(_) => set("content-type", "application/json"),
        Body::Bytes { media_type, .. } => set("content-type", media_type),
    }
    if let Some(seconds) = answer.retry_after {
        set("retry-after", &seconds.to_string());
    }
    if let Some(range) = &answer.range {
        set("content-range", range);
    }
}

fn bytes_of(answer: &Answer) -> Bytes {
    match &answer.body {
        Body::Json(value) => value.to_string().into(),
        Body::Bytes { bytes, .. } => bytes.clone().into(),
    }
}

fn reply(answer: Answer) -> Reply {
    let body = Full::new(bytes_of(&answer))
        .map_err(|never| match never {})
        .boxed();
    let mut response = Response::new(body);
    head(&answer, &mut response);
    Ok(response)
}

/// Half of the answer, then the connection breaks.
fn broken_off(answer: &Answer) -> Reply {
    let bytes = bytes_of(answer);
    let half = bytes.slice(..bytes.len() / 2);
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "broken off on request");
    let frames = stream::iter([Ok(Frame::data(half)), Err(broken)]);
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(frames)));
    head(answer, &mut response);
    let length = HeaderValue::from(bytes.len());
    response.headers_mut().insert("content-length", length);
    Ok(response)
}
