//! What must hold of every exchange.

use scim_core::protocol::json;
use scim_core::protocol::limits::Limits;
use serde_json::Value;

use super::plan::{MARK, Plan, TOKEN};
use crate::imitation::{Exchange, Headers, Received};

/// The gateway's token at the upstream.
pub(super) const UPSTREAM_TOKEN: &str = "fuzz-token-of-the-gateway";
/// The path of the upstream's SCIM root.
pub(super) const UPSTREAM_BASE: &str = "/base/v2";

/// What the gateway answers to whoever asks whether it runs.
const ALIVE: &[u8] = br#"{"status":"ok"}"#;

/// Finds what is wrong with an exchange.
///
/// # Errors
/// The first rule that it breaks.
pub(super) fn exchange(plan: &Plan, exchange: &Exchange) -> Result<(), String> {
    if let Some(headers) = &exchange.upstream.headers {
        upstream_head(plan, headers)?;
        if exchange.upstream.complete {
            upstream_body(&exchange.upstream, headers)?;
        }
    }
    for (name, value) in &exchange.filter_state {
        quiet(name, value)?;
    }
    if exchange.client.complete { client(plan, &exchange.client) } else { Ok(()) }
}

/// Nothing of a credential or a value may be told.
pub(super) fn quiet(place: &str, text: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(text);
    // The last is how every token of an identity provider begins.
    let secrets = [TOKEN, MARK, UPSTREAM_TOKEN, "eyJhbGci"];
    let told = secrets.into_iter().any(|secret| text.contains(secret));
    if told { Err(format!("{place} tells a secret")) } else { Ok(()) }
}

fn upstream_head(plan: &Plan, headers: &Headers) -> Result<(), String> {
    let Some(client) = plan.client else {
        return Err("an unauthenticated request went upstream".into());
    };
    let path = headers.first(":path").unwrap_or_default();
    let root = UPSTREAM_BASE.as_bytes();
    let inside = path
        .strip_prefix(root)
        .is_some_and(|rest| rest.first().is_none_or(|byte| b"/?".contains(byte)));
    let resource = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let dots = resource.split(|byte| *byte == b'/').any(|part| part == b".." || part == b".");
    if !inside || dots {
        return Err(format!("a path that is none of ours: {}", String::from_utf8_lossy(path)));
    }
    let told: Vec<&[u8]> = headers.all("x-scim-client").collect();
    if told != [client.as_bytes()] {
        return Err("the upstream is not told the one client".into());
    }
    let expected = format!("Bearer {UPSTREAM_TOKEN}");
    if headers.all("authorization").collect::<Vec<_>>() != [expected.as_bytes()] {
        return Err("the upstream is sent another credential".into());
    }
    for (name, value) in headers.iter() {
        let folded = String::from_utf8_lossy(name).replace('_', "-");
        if folded == "x-scim-client" && name != b"x-scim-client" || value == b"root" {
            return Err(format!("a spoofed header went upstream: {folded}"));
        }
    }
    Ok(())
}

fn upstream_body(seen: &Received, headers: &Headers) -> Result<(), String> {
    if !seen.length_is_right() {
        return Err("the upstream is promised another length".into());
    }
    let trailers = seen.trailers.as_ref();
    if trailers.is_some_and(|trailers| trailers.iter().any(|(_, value)| value == b"root")) {
        return Err("a trailer told the upstream who the client is".into());
    }
    if !matches!(headers.text(":method"), "POST" | "PUT" | "PATCH") {
        let empty = seen.body.is_empty();
        return if empty { Ok(()) } else { Err("a body without a meaning went upstream".into()) };
    }
    // Our own reader refuses members that occur twice, and nesting that is too deep.
    let read = json::parse_object(&seen.body, &Limits::default());
    read.map(|_| ()).map_err(|error| format!("the upstream's body: {error}"))
}

fn client(plan: &Plan, got: &Received) -> Result<(), String> {
    let Some(headers) = &got.headers else { return Err("an answer without a head".into()) };
    let status = got.status().ok_or("an answer without a status")?;
    let is_head = plan.method == "HEAD";
    if !is_head && !matches!(status, 204 | 304) && !got.length_is_right() {
        return Err("the client is promised another length".into());
    }
    if got.body.is_empty() {
        // HEAD, and what has no body by its status, or at the upstream.
        let bodiless = is_head || matches!(status, 204 | 304) || status == plan.status;
        return if bodiless { Ok(()) } else { Err(format!("an empty answer of status {status}")) };
    }
    let own = plan.answer.pieces.concat();
    if status == plan.status && got.body == own {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&got.body).map_err(|_| {
        format!("an answer of status {status} that is neither JSON nor the upstream's")
    })?;
    if status == 200 && got.body == ALIVE {
        return Ok(());
    }
    let media_type = headers.text("content-type");
    if !media_type.starts_with("application/scim+json") {
        return Err(format!("an answer of ours is {media_type}"));
    }
    if body.get("schemas").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(format!("an answer of status {status} without schemas"));
    }
    let told = body.get("status").and_then(Value::as_str);
    if status >= 400 && told != Some(status.to_string().as_str()) {
        return Err(format!("an error of status {status} that tells another"));
    }
    if status >= 400 { quiet("an error", &got.body) } else { Ok(()) }
}
