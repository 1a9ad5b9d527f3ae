//! Answers, calls, properties, time, the log, foreign functions.

use anyhow::Result;
use wasmtime::{Caller, Linker};

use super::super::calls::{Call, CallRequest};
use super::super::foreign;
use super::super::guest::{self, Status, give, read, read_text, write, write_u32};
use super::super::headers::Headers;
use super::super::host::{Deferred, Host};
use super::super::properties;
use super::super::stream::Side;
use super::code;

const NS_PER_MS: u64 = 1_000_000;

type Guest<'a> = Caller<'a, Host>;
/// Place and length in the guest's memory.
type Span = (u32, u32);

fn headers(c: &mut Guest<'_>, (at, size): Span) -> guest::Result<Headers> {
    Headers::from_abi(&read(c, at, size)?).ok_or(Status::BadArgument)
}

fn send_local_response(
    c: &mut Guest<'_>,
    status: u32,
    body: Span,
    additional: Span,
) -> guest::Result {
    let headers = headers(c, additional)?;
    let body = read(c, body.0, body.1)?;
    let host = c.data_mut();
    host.stops = true;
    let context = host.context;
    if host.streams.contains_key(&context) {
        host.deferred.push(Deferred::Answer { context, status, headers, body });
    }
    Ok(())
}

fn continue_stream(host: &mut Host, side: u32) -> guest::Result {
    let side = match side {
        0 => Side::Request,
        1 => Side::Response,
        _ => return Err(Status::BadArgument),
    };
    let context = host.context;
    if let Some(stream) = host.stream() {
        // Whichever way resumes, Envoy forgets the request's parts.
        stream.request.headers_open = false;
        stream.request.trailers_open = false;
        stream.request.shown = None;
        host.deferred.push(Deferred::Resume { context, side });
    }
    Ok(())
}

fn close_stream(host: &mut Host, side: u32) -> guest::Result {
    if side > 1 {
        return Err(Status::BadArgument);
    }
    let context = host.context;
    host.deferred.push(Deferred::Close { context });
    Ok(())
}

#[derive(Clone, Copy)]
struct CallSpans {
    cluster: Span,
    headers: Span,
    body: Span,
}

fn http_call(c: &mut Guest<'_>, spans: CallSpans, timeout: u32, token_at: u32) -> guest::Result {
    let cluster = read_text(c, spans.cluster.0, spans.cluster.1)?;
    let headers = headers(c, spans.headers)?;
    let body = read(c, spans.body.0, spans.body.1)?;
    let host = c.data_mut();
    let known = host.settings.clusters.get(&cluster).cloned().ok_or(Status::BadArgument)?;
    let needed = [":authority", ":method", ":path"];
    if i32::try_from(timeout).is_err() || needed.iter().any(|name| headers.first(name).is_none()) {
        return Err(Status::BadArgument);
    }
    let request = CallRequest { cluster, headers, body };
    let (after, answer) = known.reply(&request, timeout.into());
    let token = host.next_call;
    host.next_call = host.next_call.checked_add(1).unwrap_or(1);
    let due_ns = host.process.borrow().now_ns + after * NS_PER_MS;
    host.calls.push(Call { token, due_ns, answer });
    write_u32(c, token_at, token)
}

fn get_property(c: &mut Guest<'_>, path: Span, place: u32, length: u32) -> guest::Result {
    let path = read(c, path.0, path.1)?;
    let value = properties::get(c.data_mut(), &path).ok_or(Status::NotFound)?;
    give(c, &value, place, length)
}

fn set_property(c: &mut Guest<'_>, path: Span, value: Span) -> guest::Result {
    let (path, value) = (read_text(c, path.0, path.1)?, read(c, value.0, value.1)?);
    let stream = c.data_mut().stream().ok_or(Status::NotFound)?;
    stream.exchange.filter_state.insert(format!("wasm.{path}"), value);
    Ok(())
}

fn set_effective_context(host: &mut Host, context: u32) -> guest::Result {
    let alive = host.streams.get(&context).is_some_and(|stream| !stream.done);
    if context != super::super::vm::ROOT && !alive {
        return Err(Status::BadArgument);
    }
    host.context = context;
    Ok(())
}

fn set_tick(host: &mut Host, milliseconds: u32) {
    host.tick_ns = u64::from(milliseconds) * NS_PER_MS;
    let now = host.process.borrow().now_ns;
    host.next_tick_ns = if milliseconds == 0 { 0 } else { now + host.tick_ns };
}

fn call_foreign_function(
    c: &mut Guest<'_>,
    name: Span,
    argument: Span,
    place: u32,
    length: u32,
) -> guest::Result {
    let (name, argument) = (read_text(c, name.0, name.1)?, read(c, argument.0, argument.1)?);
    let result = foreign::call(&name, &argument)?;
    give(c, &result, place, length)
}

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut c: Guest<'_>,
         status: u32,
         _details: u32,
         _details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         _grpc: i32| {
            code(send_local_response(&mut c, status, (body, body_size), (headers, headers_size)))
        },
    )?;
    linker.func_wrap("env", "proxy_continue_stream", |mut c: Guest<'_>, side: u32| {
        code(continue_stream(c.data_mut(), side))
    })?;
    linker.func_wrap("env", "proxy_close_stream", |mut c: Guest<'_>, side: u32| {
        code(close_stream(c.data_mut(), side))
    })?;
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut c: Guest<'_>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         _trailers: u32,
         _trailers_size: u32,
         timeout: u32,
         token: u32| {
            let spans = CallSpans {
                cluster: (cluster, cluster_size),
                headers: (headers, headers_size),
                body: (body, body_size),
            };
            code(http_call(&mut c, spans, timeout, token))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut c: Guest<'_>, path: u32, size: u32, place: u32, length: u32| {
            code(get_property(&mut c, (path, size), place, length))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut c: Guest<'_>, path: u32, path_size: u32, value: u32, size: u32| {
            code(set_property(&mut c, (path, path_size), (value, size)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut c: Guest<'_>,
         name: u32,
         name_size: u32,
         argument: u32,
         size: u32,
         place: u32,
         length: u32| {
            code(call_foreign_function(&mut c, (name, name_size), (argument, size), place, length))
        },
    )?;
    link_small(linker)
}

fn link_small(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_set_effective_context", |mut c: Guest<'_>, context: u32| {
        code(set_effective_context(c.data_mut(), context))
    })?;
    linker.func_wrap(
        "env",
        "proxy_set_tick_period_milliseconds",
        |mut c: Guest<'_>, milliseconds: u32| {
            set_tick(c.data_mut(), milliseconds);
            code(Ok(()))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_current_time_nanoseconds",
        |mut c: Guest<'_>, at: u32| {
            let now = c.data().process.borrow().now_ns;
            code(write(&mut c, at, &now.to_le_bytes()))
        },
    )?;
    linker.func_wrap("env", "proxy_log", |mut c: Guest<'_>, level: u32, at: u32, size: u32| {
        let text = read_text(&mut c, at, size);
        code(text.map(|text| c.data().log(level, text)))
    })?;
    linker.func_wrap("env", "proxy_get_log_level", |mut c: Guest<'_>, at: u32| {
        code(write_u32(&mut c, at, 0))
    })?;
    linker.func_wrap(
        "env",
        "proxy_get_status",
        |mut c: Guest<'_>, code_at: u32, _place: u32, _length: u32| {
            code(write_u32(&mut c, code_at, 0))
        },
    )?;
    linker.func_wrap("env", "proxy_done", || code(Ok(())))?;
    Ok(())
}
