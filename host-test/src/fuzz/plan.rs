//! What one run sends: a request and an upstream's answer, valid, damaged or hostile.

use std::sync::OnceLock;

use serde_json::Value;

use super::body::{any_value_byte, damage, request_body};
use super::random::Random;
use crate::imitation::Failure;

/// The client's token.
pub(super) const TOKEN: &str = "fuzz-token-of-the-client";
/// Stands in bodies, queries and headers; it must not show in any log.
pub(super) const MARK: &str = "s3cr3t-v4lue";

/// Header fields.
pub(super) type Fields = Vec<(String, Vec<u8>)>;

/// How a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With its head.
    Head,
    /// With an empty piece, as HTTP/1.1 does.
    Empty,
    /// With its last piece, as HTTP/2 can.
    LastPiece,
    Trailers,
    /// It does not.
    Never,
}

/// A message in parts.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Without pseudo-headers.
    pub(super) fields: Fields,
    pub(super) pieces: Vec<Vec<u8>>,
    pub(super) trailers: Fields,
    pub(super) end: End,
}

/// One run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) method: String,
    pub(super) target: Vec<u8>,
    pub(super) request: Message,
    /// The client whose credential the request carries, if it is one.
    pub(super) client: Option<&'static str>,
    pub(super) status: u16,
    pub(super) answer: Message,
    /// In the place of an answer.
    pub(super) failure: Option<Failure>,
}

/// What clients ask for; three times out of four one of these goes as it is.
const USUAL: [(&str, &str); 22] = [
    ("GET", "/scim/v2/Users"),
    ("GET", "/scim/v2/Users/7"),
    ("GET", "/scim/v2/Users?filter=userName%20eq%20%22s3cr3t-v4lue%22"),
    ("GET", "/scim/v2/Users?startIndex=1&count=10&attributes=userName,emails.value"),
    ("GET", "/scim_v2/users/7?excludedAttributes=members"),
    ("GET", "/scim/v2/Groups/0198c0de-0000-7000-8000-000000000001"),
    ("GET", "/scim/v2/ServiceProviderConfig"),
    ("GET", "/scim/v2/ResourceTypes/User"),
    ("GET", "/scim/v2/Schemas"),
    ("GET", "/scim/v2/Me"),
    ("HEAD", "/scim/v2/Users/7"),
    ("POST", "/scim/v2/Users"),
    ("POST", "/scim/v2/Users"),
    ("POST", "/scim/v2/Groups"),
    ("POST", "/scim/v2/Users/.search"),
    ("POST", "/scim/v2/.search"),
    ("POST", "/scim/v2/Bulk"),
    ("PUT", "/scim/v2//Users/7/"),
    ("PATCH", "/scim/v2/Users/7"),
    ("PATCH", "/scim/v2/Users/7"),
    ("PATCH", "/scim/v2/Groups/8"),
    ("DELETE", "/scim/v2/Users/7"),
];

const METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"];

const TARGETS: [&str; 10] = [
    "/scim/v2/Users?access_token=s3cr3t-v4lue",
    "/scim/v2/Users?count=1&count=2",
    "/scim/v2/../admin",
    "/scim/v2/%2e%2e/admin",
    "/scim/v2/Users/a%2fb",
    "/scim/v2/Users;x=1/7",
    "/scim/v2/Robots",
    "/alive",
    "/",
    "/v2/acme/Users",
];

const HOSTILE: [(&str, &str); 16] = [
    ("x-scim-client", "root"),
    ("x_scim_client", "root"),
    ("x-scim_client", "root"),
    ("x-http-method-override", "DELETE"),
    ("x-original-url", "/admin"),
    ("x-rewrite-url", "/admin"),
    ("x-forwarded-host", "evil.example"),
    ("forwarded", "host=evil.example"),
    ("remote-user", "root"),
    ("cookie", "session=s3cr3t-v4lue"),
    ("accept-encoding", "gzip"),
    ("content-encoding", "gzip"),
    ("if-match", "W/\"1\""),
    ("adscimversion", "1"),
    ("user-agent", "okta-scim-client/1.0.0"),
    ("prefer", "return=minimal"),
];

impl Plan {
    /// The plan of one run.
    pub(super) fn of(random: &mut Random) -> Self {
        let (mut method, mut target) = random.one(&USUAL);
        if random.percent(8) {
            method = random.one(&METHODS);
        }
        if random.percent(8) {
            target = random.one(&TARGETS);
        }
        let method = if random.percent(1) { method.to_lowercase() } else { method.to_owned() };
        let mut target = target.as_bytes().to_vec();
        if random.percent(10) {
            damage(&mut target, random);
        }
        // What no parser of HTTP lets through need not be tried.
        target.retain(|byte| *byte > b' ' && *byte != 0x7f);
        let has_body = match method.as_str() {
            "POST" | "PUT" | "PATCH" => random.percent(95),
            _ => random.percent(5),
        };
        let (authorization, client) = authorization(random);
        let mut fields = authorization;
        if has_body || random.percent(20) {
            fields.extend(media_type(random));
        }
        while random.percent(30) {
            let (name, value) = random.one(&HOSTILE);
            fields.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        if random.percent(5) {
            let value = (0..random.below(20)).map(|_| any_value_byte(random)).collect();
            fields.push((random.one(&["x-odd", "x-request-id", "accept"]).to_owned(), value));
        }
        let body = if has_body { request_body(random) } else { Vec::new() };
        let mut request = message(fields, body, has_body, random);
        if random.percent(3) {
            request.end = End::Never;
        }
        let failures = [Failure::Refused, Failure::Reset, Failure::Late];
        let failure = failures.get(random.below(60)).copied();
        let status = random.one(&[200, 200, 200, 201, 204, 304, 400, 401, 404, 409, 429, 500, 503]);
        let answer = answer(status, random);
        Self { method, target, request, client, status, answer, failure }
    }
}

/// Tokens of an identity provider, and its keys.
pub(super) fn tokens() -> &'static Value {
    static TOKENS: OnceLock<Value> = OnceLock::new();
    TOKENS.get_or_init(|| {
        let text = include_str!("../../../vectors/jwt/fuzz.json");
        serde_json::from_str(text).unwrap_or_default()
    })
}

fn good_token() -> &'static str {
    tokens().get("good").and_then(Value::as_str).unwrap_or_default()
}

fn authorization(random: &mut Random) -> (Fields, Option<&'static str>) {
    let field = |value: String| ("authorization".to_owned(), value.into_bytes());
    let good = if random.percent(30) { good_token() } else { TOKEN };
    let value = match random.below(20) {
        0 => return (Vec::new(), None),
        1 => "Bearer wrong-token-0123456789".to_owned(),
        2 => format!("Basic {good}"),
        3 => return (vec![field(format!("Bearer {good}")), field(format!("Bearer {good}"))], None),
        4 => {
            let mut value = format!("Bearer {good}").into_bytes();
            damage(&mut value, random);
            value.retain(|byte| *byte >= b' ' && *byte != 0x7f);
            let client = client_of(&value);
            return (vec![("authorization".to_owned(), value)], client);
        }
        5 => format!("bEARER {good}"),
        6 => {
            let bad = tokens().get("bad").and_then(Value::as_object);
            let bad: Vec<&str> =
                bad.into_iter().flat_map(|bad| bad.values()).filter_map(Value::as_str).collect();
            format!("Bearer {}", random.one(&bad))
        }
        _ => format!("Bearer {good}"),
    };
    let client = client_of(value.as_bytes());
    (vec![field(value)], client)
}

/// Whose credential a value is (RFC 6750 §2.1): the scheme in any letter case.
fn client_of(value: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(value).trim().to_owned();
    let (scheme, token) = text.split_once(' ')?;
    match token.trim() {
        _ if !scheme.eq_ignore_ascii_case("bearer") => None,
        TOKEN => Some("default"),
        token if token == good_token() => Some("jwt"),
        _ => None,
    }
}

fn media_type(random: &mut Random) -> Option<(String, Vec<u8>)> {
    let value = match random.below(20) {
        0 => return None,
        1 => "text/plain",
        2 => "application/json; charset=latin1",
        3 => "application/json",
        4 => "APPLICATION/SCIM+JSON; charset=utf-8",
        _ => "application/scim+json",
    };
    Some(("content-type".to_owned(), value.as_bytes().to_vec()))
}

fn message(mut fields: Fields, body: Vec<u8>, has_body: bool, random: &mut Random) -> Message {
    if !has_body {
        return Message { fields, pieces: Vec::new(), trailers: Vec::new(), end: End::Head };
    }
    let end = match random.below(10) {
        0 | 1 => End::Trailers,
        2..=4 => End::LastPiece,
        _ => End::Empty,
    };
    // With trailers there is no length; else there mostly is.
    if end != End::Trailers && random.percent(70) {
        fields.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
    }
    let mut pieces = vec![body];
    for _ in 0..random.one(&[0, 0, 0, 1, 2, 5]) {
        let which = random.below(pieces.len());
        if let Some(piece) = pieces.get_mut(which) {
            let rest = piece.split_off(random.below(piece.len() + 1));
            pieces.insert(which + 1, rest);
        }
    }
    let mut trailers = Vec::new();
    if end == End::Trailers {
        let trailer =
            random.one(&[("x-scim-client", "root"), ("x-a", "b"), ("authorization", "x")]);
        trailers.push((trailer.0.to_owned(), trailer.1.as_bytes().to_vec()));
    }
    Message { fields, pieces, trailers, end }
}

fn answer(status: u16, random: &mut Random) -> Message {
    let user = format!("{{\"id\":\"7\",\"userName\":\"{MARK}\"}}");
    let list = format!("{{\"totalResults\":1,\"Resources\":[{user}]}}");
    let error = format!("{{\"status\":{status},\"detail\":\"{MARK}\"}}");
    let html = format!("<html>{MARK}</html>");
    let mut body = match random.below(12) {
        0..=4 => user,
        5..=7 => list,
        8 | 9 => error,
        10 => html,
        _ => String::new(),
    }
    .into_bytes();
    if random.percent(10) {
        damage(&mut body, random);
    }
    let mut fields = Vec::new();
    let kind =
        random.one(&["application/scim+json", "application/json", "text/html", "text/plain"]);
    fields.push(("content-type".to_owned(), kind.as_bytes().to_vec()));
    if random.percent(10) {
        let (name, value) = random.one(&[
            ("location", "http://upstream.example/base/v2/Users/7"),
            ("content-encoding", "gzip"),
            ("etag", "W/\"1\""),
            ("set-cookie", "a=b"),
            ("retry-after", "7"),
        ]);
        fields.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    let mut message = message(fields, body, !matches!(status, 204 | 304), random);
    if random.percent(2) && message.end != End::Head {
        message.end = End::Never;
    }
    message
}
