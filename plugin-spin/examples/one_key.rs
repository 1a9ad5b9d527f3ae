//! The least that a component can do with a store: it reads one entry and answers it.
//!
//! `scim-edge bench store` compares the service with it.
#![forbid(unsafe_code)]

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use spin_sdk::http::{FullBody, Request, Response};
use spin_sdk::http_service;
use spin_sdk::key_value::Store;

/// The entry that is read.
const KEY: &str = "one";

#[http_service]
async fn serve(_request: Request) -> Response<FullBody<Bytes>> {
    let value = match Store::open("default").await {
        Ok(store) => store.get(KEY).await.ok().flatten(),
        Err(_) => None,
    };
    let status = if value.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let value = value.unwrap_or_default();
    let length = HeaderValue::from(value.len());
    let mut response = Response::new(FullBody::new(Bytes::from(value)));
    *response.status_mut() = status;
    response.headers_mut().insert("content-length", length);
    response
}
