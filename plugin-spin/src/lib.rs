//! scim-edge as a Spin component.
//!
//! A shell without SCIM rules: it hands requests to [`scim_core::service`] and its answers back,
//! and gives the core Spin's key-value store, clock and randomness.
#![forbid(unsafe_code)]

mod kv;
mod state;
mod wake;
mod world;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use scim_core::protocol::Error;
use scim_core::service::{Head, Outcome, ReadError};
use spin_sdk::http::{FullBody, Request, Response};
use spin_sdk::http_service;
use spin_sdk::wasip3::http_compat::IncomingRequestBody;

/// Serves one request. Many run in one instance at once.
#[http_service]
async fn serve(request: Request) -> Response<FullBody<Bytes>> {
    let Ok(service) = state::service().await else {
        return refusal(&Error::internal("the service is not configured; see its log"));
    };
    let (parts, body) = request.into_parts();
    let mut headers: Vec<(&str, &[u8])> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    // WASI carries the host apart from the header fields.
    if let Some(authority) = parts.uri.authority().filter(|_| !parts.headers.contains_key("host")) {
        headers.push(("host", authority.as_str().as_bytes()));
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let head = Head { method: parts.method.as_str(), target, headers: &headers };
    let handled = service.handle(head, async |limit| read(body, limit).await);
    let mut outcome = wake::Wakeable::new(handled).await;
    log(core::mem::take(&mut outcome.audit));
    answer(outcome)
}

/// Reads a body frame by frame and stops at the first byte over the limit.
async fn read(mut body: IncomingRequestBody, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers are of no use here.
        let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else { continue };
        if data.len() > limit.saturating_sub(bytes.len()) {
            return Err(ReadError::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Writes one line to the log in one piece, since other instances write to it, too.
fn log(mut line: String) {
    line.push('\n');
    eprint!("{line}");
}

fn answer(outcome: Outcome) -> Response<FullBody<Bytes>> {
    let mut response = Response::new(FullBody::new(Bytes::from(outcome.body)));
    *response.status_mut() =
        StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in outcome.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// An error that arises before there is a service to answer it.
fn refusal(error: &Error) -> Response<FullBody<Bytes>> {
    let body = error.to_json().to_string().into_bytes();
    let headers = vec![
        ("content-type", "application/scim+json".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("content-length", body.len().to_string()),
    ];
    answer(Outcome { status: error.status(), headers, body, audit: String::new() })
}
