//! An answer before it is written, and how it is written (RFC 7644 §3.1, §8.1).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::head::{Head, JSON, Preference};
use crate::protocol::Error;

/// An answer before it is written: status, body and the header fields of its own.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Whether it is plain JSON and no SCIM.
    pub(super) is_plain: bool,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body), headers: Vec::new(), is_plain: false }
    }

    pub(super) const fn empty(status: u16) -> Self {
        Self { status, body: None, headers: Vec::new(), is_plain: false }
    }

    /// A JSON document that is no SCIM message.
    pub(super) fn plain(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new(), is_plain: true }
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Says that a preference was followed (RFC 7240 §3).
    pub(super) fn applied(self, preference: Option<Preference>) -> Self {
        match preference {
            Some(preference) => self.with("preference-applied", preference.text().into()),
            None => self,
        }
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let body = Some(error.to_json());
        Self { status: error.status(), body, headers: error.headers().to_vec(), is_plain: false }
    }
}

/// Header fields and body as they go out.
pub(super) fn written(
    answer: Answer,
    head: Head<'_>,
    request_id: &str,
) -> (Vec<(&'static str, String)>, Vec<u8>) {
    let mut headers = answer.headers;
    headers.push(("cache-control", "no-store".into()));
    headers.push(("x-request-id", request_id.into()));
    let mut bytes = Vec::new();
    if let Some(body) = answer.body {
        let media_type = if answer.is_plain { JSON } else { head.answer_type() };
        headers.push(("content-type", media_type.into()));
        bytes = serde_json::to_vec(&body).unwrap_or_default();
    }
    if head.method == "HEAD" {
        bytes.clear();
    } else if answer.status != 204 && answer.status != 304 {
        headers.push(("content-length", bytes.len().to_string()));
    }
    (headers, bytes)
}
