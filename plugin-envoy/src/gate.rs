//! What becomes of a request's head: route, client, and the headers that go on.

use std::rc::Rc;

use scim_core::auth::admission::{self, Checked};
use scim_core::auth::freshness::Need;
use scim_core::auth::jwt::JwtError;
use scim_core::auth::{Client, header};
use scim_core::dialect::{Dialect, check_understood};
use scim_core::protocol::Error;
use scim_core::protocol::route::{self, Endpoint, Route};

use crate::answer::{self, Audit, MEDIA_TYPE};
use crate::host::{self, Header};
use crate::limit;
use crate::registry::Access;
use crate::root::Shared;

/// Bytes of an id that the audit line shows at most.
const LOGGED_ID_BYTES: usize = 64;

/// What is to be done with the request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// There is none.
    None,
    /// It is read and written anew.
    Canonicalize,
    /// The method gives it no meaning (RFC 9110 §9.3): it is left out.
    Drop,
}

/// A request that may pass once its body is right.
pub(crate) struct Admitted {
    pub(crate) method: &'static str,
    pub(crate) endpoint: Endpoint,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) body: Body,
}

/// What becomes of a request.
pub(crate) enum Verdict {
    Admit(Admitted),
    /// It asks whether the gateway runs.
    Alive,
    /// Who sends it is known only when keys have come.
    Wait,
}

/// Judges the head of a request, and prepares it for the upstream if it may pass. `audit` is filled
/// as far as the request was understood.
///
/// # Errors
/// The refusal.
pub(crate) fn judge(
    shared: &Shared,
    headers: &[Header],
    ends: bool,
    audit: &mut Audit,
) -> Result<Verdict, Error> {
    let values = |name: &str| {
        let values = headers.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| value.as_slice()).collect::<Vec<_>>()
    };
    let first = |name: &str| values(name).into_iter().next().unwrap_or_default();
    audit.request_id = answer::request_id(first("x-request-id"));
    let method = method(first(":method"));
    audit.method = method;

    let config = &shared.config;
    let target = core::str::from_utf8(first(":path"))
        .map_err(|_| Error::bad_request("the request target is not UTF-8"))?;
    let types = shared.catalog.types().iter();
    let endpoints: Vec<&str> = types.map(|known| &*known.endpoint).collect();
    let route = route::parse(target, &config.bases, &endpoints, &config.limits)?;
    route.endpoint.name().clone_into(&mut audit.endpoint);
    if route.endpoint == Endpoint::Alive {
        route::check_method(method, &route.endpoint)?;
        return Ok(Verdict::Alive);
    }
    if !config.enabled {
        return Err(Error::forbidden("SCIM is switched off here"));
    }

    let now_s = host::now_s().ok_or_else(|| Error::unavailable("there is no time", 1))?;
    let access = shared.access();
    access.check()?;
    let Some(client) = authenticate(shared, &access, &values("authorization"), now_s)? else {
        return Ok(Verdict::Wait);
    };
    let tenant = route.tenant.as_deref();
    admission::permit(&client, tenant, method, &route.endpoint, &endpoints)?;
    client.name.clone_into(&mut audit.client);
    tenant.unwrap_or("default").clone_into(&mut audit.tenant);
    // Nothing of who is not let in, and no address in the place of an id, stands in the log.
    if let Endpoint::Item { id, .. } = &route.endpoint
        && id.len() <= LOGGED_ID_BYTES
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        id.clone_into(&mut audit.resource);
    }
    limit::client(&shared.prefix, &access.clients, &client)?;
    let of_headers = || {
        Dialect::of_headers(headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
    };
    let dialect = client.dialect.or_else(of_headers);
    audit.dialect = dialect.map_or("", Dialect::name);

    route::check_method(method, &route.endpoint)?;
    check_understood(&route.endpoint)?;
    let body = body(method, ends, config.limits.body_bytes, &values)?;
    forward(shared, headers, &route, &client.name, body)?;
    Ok(Verdict::Admit(Admitted { method, endpoint: route.endpoint, dialect, body }))
}

/// The client that sends a request; `None` if that is known only when keys have come.
fn authenticate(
    shared: &Shared,
    access: &Access,
    authorization: &[&[u8]],
    now_s: u64,
) -> Result<Option<Rc<Client>>, Error> {
    let (clients, providers) = (&access.clients, &access.providers);
    let of_claims = |place: usize, claims: &_| {
        let provider = providers.all().get(place).ok_or_else(|| JwtError::Issuer.refusal())?;
        admission::client_of(clients, provider, claims, now_s).map(Some)
    };
    if providers.all().is_empty() {
        return clients.authenticate(authorization, now_s).map(Some);
    }
    let token = admission::token(authorization)?;
    if let Some((place, claims)) = shared.tokens.borrow_mut().get(token) {
        return of_claims(*place, claims);
    }
    match clients.authenticate(authorization, now_s) {
        Err(unknown) if unknown.reason() == "unknown_token" && admission::is_jwt(token) => {}
        known => return known.map(Some),
    }
    let keys = |place| access.keys.get(place);
    match admission::verify(token, providers, keys, &shared.signatures, now_s) {
        Err(error) => Err(error.refusal()),
        Ok(Checked::Verified(place, claims)) => {
            let client = of_claims(place, &claims);
            shared.tokens.borrow_mut().insert(token, place, claims);
            client
        }
        Ok(Checked::Missing(place, need))
            if access.keys.ask(providers.all(), place, need, now_s) =>
        {
            Ok(None)
        }
        Ok(Checked::Missing(_, Need::Newer)) => Err(JwtError::UnknownKey.refusal()),
        Ok(Checked::Missing(_, Need::Current)) => Err(no_keys()),
    }
}

/// The refusal while nobody can say whose token it is.
pub(crate) fn no_keys() -> Error {
    Error::unavailable("tokens cannot be verified at the moment", 5)
}

/// The method as a word of ours: an unknown one is no text for a log.
fn method(sent: &[u8]) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    KNOWN.into_iter().find(|known| known.as_bytes() == sent).unwrap_or("unknown")
}

fn body<'a>(
    method: &str,
    ends: bool,
    limit: usize,
    values: &dyn Fn(&str) -> Vec<&'a [u8]>,
) -> Result<Body, Error> {
    if !matches!(method, "POST" | "PUT" | "PATCH") {
        return Ok(if ends { Body::None } else { Body::Drop });
    }
    if ends {
        return Err(Error::invalid_syntax("the request has no body"));
    }
    let encodings = values("content-encoding");
    if encodings.iter().any(|value| !value.eq_ignore_ascii_case(b"identity")) {
        return Err(Error::unsupported_media_type("the body must have no content coding"));
    }
    match values("content-type").as_slice() {
        [] => {}
        [value] if header::is_scim_media_type(value) => {}
        _ => {
            let detail = "the body must be application/scim+json or application/json in UTF-8";
            return Err(Error::unsupported_media_type(detail));
        }
    }
    let length = values("content-length").into_iter().next();
    let length = length.and_then(|text| core::str::from_utf8(text).ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit)) {
        return Err(too_large(limit));
    }
    Ok(Body::Canonicalize)
}

/// The refusal of a body over the limit.
pub(crate) fn too_large(limit: usize) -> Error {
    Error::payload_too_large(format!("the body must not exceed {limit} bytes"))
}

/// Makes the head one that the gateway answers for: nothing in it that only a gateway may say,
/// and a path that was built here.
fn forward(
    shared: &Shared,
    headers: &[Header],
    route: &Route,
    client: &str,
    body: Body,
) -> Result<(), Error> {
    let mut done = true;
    let config = &shared.config;
    let base = config.upstream_base_of(route.tenant.as_deref());
    let original_host = headers.iter().find(|(name, _)| name == ":authority");
    for (name, _) in headers.iter().filter(|(name, _)| !name.starts_with(':')) {
        if header::is_spoofable(name, &config.identity_header) {
            done &= host::remove_request_header(name);
        }
    }
    // What the upstream sends is read here; compressed, it could not be.
    done &= host::remove_request_header("accept-encoding");
    done &= host::remove_request_header("content-encoding");
    done &= host::set_request_header(":path", route.to_target(&base).as_bytes());
    done &= host::set_request_header("accept", MEDIA_TYPE.as_bytes());
    if body == Body::Canonicalize {
        done &= host::set_request_header("content-type", MEDIA_TYPE.as_bytes());
    } else {
        // Some upstreams refuse a media type even where there is no body.
        done &= host::remove_request_header("content-type");
    }
    done &= host::set_request_header(&config.identity_header, client.as_bytes());
    if let Some(authorization) = &config.upstream_authorization {
        done &= host::set_request_header("authorization", authorization.as_bytes());
    }
    if let Some((_, authority)) = original_host {
        done &= host::set_request_header("x-forwarded-host", authority);
    }
    // A head that is half made must not go on.
    if done { Ok(()) } else { Err(Error::internal("the request cannot be prepared")) }
}
