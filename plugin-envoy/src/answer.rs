//! Answers in SCIM's form, and the audit line of a request (RFC 7644 §3.12).

use scim_core::protocol::{Error, Notes, urn};
use serde_json::{Map, Value, json};

use crate::host;

/// SCIM's media type (RFC 7644 §8.1).
pub(crate) const MEDIA_TYPE: &str = "application/scim+json";
/// Bytes of a request id that are kept.
const REQUEST_ID_BYTES: usize = 128;

/// What the audit line of a request says. It never holds a value of a body, of a query or of a
/// credential.
#[derive(Default)]
pub(crate) struct Audit {
    pub(crate) method: &'static str,
    pub(crate) endpoint: String,
    pub(crate) resource: String,
    pub(crate) tenant: String,
    pub(crate) client: String,
    pub(crate) dialect: &'static str,
    pub(crate) request_id: String,
    pub(crate) notes: Notes,
}

impl Audit {
    /// Writes the line of a request that passes.
    pub(crate) fn passed(&self) {
        self.write("passed", None);
    }

    /// Writes the line of a request that is answered here.
    pub(crate) fn answered(&self, reason: &str, status: u16) {
        self.write(reason, Some(status));
    }

    fn write(&self, reason: &str, status: Option<u16>) {
        let mut line = Map::new();
        let fields = [
            ("method", self.method),
            ("endpoint", &self.endpoint),
            ("resource", &self.resource),
            ("tenant", &self.tenant),
            ("client", &self.client),
            ("dialect", self.dialect),
            ("request_id", &self.request_id),
            ("reason", reason),
        ];
        for (name, text) in fields.into_iter().filter(|(_, text)| !text.is_empty()) {
            line.insert(name.into(), text.into());
        }
        if !self.notes.is_empty() {
            line.insert("notes".into(), self.notes.to_json());
        }
        if let Some(status) = status {
            line.insert("status".into(), status.into());
        }
        host::set_audit(Value::Object(line).to_string().as_bytes());
    }
}

/// A request id that is fit for a header and a log; otherwise none.
pub(crate) fn request_id(value: &[u8]) -> String {
    let fit = value.len() <= REQUEST_ID_BYTES && value.iter().all(u8::is_ascii_graphic);
    let text = if fit { core::str::from_utf8(value).unwrap_or_default() } else { "" };
    text.to_owned()
}

/// Answers with an error body. To be called once, before an answer has begun.
pub(crate) fn refuse(error: &Error, request_id: &str) {
    let mut headers = common_headers(request_id);
    headers.extend(error.headers().iter().map(|(name, value)| (*name, value.as_str())));
    host::answer(error.status(), headers, error.to_json().to_string().as_bytes());
}

/// Answers that the gateway runs.
pub(crate) fn alive(request_id: &str) {
    let mut headers = common_headers(request_id);
    headers.retain(|(name, _)| *name != "content-type");
    headers.push(("content-type", "application/json"));
    host::answer(200, headers, br#"{"status":"ok"}"#);
}

/// The body in the place of the text that Envoy itself sends with `status`.
pub(crate) fn body_of_envoys_answer(status: u16) -> Vec<u8> {
    let detail = match status {
        413 => "the body is too large",
        408 => "the request took too long",
        503 => "the upstream cannot be reached",
        504 => "the upstream did not answer in time",
        _ => "the gateway could not handle the request",
    };
    let status = status.to_string();
    let body = json!({"schemas": [urn::ERROR], "status": status, "detail": detail});
    body.to_string().into_bytes()
}

fn common_headers(request_id: &str) -> Vec<(&str, &str)> {
    let mut headers = vec![("content-type", MEDIA_TYPE), ("cache-control", "no-store")];
    if !request_id.is_empty() {
        headers.push(("x-request-id", request_id));
    }
    headers
}
