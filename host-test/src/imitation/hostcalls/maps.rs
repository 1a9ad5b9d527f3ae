//! Header maps and buffers.

use anyhow::Result;
use wasmtime::{Caller, Linker};

use super::super::guest::{self, Status, give, read};
use super::super::headers::Headers;
use super::super::host::Host;
use super::code;

const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;
const CALL_HEADERS: u32 = 6;
const CALL_TRAILERS: u32 = 7;

const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const CALL_BODY: u32 = 4;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;

/// The map, while the filter may see it.
fn map(host: &mut Host, kind: u32) -> guest::Result<&mut Headers> {
    let found = match kind {
        CALL_HEADERS => host.call_answer.as_mut().map(|answer| &mut answer.headers),
        CALL_TRAILERS => host.call_answer.as_mut().map(|answer| &mut answer.trailers),
        _ => host.stream().and_then(|stream| {
            let half = match kind {
                REQUEST_HEADERS | REQUEST_TRAILERS => &mut stream.request,
                RESPONSE_HEADERS | RESPONSE_TRAILERS => &mut stream.response,
                _ => return None,
            };
            if matches!(kind, REQUEST_HEADERS | RESPONSE_HEADERS) {
                half.headers_open.then_some(&mut half.headers)
            } else {
                half.trailers.as_mut().filter(|_| half.trailers_open)
            }
        }),
    };
    found.ok_or(Status::BadArgument)
}

/// The same for changes: answers to calls are not the filter's, and trailers can be begun with the
/// last of a body.
fn map_mut(host: &mut Host, kind: u32) -> guest::Result<&mut Headers> {
    if !matches!(kind, REQUEST_HEADERS | REQUEST_TRAILERS | RESPONSE_HEADERS | RESPONSE_TRAILERS) {
        return Err(Status::BadArgument);
    }
    if let Some(stream) = host.stream() {
        let half = match kind {
            REQUEST_TRAILERS => Some(&mut stream.request),
            RESPONSE_TRAILERS => Some(&mut stream.response),
            _ => None,
        };
        if let Some(half) = half
            && half.trailers.is_none()
            && half.end_of_stream
            && half.shown.is_some()
        {
            half.trailers = Some(Headers::default());
            half.trailers_open = true;
        }
    }
    map(host, kind)
}

fn pairs(caller: &mut Caller<'_, Host>, kind: u32, place: u32, length: u32) -> guest::Result {
    let headers = map(caller.data_mut(), kind)?;
    let bytes = if headers.is_empty() { Vec::new() } else { headers.to_abi() };
    give(caller, &bytes, place, length)
}

fn value(
    caller: &mut Caller<'_, Host>,
    kind: u32,
    (name, name_length): (u32, u32),
    place: u32,
    length: u32,
) -> guest::Result {
    let name = read(caller, name, name_length)?.to_ascii_lowercase();
    let headers = map(caller.data_mut(), kind)?;
    let value = headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_vec());
    give(caller, &value.ok_or(Status::NotFound)?, place, length)
}

/// The body or configuration that the filter may see.
fn buffer(host: &mut Host, kind: u32) -> guest::Result<Vec<u8>> {
    Ok(match kind {
        REQUEST_BODY | RESPONSE_BODY => body(host, kind).cloned().unwrap_or_default(),
        CALL_BODY => host.call_answer.as_ref().ok_or(Status::NotFound)?.body.clone(),
        VM_CONFIGURATION => Vec::new(),
        PLUGIN_CONFIGURATION if host.configuring => host.settings.configuration.clone(),
        _ => return Err(Status::NotFound),
    })
}

fn body(host: &mut Host, kind: u32) -> Option<&mut Vec<u8>> {
    let stream = host.stream()?;
    if kind == REQUEST_BODY { stream.request.body() } else { stream.response.body() }
}

fn get_buffer(
    caller: &mut Caller<'_, Host>,
    kind: u32,
    (start, max): (u32, u32),
    place: u32,
    length: u32,
) -> guest::Result {
    let bytes = buffer(caller.data_mut(), kind)?;
    let end = start.checked_add(max).ok_or(Status::BadArgument)?;
    let end = usize::try_from(end).unwrap_or(usize::MAX).min(bytes.len());
    let part = bytes.get(usize::try_from(start).unwrap_or(usize::MAX)..end).unwrap_or_default();
    // What is empty is not given at all: the filter's variables stay as they are.
    if part.is_empty() { Ok(()) } else { give(caller, part, place, length) }
}

fn set_buffer(
    caller: &mut Caller<'_, Host>,
    kind: u32,
    (start, length): (u32, u32),
    (at, size): (u32, u32),
) -> guest::Result {
    let data = read(caller, at, size)?;
    if !matches!(kind, REQUEST_BODY | RESPONSE_BODY) {
        return Err(Status::BadArgument);
    }
    let body = body(caller.data_mut(), kind).ok_or(Status::BadArgument)?;
    let long = u32::try_from(body.len()).unwrap_or(u32::MAX);
    match (start, length) {
        // What is named at the beginning is replaced; with no length, nothing is.
        (0, _) => {
            let end = usize::try_from(length.min(long)).unwrap_or_default();
            drop(body.splice(..end, data));
        }
        (1.., _) if start >= long => body.extend(data),
        _ => return Err(Status::BadArgument),
    }
    Ok(())
}

type Guest<'a> = Caller<'a, Host>;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut c: Guest<'_>, kind: u32, place: u32, length: u32| {
            code(pairs(&mut c, kind, place, length))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |mut c: Guest<'_>, kind: u32, at: u32, size: u32| {
            let set = |c: &mut Guest<'_>| {
                let new = Headers::from_abi(&read(c, at, size)?).ok_or(Status::BadArgument)?;
                *map_mut(c.data_mut(), kind)? = new;
                Ok(())
            };
            code(set(&mut c))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut c: Guest<'_>, kind: u32, name: u32, size: u32, place: u32, length: u32| {
            code(value(&mut c, kind, (name, size), place, length))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |mut c: Guest<'_>, kind: u32, name: u32, name_size: u32, value: u32, size: u32| {
            let add = |c: &mut Guest<'_>| {
                let (name, value) = (read(c, name, name_size)?, read(c, value, size)?);
                map_mut(c.data_mut(), kind)?.add(&name, &value);
                Ok(())
            };
            code(add(&mut c))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |mut c: Guest<'_>, kind: u32, name: u32, name_size: u32, value: u32, size: u32| {
            let set = |c: &mut Guest<'_>| {
                let (name, value) = (read(c, name, name_size)?, read(c, value, size)?);
                map_mut(c.data_mut(), kind)?.set(&name, &value);
                Ok(())
            };
            code(set(&mut c))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut c: Guest<'_>, kind: u32, name: u32, size: u32| {
            let remove = |c: &mut Guest<'_>| {
                let name = read(c, name, size)?;
                map_mut(c.data_mut(), kind)?.remove(&name);
                Ok(())
            };
            code(remove(&mut c))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut c: Guest<'_>, kind: u32, start: u32, max: u32, place: u32, length: u32| {
            code(get_buffer(&mut c, kind, (start, max), place, length))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |mut c: Guest<'_>, kind: u32, start: u32, length: u32, at: u32, size: u32| {
            code(set_buffer(&mut c, kind, (start, length), (at, size)))
        },
    )?;
    Ok(())
}
