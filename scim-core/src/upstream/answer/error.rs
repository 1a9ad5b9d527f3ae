//! Errors of an application as SCIM errors, whatever they came as (A3, A7; RFC 7644 §3.12).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use serde_json::Value;

use crate::port::http::Reply;
use crate::protocol::json::{Object, member};
use crate::protocol::{Error, ScimType};
use crate::upstream::profile::{Errors, Profile};

/// Bytes of an answer that are searched for its meaning.
const READ_BYTES: usize = 16 * 1024;
/// Bytes of a detail that is passed on.
const DETAIL_BYTES: usize = 300;
/// What no message for people holds: traces, paths, addresses, markup.
const INTERNALS: [&str; 14] = [
    "Exception",
    "Traceback",
    "stack",
    " at ",
    "::",
    "/",
    "\\",
    "@",
    "<",
    "{",
    "SQL",
    "line ",
    "0x",
    "\n",
];
/// Errors of a bearer token that a challenge may name (RFC 6750 §3.1).
const CHALLENGES: [&str; 3] = ["invalid_token", "insufficient_scope", "invalid_request"];

/// The error that an answer means. `filtered` says that the request was a list with a filter,
/// `writes` that it had a body.
#[must_use]
pub fn error(profile: &Profile, reply: &Reply, filtered: bool, writes: bool) -> Error {
    let text = reply.body.get(..reply.body.len().min(READ_BYTES)).unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let body: Option<Object> = serde_json::from_slice(&reply.body).ok();
    let challenge = reply.header("www-authenticate").unwrap_or_default();
    let named = |kind: &str| challenge.contains(kind) || text.trim() == kind;
    let status = reply.status;
    if profile.errors.unauthorized.contains(&u64::from(status)) {
        if named("insufficient_scope") {
            return with_challenge(403, "the scope does not allow this", "insufficient_scope");
        }
        let kind = CHALLENGES.into_iter().find(|kind| named(kind)).unwrap_or_default();
        return with_challenge(401, "the application does not accept the credential", kind);
    }
    let said = body.as_ref().and_then(|body| member(body, "scimType")).and_then(Value::as_str);
    let said = said.and_then(ScimType::from_name);
    let (status, kind) = match status {
        400..500 => (status, said.or_else(|| meant(status, filtered, writes))),
        503 | 504 => (status, None),
        500..600 => server_error(&profile.errors, status, &text, said),
        _ => (502, None),
    };
    let detail = body.as_ref().and_then(detail_of).filter(|_| status < 500);
    let error = Error::of_upstream(status, kind, detail.unwrap_or_else(|| plain(status).into()));
    match reply.header("retry-after").filter(|_| matches!(status, 429 | 503)) {
        Some(after) if is_harmless(after) => error.with_header("retry-after", after.to_string()),
        _ => error,
    }
}

/// Frameworks answer 500 where a validation fails in a place that they did not think of.
fn server_error(
    errors: &Errors,
    status: u16,
    text: &str,
    said: Option<ScimType>,
) -> (u16, Option<ScimType>) {
    let says = |all: &[String]| all.iter().any(|one| text.contains(one.as_str()));
    if says(&errors.conflict) || said == Some(ScimType::Uniqueness) {
        return (409, Some(ScimType::Uniqueness));
    }
    if says(&errors.invalid) {
        return (400, Some(ScimType::InvalidValue));
    }
    (status, None)
}

const fn meant(status: u16, filtered: bool, writes: bool) -> Option<ScimType> {
    match status {
        409 => Some(ScimType::Uniqueness),
        400 if filtered => Some(ScimType::InvalidFilter),
        400 | 422 if writes => Some(ScimType::InvalidValue),
        _ => None,
    }
}

/// The message for people in a SCIM error or a problem document (RFC 9457 §3.1), if it is one.
fn detail_of(body: &Object) -> Option<Cow<'static, str>> {
    let names = ["detail", "title", "message", "error_description"];
    let text = names.iter().find_map(|name| member(body, name).and_then(Value::as_str))?.trim();
    (!text.is_empty() && is_harmless(text)).then(|| text.to_string().into())
}

fn is_harmless(text: &str) -> bool {
    text.len() <= DETAIL_BYTES
        && !text.chars().any(char::is_control)
        && !INTERNALS.iter().any(|word| text.contains(word))
}

fn with_challenge(status: u16, detail: &'static str, kind: &str) -> Error {
    let mut challenge = String::from("Bearer realm=\"scim\"");
    if !kind.is_empty() {
        challenge.push_str(", error=\"");
        challenge.push_str(kind);
        challenge.push('"');
    }
    Error::of_upstream(status, None, detail).with_header("www-authenticate", challenge)
}

const fn plain(status: u16) -> &'static str {
    match status {
        400 | 422 => "the application refuses the request",
        403 => "the application does not allow this",
        404 => "there is no such resource",
        405 | 501 => "the application cannot do this",
        409 => "the application has such a resource",
        412 => "the resource has changed",
        413 => "the application finds the request too large",
        429 => "the application receives too many requests",
        503 => "the application is not available",
        504 => "the application did not answer in time",
        502 => "the application's answer cannot be understood",
        _ => "the application could not carry out the request",
    }
}
