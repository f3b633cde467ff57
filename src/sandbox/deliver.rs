//! Delivering webhooks: to registered endpoints, signed, and to the `callback_url` of a request.
//!
//! Only to this machine: a stand-in talks to nobody else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use url::{Host, Url};

use super::clock::now_ms;
use super::exchange::{Shared, lock};
use super::world::World;

const LOOK_EVERY: Duration = Duration::from_millis(50);
const TRIES: u32 = 8;
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// HeyGen waits so long for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One event on its way to one address.
#[derive(Debug)]
struct Delivery {
    url: String,
    event_id: String,
    body: Vec<u8>,
    /// Absent for a `callback_url`, which has no secret.
    secret: Option<String>,
}

/// Delivers what ends from here on.
pub(super) async fn deliver(world: Arc<Mutex<World>>) {
    // Fails only where a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .timeout(PATIENCE)
        .build();
    let Ok(client) = client else { return };
    lock(&world).forget_undelivered();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        for delivery in due(&world) {
            tokio::spawn(send(client.clone(), delivery));
        }
    }
}

fn due(world: &Shared) -> Vec<Delivery> {
    let mut world = lock(world);
    let ended = world.take_ended();
    let deliveries = ended.iter().flat_map(|at| world.deliveries(*at));
    deliveries.collect()
}

impl World {
    fn deliveries(&self, at: usize) -> Vec<Delivery> {
        let session = &self.sessions[at];
        if session.foreign {
            return Vec::new();
        }
        let event = self.event(session, now_ms());
        let endpoints = self.endpoints.iter().filter(|e| e.wants(&event));
        let callback = session.request["callback_url"]
            .as_str()
            .map(|url| (url, None));
        endpoints
            .map(|e| (e.url(), Some(e.secret())))
            .chain(callback)
            .filter(|(url, _)| is_of_this_machine(url))
            .map(|(url, secret)| Delivery {
                url: url.to_owned(),
                event_id: event["event_id"].as_str().unwrap_or_default().to_owned(),
                body: event.to_string().into_bytes(),
                secret: secret.map(str::to_owned),
            })
            .collect()
    }
}

/// Again with backoff until it is answered with 2xx.
async fn send(client: reqwest::Client, delivery: Delivery) {
    for tries in 0..TRIES {
        let sent = request(&client, &delivery).send().await;
        if sent.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        tokio::time::sleep(FIRST_BACKOFF * (1 << tries)).await;
    }
    tracing::warn!(
        url = delivery.url,
        event = delivery.event_id,
        "nobody took a webhook"
    );
}

fn request(client: &reqwest::Client, delivery: &Delivery) -> reqwest::RequestBuilder {
    let request = client
        .post(&delivery.url)
        .header("Content-Type", "application/json")
        .header("Heygen-Event-Id", &delivery.event_id)
        .header("Heygen-Timestamp", (now_ms() / 1_000).to_string())
        .body(delivery.body.clone());
    match delivery
        .secret
        .as_deref()
        .and_then(|secret| sign(secret, &delivery.body))
    {
        Some(signature) => request.header("Heygen-Signature", signature),
        None => request,
    }
}

fn sign(secret: &str, body: &[u8]) -> Option<String> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    Some(hex::encode(mac.chain_update(body).finalize().into_bytes()))
}

pub(super) fn is_of_this_machine(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

pub(super) fn is_wanted(events: &Value, event: &Value) -> bool {
    let Some(events) = events.as_array() else {
        return true;
    };
    events.is_empty() || events.contains(&event["event_type"])
}
