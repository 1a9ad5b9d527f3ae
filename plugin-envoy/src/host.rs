//! Everything that this filter asks of Envoy.
//!
//! The SDK panics on a status that it does not expect, and a panic costs the whole worker its
//! filter. So each function tells in which callbacks it may be called; there Envoy answers only
//! with what the SDK expects. Header values are bytes: a value need not be UTF-8.

use core::time::Duration;
use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType, Status};
use scim_core::port::http::{Call, Reply};
use sha2::{Digest, Sha256};

/// Name (in lower case, as Envoy keeps it) and value.
pub(crate) type Header = (String, Vec<u8>);

/// Seconds since 1970-01-01T00:00:00Z; in any callback. `None` if Envoy has no time: then nothing can
/// be known to be valid still.
pub(crate) fn now_s() -> Option<u64> {
    let now = hostcalls::get_current_time().ok()?;
    now.duration_since(UNIX_EPOCH).ok().map(|elapsed| elapsed.as_secs())
}

/// Microseconds since 1970-01-01T00:00:00Z; in any callback.
pub(crate) fn now_us() -> Option<u64> {
    let now = hostcalls::get_current_time().ok()?;
    u64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}

/// Where the request comes from, by Envoy's own reckoning: address and port; in a stream's
/// callbacks.
pub(crate) fn source_address() -> Option<String> {
    let address = hostcalls::get_property(vec!["source", "address"]).ok().flatten();
    String::from_utf8(address?).ok()
}

/// Makes a counter known; in any callback. Its number.
pub(crate) fn define_counter(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Counter, name).ok()
}

/// Makes a gauge known; in any callback. Its number.
pub(crate) fn define_gauge(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Gauge, name).ok()
}

/// Adds one to a counter.
pub(crate) fn count(counter: u32) {
    // A statistic that is missing hurts nobody.
    let _ = hostcalls::increment_metric(counter, 1);
}

/// Sets a gauge.
pub(crate) fn set_gauge(gauge: u32, value: u64) {
    let _ = hostcalls::record_metric(gauge, value);
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

/// The beginning of all names in shared data: what has another configuration, plugin name or root
/// id shares nothing, though Envoy keeps one such memory per `vm_id`; in `on_configure`.
pub(crate) fn state_prefix(configuration: &[u8]) -> String {
    let property = |name: &str| hostcalls::get_property(vec![name]).ok().flatten();
    let mut hash = Sha256::new();
    for part in [property("plugin_name"), property("plugin_root_id")] {
        let part = part.unwrap_or_default();
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.update(configuration);
    format!("scim-edge/{:x}", hash.finalize())
}

/// A value in the memory that all workers share, and its number for a swap; in any callback.
pub(crate) fn shared(name: &str) -> (Option<Vec<u8>>, Option<u32>) {
    hostcalls::get_shared_data(name).unwrap_or_default()
}

/// Sets a value in that memory, if its number is `cas` still; in any callback.
pub(crate) fn set_shared(name: &str, value: &[u8], cas: Option<u32>) -> bool {
    hostcalls::set_shared_data(name, Some(value), cas).is_ok()
}

/// Calls `on_tick` of the root again and again; in any callback.
pub(crate) fn set_tick(period: Duration) {
    // Without it nothing is fetched; requests that need it are refused then.
    let _ = hostcalls::set_tick_period(period);
}

/// Lets the functions that follow act for the stream `context`; in `on_tick`. `false` if it is gone.
pub(crate) fn act_for(context: u32) -> bool {
    hostcalls::set_effective_context(context).is_ok()
}

/// Lets a request go on that was held; once.
pub(crate) fn resume_request() {
    // A request that is gone needs no help.
    let _ = hostcalls::resume_http_request();
}

/// Begins a call through `cluster`, in the root's callbacks; its number. `None` if Envoy knows no such
/// cluster, or cannot call.
pub(crate) fn call(cluster: &str, call: &Call, seconds: u64) -> Option<u32> {
    let mut headers = vec![
        (":method", call.method),
        (":scheme", if call.secure { "https" } else { "http" }),
        (":authority", call.authority.as_str()),
        (":path", call.path.as_str()),
    ];
    headers.extend(call.headers.iter().map(|(name, value)| (*name, value.as_str())));
    let body = Some(call.body.as_slice()).filter(|body| !body.is_empty());
    let time = Duration::from_secs(seconds);
    hostcalls::dispatch_http_call(cluster, headers, body, vec![], time).ok()
}

/// The answer to a call; in `on_http_call_response`. One that did not come has Envoy's own status,
/// 503 or 504, or 0.
/// Of the body at most `max` bytes and one more are read.
pub(crate) fn reply(body_size: usize, max: usize) -> Reply {
    let fields = hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders).unwrap_or_default();
    let texts = fields.into_iter();
    let headers: Vec<(String, String)> =
        texts.filter_map(|(name, value)| Some((name, String::from_utf8(value).ok()?))).collect();
    let status = headers.iter().find(|(name, _)| name == ":status");
    let status = status.and_then(|(_, text)| text.parse().ok()).unwrap_or_default();
    let size = body_size.min(max.saturating_add(1));
    let body = if size == 0 {
        None
    } else {
        hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok().flatten()
    };
    Reply { status, headers, body: body.unwrap_or_default() }
}

/// Asks Envoy's cryptography; in any callback. `NotFound` if it offers none.
pub(crate) fn verify_signature(arguments: &[u8]) -> Result<Vec<u8>, Status> {
    hostcalls::call_foreign_function("verify_signature", Some(arguments))
        .map(Option::unwrap_or_default)
}
