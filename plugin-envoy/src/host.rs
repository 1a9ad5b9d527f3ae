//! Everything that this filter asks of Envoy.
//!
//! The SDK panics on a status that it does not expect, and a panic costs the whole worker its
//! filter. So each function tells in which callbacks it may be called; there Envoy answers only
//! with what the SDK expects. Header values are bytes: a value need not be UTF-8.

use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType};

/// Name (in lower case, as Envoy keeps it) and value.
pub(crate) type Header = (String, Vec<u8>);

/// Seconds since 1970-01-01T00:00:00Z; in any callback. `None` if Envoy has no time: then nothing can
/// be known to be valid still.
pub(crate) fn now_s() -> Option<u64> {
    let now = hostcalls::get_current_time().ok()?;
    now.duration_since(UNIX_EPOCH).ok().map(|elapsed| elapsed.as_secs())
}

/// The filter's configuration; in `on_configure` only.
pub(crate) fn configuration() -> Option<Vec<u8>> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX).ok().flatten()
}

/// A line in Envoy's own log; in any callback.
pub(crate) fn log(level: LogLevel, message: &str) {
    // Nothing can be done about a log that takes no line.
    let _ = hostcalls::log(level, message);
}

/// All request headers; before they are sent on.
pub(crate) fn request_headers() -> Vec<Header> {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default()
}

/// Sets a request header, all earlier instances of it gone; before the headers are sent on.
pub(crate) fn set_request_header(name: &str, value: &[u8]) -> bool {
    hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value)).is_ok()
}

/// Removes all instances of a request header; before the headers are sent on.
pub(crate) fn remove_request_header(name: &str) -> bool {
    hostcalls::remove_map_value(MapType::HttpRequestHeaders, name).is_ok()
}

/// Removes all request trailers; in `on_http_request_trailers`.
pub(crate) fn remove_request_trailers() -> bool {
    let Ok(trailers) = hostcalls::get_map_bytes(MapType::HttpRequestTrailers) else {
        return false;
    };
    let remove = |name: &str| hostcalls::remove_map_value(MapType::HttpRequestTrailers, name);
    trailers.iter().all(|(name, _)| remove(name).is_ok())
}

/// The request body that is held, `max` bytes at most; in the callbacks for body and trailers,
/// if a body was seen.
pub(crate) fn request_body(max: usize) -> Option<Vec<u8>> {
    hostcalls::get_buffer(BufferType::HttpRequestBody, 0, max).ok().flatten()
}

/// Puts `body` in the place of the `held` bytes of the request body; as [`request_body`].
pub(crate) fn set_request_body(held: usize, body: &[u8]) -> bool {
    hostcalls::set_buffer(BufferType::HttpRequestBody, 0, held, body).is_ok()
}

/// Answers the request; once, before an answer has begun.
pub(crate) fn answer(status: u16, headers: Vec<(&str, &str)>, body: &[u8]) -> bool {
    hostcalls::send_http_response(u32::from(status), headers, Some(body)).is_ok()
}

/// The status of the answer; in `on_http_response_headers`.
pub(crate) fn response_status() -> Option<u16> {
    let status = hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, ":status").ok()??;
    core::str::from_utf8(&status).ok()?.parse().ok()
}

/// Whether the answer comes from the upstream, not from Envoy itself; in the response's callbacks.
pub(crate) fn response_is_upstreams() -> bool {
    let details = hostcalls::get_property(vec!["response", "code_details"]);
    !matches!(details, Ok(Some(details)) if details != b"via_upstream")
}

/// Sets a response header; in `on_http_response_headers`.
pub(crate) fn set_response_header(name: &str, value: &[u8]) -> bool {
    hostcalls::set_map_value_bytes(MapType::HttpResponseHeaders, name, Some(value)).is_ok()
}

/// Puts `body` in the place of the `held` bytes of the answer's body; in `on_http_response_body`.
pub(crate) fn set_response_body(held: usize, body: &[u8]) -> bool {
    hostcalls::set_buffer(BufferType::HttpResponseBody, 0, held, body).is_ok()
}

/// Sets the filter state `wasm.scim_audit`, which access logs write as
/// `%FILTER_STATE(wasm.scim_audit:PLAIN)%`; in a stream's callbacks.
pub(crate) fn set_audit(line: &[u8]) {
    // An access log without the line shows the gap; the request is not refused for it.
    let _ = hostcalls::set_property(vec!["scim_audit"], Some(line));
}
