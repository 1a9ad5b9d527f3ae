//! The HTTP client of the replay.

use core::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Request, Response};

use super::template::text_of;

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    /// By name in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) text: String,
}

impl Answer {
    /// The first field of this name, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Sends requests to one SCIM root.
pub(super) struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    /// A client of the root `base`.
    pub(super) fn new(base: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_WITHIN))
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .build()
            .into();
        Self { agent, base: base.to_owned() }
    }

    /// Sends one request. `headers` is an object whose nulls are left out; a text as `body` is
    /// sent as it is, null as none, and anything else as JSON.
    ///
    /// # Errors
    ///
    /// When no answer comes.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &Value,
        body: &Value,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers.as_object().into_iter().flatten() {
            if !value.is_null() {
                request = request.header(name, text_of(value));
            }
        }
        let response = if body.is_null() {
            self.agent.run(request.body(())?)
        } else {
            self.agent.run(request.body(text_of(body))?)
        };
        read(response.context("no answer")?)
    }
}

fn read(mut response: Response<ureq::Body>) -> anyhow::Result<Answer> {
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let bytes = response.body_mut().read_to_vec()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Answer { status: response.status().as_u16(), headers, text })
}
