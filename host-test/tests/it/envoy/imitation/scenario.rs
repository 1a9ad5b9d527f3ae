//! Scenarios of `vectors/imitation`, and what comes of one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One file of scenarios.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) source: String,
    pub(super) cases: Vec<Scenario>,
}

/// One request, one answer, and what a filter does in between.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub(super) name: String,
    /// Steps by callback; without them the gateway's filter runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) probe: Option<Map<String, Value>>,
    /// `allow_on_headers_stop_iteration`.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub(super) holds_headers: bool,
    #[serde(default = "megabyte", skip_serializing_if = "is_megabyte")]
    pub(super) buffer_limit: usize,
    pub(super) request: Part,
    #[serde(default)]
    pub(super) answer: Upstream,
    /// How often it is sent, one after the other; what comes of the last counts.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub(super) times: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expect: Option<Outcome>,
}

const fn yes() -> bool {
    true
}

const fn once() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_once(times: &usize) -> bool {
    *times == 1
}

const fn megabyte() -> usize {
    1024 * 1024
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_megabyte(bytes: &usize) -> bool {
    *bytes == megabyte()
}

/// A request or an answer.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// `METHOD TARGET`, or the status.
    pub(super) start: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<(String, String)>,
    /// Pieces that come one after the other, in chunks if there is more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) body: Vec<String>,
    /// The one piece is this character so many times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) long: Option<(char, usize)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) trailers: Vec<(String, String)>,
}

impl Part {
    pub(super) fn pieces(&self) -> Vec<String> {
        let long = self.long.map(|(character, count)| character.to_string().repeat(count));
        self.body.iter().cloned().chain(long).collect()
    }

    /// Whether it has no length at its head.
    pub(super) fn is_chunked(&self) -> bool {
        self.body.len() > 1 || !self.trailers.is_empty()
    }
}

/// What the upstream does.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Upstream {
    Answers(Part),
    Dead,
}

impl Default for Upstream {
    fn default() -> Self {
        let headers = vec![("content-type".into(), "text/plain".into())];
        let body = vec!["answer".into()];
        Self::Answers(Part { start: "200".into(), headers, body, ..Part::default() })
    }
}

/// What can be seen from outside, and what a probe saw.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    /// "" if the connection ended before an answer did, `none` if nothing came.
    pub(super) status: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
    /// What reached the upstream to its end.
    pub(super) upstream: Option<Seen>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) log: Vec<String>,
}

/// A request at the upstream.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// Headers that are compared; others are Envoy's own affair, or of HTTP/1.1.
pub(super) fn matters(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "accept",
        "authorization",
        "cache-control",
        "content-length",
        "content-type",
        "retry-after",
        "www-authenticate",
        "x-scim-client",
    ];
    NAMES.contains(&name) || name.starts_with("x-probe")
}

/// A body as it is compared: of a long one, the length.
pub(super) fn shown(body: &[u8]) -> String {
    if body.len() > 400 {
        return format!("{} bytes", body.len());
    }
    String::from_utf8_lossy(body).into_owned()
}
