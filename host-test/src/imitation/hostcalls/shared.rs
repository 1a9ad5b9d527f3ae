//! Shared data and metrics; shared queues and gRPC, which this imitation does not have.

use anyhow::Result;
use wasmtime::{Caller, Linker};

use super::super::guest::{self, Status, give, read, read_text, write, write_u32};
use super::super::host::Host;
use super::super::process::MetricKind;
use super::code;

/// What a call is answered with that this host does not have.
const NO: u32 = Status::Unimplemented as u32;

type Guest<'a> = Caller<'a, Host>;

fn get(
    c: &mut Guest<'_>,
    (key, size): (u32, u32),
    place: u32,
    length: u32,
    cas_at: u32,
) -> guest::Result {
    let key = read(c, key, size)?;
    let host = c.data();
    let found = host.process.borrow().shared_data(&host.settings.vm_id, &key).cloned();
    let (value, cas) = found.ok_or(Status::NotFound)?;
    give(c, &value, place, length)?;
    write_u32(c, cas_at, cas)
}

fn set(
    c: &mut Guest<'_>,
    (key, key_size): (u32, u32),
    (at, size): (u32, u32),
    cas: u32,
) -> guest::Result {
    let (key, value) = (read(c, key, key_size)?, read(c, at, size)?);
    let host = c.data();
    let vm_id = &host.settings.vm_id;
    let done = host.process.borrow_mut().set_shared_data(vm_id, &key, value, cas);
    if done { Ok(()) } else { Err(Status::CasMismatch) }
}

fn define(c: &mut Guest<'_>, kind: u32, (at, size): (u32, u32), id_at: u32) -> guest::Result {
    let kind = match kind {
        0 => MetricKind::Counter,
        1 => MetricKind::Gauge,
        2 => MetricKind::Histogram,
        _ => return Err(Status::BadArgument),
    };
    let name = read_text(c, at, size)?;
    let host = c.data_mut();
    host.process.borrow_mut().define_metric(&name, kind);
    host.metrics.push(name);
    let id = u32::try_from(host.metrics.len()).unwrap_or(u32::MAX);
    write_u32(c, id_at, id)
}

/// Changes or reads a metric by its number.
fn metric<T>(
    c: &Guest<'_>,
    id: u32,
    act: impl FnOnce(MetricKind, &mut u64) -> guest::Result<T>,
) -> guest::Result<T> {
    let host = c.data();
    let place = usize::try_from(id).unwrap_or_default().checked_sub(1);
    let name = place.and_then(|place| host.metrics.get(place)).ok_or(Status::NotFound)?;
    let mut process = host.process.borrow_mut();
    let (kind, value) = process.metric(name).ok_or(Status::NotFound)?;
    act(*kind, value)
}

fn increment(c: &Guest<'_>, id: u32, by: i64) -> guest::Result {
    metric(c, id, |kind, value| {
        let down = by <= 0;
        match kind {
            MetricKind::Histogram => return Err(Status::BadArgument),
            MetricKind::Counter if down => return Err(Status::BadArgument),
            MetricKind::Counter | MetricKind::Gauge if down => {
                *value = value.wrapping_sub(by.unsigned_abs());
            }
            MetricKind::Counter | MetricKind::Gauge => {
                *value = value.wrapping_add(by.unsigned_abs());
            }
        }
        Ok(())
    })
}

fn record(c: &Guest<'_>, id: u32, new: u64) -> guest::Result {
    metric(c, id, |kind, value| {
        match kind {
            MetricKind::Counter => *value = value.wrapping_add(new),
            MetricKind::Gauge => *value = new,
            MetricKind::Histogram => *value += 1,
        }
        Ok(())
    })
}

fn read_metric(c: &mut Guest<'_>, id: u32, at: u32) -> guest::Result {
    let value = metric(c, id, |kind, value| match kind {
        MetricKind::Histogram => Err(Status::BadArgument),
        MetricKind::Counter | MetricKind::Gauge => Ok(*value),
    })?;
    write(c, at, &value.to_le_bytes())
}

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut c: Guest<'_>, key: u32, size: u32, place: u32, length: u32, cas: u32| {
            code(get(&mut c, (key, size), place, length, cas))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut c: Guest<'_>, key: u32, key_size: u32, at: u32, size: u32, cas: u32| {
            code(set(&mut c, (key, key_size), (at, size), cas))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut c: Guest<'_>, kind: u32, at: u32, size: u32, id: u32| {
            code(define(&mut c, kind, (at, size), id))
        },
    )?;
    linker.func_wrap("env", "proxy_increment_metric", |c: Guest<'_>, id: u32, by: i64| {
        code(increment(&c, id, by))
    })?;
    linker.func_wrap("env", "proxy_record_metric", |c: Guest<'_>, id: u32, value: u64| {
        code(record(&c, id, value))
    })?;
    linker.func_wrap("env", "proxy_get_metric", |mut c: Guest<'_>, id: u32, at: u32| {
        code(read_metric(&mut c, id, at))
    })?;
    link_missing(linker)
}

/// What the SDK imports and this imitation has not.
fn link_missing(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_register_shared_queue", |_: u32, _: u32, _: u32| NO)?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |_: u32, _: u32, _: u32, _: u32, _: u32| NO,
    )?;
    linker.func_wrap("env", "proxy_dequeue_shared_queue", |_: u32, _: u32, _: u32| NO)?;
    linker.func_wrap("env", "proxy_enqueue_shared_queue", |_: u32, _: u32, _: u32| NO)?;
    linker.func_wrap("env", "proxy_grpc_cancel", |_: u32| NO)?;
    linker.func_wrap("env", "proxy_grpc_close", |_: u32| NO)?;
    linker.func_wrap("env", "proxy_grpc_send", |_: u32, _: u32, _: u32, _: u32| NO)?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| NO,
    )?;
    linker.func_wrap("env", "proxy_grpc_call", grpc_call)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI has so many")]
fn grpc_call(
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> u32 {
    NO
}
