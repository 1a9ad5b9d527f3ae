//! Header fields that a client must not decide, and the media types of bodies (RFC 7644 §3.8).

use alloc::string::String;

/// Fields that name a caller, carry a credential, or make one path, method or host pass for
/// another. A gateway removes them from every request, then sets its own.
const NAMES: [&str; 26] = [
    "authorization",
    "cookie",
    "forwarded",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "remote-user",
    "te",
    "trailer",
    "x-accel-redirect",
    "x-authenticated-user",
    "x-client-cert",
    "x-client-dn",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-remote-user",
    "x-rewrite-url",
    "x-script-name",
    "x-sendfile",
    "x-user",
];

/// Beginnings of such fields. Those of `x-envoy-` steer time-outs and retries.
const PREFIXES: [&str; 6] =
    ["x-auth-request-", "x-envoy-", "x-forwarded-", "x-http-method-", "x-scim-", "x-ssl-client"];

/// What a proxy writes itself, under exactly this name.
const OF_THE_PROXY: [&str; 2] = ["x-forwarded-for", "x-forwarded-proto"];

/// Whether a gateway must remove the field `name` that a client sent. `identity` is the field in
/// which the gateway tells the upstream who the client is.
///
/// Servers that hand fields on as variables (CGI, WSGI, PHP) fold letter case and all punctuation,
/// so `X_Scim-Client` is `x-scim-client` to them, and here.
///
/// ```
/// use scim_core::auth::header::is_spoofable;
/// assert!(is_spoofable("X_Scim_Client", "x-scim-client"));
/// assert!(is_spoofable("x-http-method-override", "x-scim-client"));
/// assert!(!is_spoofable("user-agent", "x-scim-client"));
/// ```
#[must_use]
pub fn is_spoofable(name: &str, identity: &str) -> bool {
    if OF_THE_PROXY.contains(&name) {
        return false;
    }
    let folded = fold(name);
    let folded = folded.as_str();
    folded == fold(identity)
        || NAMES.contains(&folded)
        || PREFIXES.iter().any(|prefix| folded.starts_with(prefix))
}

fn fold(name: &str) -> String {
    let folded = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(folded).collect()
}

/// Whether a body of the media type `value` (a `content-type` field as received) is SCIM's:
/// `application/scim+json` or `application/json`, in UTF-8.
#[must_use]
pub fn is_scim_media_type(value: &[u8]) -> bool {
    let Ok(value) = core::str::from_utf8(value) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let known = ["application/scim+json", "application/json"];
    known.iter().any(|known| media_type.eq_ignore_ascii_case(known))
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            !name.trim().eq_ignore_ascii_case("charset")
                || value.eq_ignore_ascii_case("utf-8")
                || value.eq_ignore_ascii_case("utf8")
        })
}
