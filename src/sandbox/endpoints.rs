//! Webhook endpoints: registered, listed and deleted. `deliver` sends to them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;
use super::check::{Checked, check_json, check_key, refuse};
use super::clock::{iso, now_ms};
use super::deliver::{is_of_this_machine, is_wanted};
use super::journal::Line;
use super::received::Received;
use super::world::{REPLAYED_MS, World};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) endpoint_id: String,
    url: String,
    events: Value,
    made_ms: u64,
    secret: String,
    idempotency_key: Option<String>,
}

impl Endpoint {
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn wants(&self, event: &Value) -> bool {
        is_wanted(&self.events, event)
    }

    /// The secret is shown in the first answer alone.
    pub(super) fn show(&self, secret: bool) -> Value {
        json!({
            "endpoint_id": self.endpoint_id, "url": self.url, "events": self.events,
            "status": "enabled", "created_at": iso(self.made_ms),
            "secret": secret.then_some(&self.secret),
        })
    }
}

impl World {
    /// `POST /v3/webhooks/endpoints`.
    pub(super) fn add_endpoint(&mut self, received: &Received) -> Result<Answer, Box<Answer>> {
        let key = check_key(received)?;
        let request = check_json(received)?;
        check_endpoint(&request)?;
        let now = now_ms();
        let same = |e: &&Endpoint| key.is_some() && e.idempotency_key.as_deref() == key;
        let first = self.endpoints.iter().rev().find(same);
        if let Some(first) = first.filter(|e| now - e.made_ms.min(now) < REPLAYED_MS) {
            return Ok(Answer::data(first.show(true)));
        }
        let endpoint = Endpoint {
            endpoint_id: self.id("whe"),
            url: request["url"].as_str().unwrap_or_default().to_owned(),
            events: request["events"].clone(),
            made_ms: now,
            secret: self.id("whsec"),
            idempotency_key: key.map(str::to_owned),
        };
        let answer = Answer::data(endpoint.show(true));
        self.put(Line::Endpoint(endpoint))?;
        Ok(answer)
    }

    /// `DELETE /v3/webhooks/endpoints/{endpoint_id}`, which HeyGen's reference has beside the others.
    pub(super) fn delete_endpoint(&mut self, id: &str) -> Result<Answer, Box<Answer>> {
        if !self.endpoints.iter().any(|e| e.endpoint_id == id) {
            return Ok(Answer::not_found("endpoint"));
        }
        self.put(Line::EndpointDeleted(id.to_owned()))?;
        Ok(Answer::data(json!({"endpoint_id": id})))
    }
}

fn check_endpoint(request: &Value) -> Checked {
    if !request.is_object() {
        return refuse("body", "the body must be a JSON object");
    }
    let url = request["url"].as_str();
    if !url.is_some_and(|u| u.starts_with("https://") || is_of_this_machine(u)) {
        return refuse("url", "required, an HTTPS URL");
    }
    match &request["events"] {
        Value::Null => Ok(()),
        Value::Array(events) if events.iter().all(Value::is_string) => Ok(()),
        _ => refuse("events", "must be a list of strings"),
    }
}
