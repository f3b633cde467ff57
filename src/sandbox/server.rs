//! The server itself: it listens, hands requests over, and stops when it is dropped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Config;
use super::exchange::{Shared, exchange, lock};
use super::journal;
use super::received::Received;
use super::reply::{Dropped, Reply};
use super::world::World;

/// A running sandbox; it stops when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    world: Shared,
    /// Connections and requests end when this does.
    _running: watch::Sender<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("{0} is not an address of this machine alone; use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    #[error("cannot use the sandbox's data")]
    Data(#[source] std::io::Error),
    #[error("another sandbox uses {}", .0.display())]
    InUse(PathBuf),
    #[error("{} is damaged in line {line}", path.display())]
    Damaged {
        path: PathBuf,
        line: usize,
        #[source]
        source: serde_json::Error,
    },
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
        let lock = match &config.data {
            Some(dir) => Some(journal::lock(dir, config.lock_patience).await?),
            None => None,
        };
        let world = World::open(config, format!("http://{addr}"), lock)?;
        let world = Arc::new(Mutex::new(world));
        let (running, stopped) = watch::channel(());
        tokio::spawn(until(
            stopped.clone(),
            accept(listener, world.clone(), stopped),
        ));
        let delivering = super::deliver::deliver(world.clone());
        tokio::spawn(until(running.subscribe(), delivering));
        Ok(Self {
            addr,
            world,
            _running: running,
        })
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
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
        lock(&self.world).close();
    }
}

/// Does something unless the sandbox stops first.
async fn until<T>(mut stopped: watch::Receiver<()>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        _ = stopped.changed() => None,
    }
}

async fn accept(listener: TcpListener, world: Shared, stopped: watch::Receiver<()>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = connection(stream, world.clone(), stopped.clone());
                tokio::spawn(until(stopped.clone(), served));
            }
            Err(error) => {
                tracing::debug!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, world: Shared, stopped: watch::Receiver<()>) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| handle(request, world.clone(), stopped.clone()));
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::trace!(%error, "a connection ended");
    }
}

/// A request that has arrived takes its effect even if the client hangs up meanwhile, so it is no
/// part of its connection.
async fn handle(request: Request<Incoming>, world: Shared, stopped: watch::Receiver<()>) -> Reply {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let cut = lock(&world).faults.cut(method, path);
    let received = Received::read(request, cut).await.ok_or(Dropped)?;
    let answered = tokio::spawn(until(stopped, exchange(received, world)));
    answered.await.ok().flatten().unwrap_or(Err(Dropped))
}
