//! The body of a request, read within its limits (RFC 7644 §3.8, §3.12).

use alloc::format;
use alloc::vec::Vec;

use super::head::Head;
use crate::protocol::Error;
use crate::protocol::json::{self, Object};
use crate::protocol::limits::Limits;

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is longer than the limit.
    TooLarge,
    /// The connection ended before it did.
    Broken,
}

/// Reads a body within its limits.
pub(super) async fn read(
    head: Head<'_>,
    body: impl AsyncFnOnce(usize) -> Result<Vec<u8>, ReadError>,
    limits: &Limits,
) -> Result<Object, Error> {
    let limit = limits.body_bytes;
    let too_large = || Error::payload_too_large(format!("the body is over {limit} bytes"));
    head.check_content()?;
    let announced = head.text("content-length").and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let bytes = match body(limit).await {
        Ok(bytes) if bytes.len() > limit => return Err(too_large()),
        Ok(bytes) => bytes,
        Err(ReadError::TooLarge) => return Err(too_large()),
        Err(ReadError::Broken) => {
            return Err(Error::bad_request("the body ended before its time"));
        }
    };
    json::parse_object(&bytes, limits)
}
