//! The `authorization` header (RFC 6750 §2.1) and the challenge that answers it (§3).

use alloc::borrow::ToOwned;
use alloc::format;

use crate::protocol::error::Error;

/// Bytes of a token. Tokens of identity providers that list groups reach some kilobytes.
const TOKEN_BYTES: usize = 8192;

const SCHEME: &[u8] = b"bearer";
const CHALLENGE: &str = "Bearer realm=\"scim\"";

/// The 401 for a request without a credential of ours: no error code (RFC 6750 §3.1).
fn no_credential(reason: &'static str) -> Error {
    Error::unauthorized(CHALLENGE.to_owned(), reason)
}

/// The 401 for a token that is not valid, whatever the cause.
pub(super) fn invalid_token(reason: &'static str) -> Error {
    Error::unauthorized(format!("{CHALLENGE}, error=\"invalid_token\""), reason)
}

/// The 403 for a request beyond what its credential permits; `scope` is the one that it needs.
pub(super) fn insufficient_scope(scope: &str) -> Error {
    let challenge = format!("{CHALLENGE}, error=\"insufficient_scope\", scope=\"{scope}\"");
    Error::insufficient_scope(challenge)
}

/// The token in the values of the `authorization` header.
///
/// # Errors
/// 401 without a bearer token or with one that cannot be valid; 400 for more than one credential.
pub(super) fn parse<'a>(values: &[&'a [u8]]) -> Result<&'a [u8], Error> {
    let value = match values {
        [] => return Err(no_credential("no_credential")),
        [value] => value.trim_ascii(),
        _ => return Err(Error::bad_request("the request carries more than one credential")),
    };
    let Some((scheme, rest)) = value.split_at_checked(SCHEME.len()) else {
        return Err(no_credential("unknown_scheme"));
    };
    if !scheme.eq_ignore_ascii_case(SCHEME) || rest.first().is_some_and(|byte| *byte != b' ') {
        return Err(no_credential("unknown_scheme"));
    }
    let token = rest.trim_ascii();
    if token.is_empty() || token.len() > TOKEN_BYTES {
        return Err(invalid_token("token_length"));
    }
    // Some proxies join two fields into one, separated by a comma and a space.
    if token.iter().any(u8::is_ascii_whitespace) {
        return Err(Error::bad_request("the request carries more than one credential"));
    }
    if !token.iter().all(u8::is_ascii_graphic) {
        return Err(invalid_token("token_characters"));
    }
    Ok(token)
}
