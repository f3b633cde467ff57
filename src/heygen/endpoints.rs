//! Webhook endpoints at HeyGen. Nothing here can spend.

use super::connection::{Config, ConnectError, Connection, segment};
use super::reader::{Listed, ReadError, decode};
use super::wire::{Data, Endpoint, NewEndpoint, Page};

/// Registers, lists and deletes the addresses that HeyGen delivers events to.
#[derive(Debug, Clone)]
pub struct Endpoints(Connection);

impl Endpoints {
    pub fn connect(config: &Config) -> Result<Self, ConnectError> {
        Connection::new(config.clone(), 1).map(Self)
    }

    /// Registers a URL; the answer holds the secret. The key is honoured here: within 24 hours a
    /// repeat gets the first answer.
    pub async fn register(
        &self,
        url: &str,
        events: &[String],
        idempotency_key: &str,
    ) -> Result<Endpoint, ReadError> {
        let post = self.0.client.post(self.0.url("/v3/webhooks/endpoints"));
        let request = post
            .header("Idempotency-Key", idempotency_key)
            .json(&NewEndpoint { url, events });
        let answer: Data<Endpoint> = self.send(request).await?;
        Ok(answer.data)
    }

    pub async fn list(&self, token: Option<&str>) -> Result<Listed<Endpoint>, ReadError> {
        let mut query = vec![("limit", "100")];
        query.extend(token.map(|token| ("token", token)));
        let get = self.0.client.get(self.0.url("/v3/webhooks/endpoints"));
        let page: Page<Endpoint> = self.send(get.query(&query)).await?;
        Ok(Listed {
            items: page.data,
            next: page.next_token.filter(|_| page.has_more),
        })
    }

    pub async fn delete(&self, endpoint_id: &str) -> Result<(), ReadError> {
        let path = format!("/v3/webhooks/endpoints/{}", segment(endpoint_id));
        let _: serde_json::Value = self.send(self.0.client.delete(self.0.url(&path))).await?;
        Ok(())
    }

    async fn send<T: serde::de::DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, ReadError> {
        let sent = request.timeout(self.0.config.read_timeout).send().await;
        let response = sent.map_err(|e| ReadError::Network(self.0.unreachable(&e)))?;
        decode(&self.0, response).await
    }
}
