//! One request to the admin API.

use core::fmt::Write as _;
use core::time::Duration;

use anyhow::{Context as _, anyhow};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use super::Connection;

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);

/// The admin API of one service.
pub(super) struct Api {
    agent: Agent,
    base: String,
    token: String,
}

impl Api {
    /// The API of this connection.
    ///
    /// # Errors
    /// No token, or an address to which the token must not go.
    pub(super) fn new(connection: &Connection) -> anyhow::Result<Self> {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_WITHIN))
            .max_redirects(0)
            .build()
            .into();
        let token = connection.admin_token.clone();
        let token = token.context("--admin-token or SCIM_EDGE_ADMIN_TOKEN is missing")?;
        Ok(Self { agent, base: connection.base()?, token })
    }

    /// The answer's document; null without one.
    ///
    /// # Errors
    /// What the service says when it refuses.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        let response = match body {
            Some(body) => self.agent.run(request.body(body.to_string())?),
            None => self.agent.run(request.body(())?),
        };
        let mut response = response.context("the service does not answer")?;
        let status = response.status();
        let text = response.body_mut().read_to_string()?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let detail = answer.get("detail").and_then(Value::as_str).unwrap_or("no reason given");
        let mut message = format!("{}: {detail}", status.as_u16());
        for in_the_way in ["resources", "clients"] {
            let held = answer.get(in_the_way).filter(|held| match held {
                Value::Object(held) => !held.is_empty(),
                Value::Array(held) => !held.is_empty(),
                _ => false,
            });
            if let Some(held) = held {
                let _ = write!(message, "\n  {in_the_way}: {held}");
            }
        }
        if status.as_u16() == 409 && answer.get("resources").is_some() {
            message.push_str("\n  --force removes it all the same");
        }
        Err(anyhow!(message))
    }
}

/// A name as a segment of a path.
pub(super) fn segment(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    name.bytes()
        .map(
            |byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") },
        )
        .collect()
}
