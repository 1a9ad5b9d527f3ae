//! What a filter can ask about a request by name (`proxy_get_property`).

use super::host::Host;
use super::stream::Stream;

/// The value of a property, its path joined by NUL; integers as eight bytes.
pub(super) fn get(host: &mut Host, path: &[u8]) -> Option<Vec<u8>> {
    let path = path.strip_suffix(b"\0").unwrap_or(path);
    let text = core::str::from_utf8(path).ok()?;
    match text {
        "plugin_name" => return Some(host.settings.plugin_name.clone().into_bytes()),
        "plugin_root_id" => return Some(host.settings.root_id.clone().into_bytes()),
        "plugin_vm_id" => return Some(host.settings.vm_id.clone().into_bytes()),
        _ => {}
    }
    let stream = host.stream()?;
    if let Some(value) = stream.properties.get(path) {
        return Some(value.clone());
    }
    of_stream(stream, &text.split('\0').collect::<Vec<_>>())
}

fn of_stream(stream: &Stream, path: &[&str]) -> Option<Vec<u8>> {
    let request = &stream.request.headers;
    let header = |name: &str| request.first(name).map(<[u8]>::to_vec);
    let target = || request.first(":path").unwrap_or_default();
    match path {
        ["request", "path"] => header(":path"),
        ["request", "url_path"] => target().split(|byte| *byte == b'?').next().map(<[u8]>::to_vec),
        ["request", "query"] => target().splitn(2, |byte| *byte == b'?').nth(1).map(<[u8]>::to_vec),
        ["request", "method"] => header(":method"),
        ["request", "host"] => header(":authority"),
        ["request", "scheme"] => header(":scheme"),
        ["request", "id"] => header("x-request-id"),
        ["request", "protocol"] => Some(b"HTTP/1.1".to_vec()),
        ["request", "headers", name] => header(name),
        ["response", "code"] => {
            let code: u64 = stream.response.headers.text(":status").parse().ok()?;
            Some(code.to_le_bytes().to_vec())
        }
        ["response", "code_details"] => {
            let details = stream.exchange.details.as_ref()?;
            Some(details.clone().into_bytes())
        }
        ["connection", "mtls"] => Some(vec![0]),
        ["source", "address"] => Some(b"127.0.0.1:40000".to_vec()),
        ["source", "port"] => Some(40_000_u64.to_le_bytes().to_vec()),
        ["destination", "address"] => Some(b"127.0.0.1:8081".to_vec()),
        [name] => stream.exchange.filter_state.get(&format!("wasm.{name}")).cloned(),
        _ => None,
    }
}
