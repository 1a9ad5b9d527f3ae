//! The few functions of WASI that the standard library calls in a filter.

use anyhow::Result;
use wasmtime::{Caller, Linker};

use super::super::guest::{self, read, write, write_u32};
use super::super::host::Host;

const MODULE: &str = "wasi_snapshot_preview1";
/// WASI's success and its "bad address".
const SUCCESS: u32 = 0;
const FAULT: u32 = 21;
/// The level that Envoy gives to what a filter prints.
const INFO: u32 = 2;
const MORE_THAN_A_LINE: u32 = 64;

type Guest<'a> = Caller<'a, Host>;

fn errno(result: guest::Result) -> u32 {
    if result.is_ok() { SUCCESS } else { FAULT }
}

/// `NAME=value` and a NUL for each variable.
fn variables(host: &Host) -> Vec<Vec<u8>> {
    let variables = host.settings.environment.iter();
    variables.map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn environ_sizes(c: &mut Guest<'_>, count_at: u32, size_at: u32) -> guest::Result {
    let variables = variables(c.data());
    write_u32(c, count_at, number(variables.len()))?;
    write_u32(c, size_at, number(variables.concat().len()))
}

fn environ(c: &mut Guest<'_>, places_at: u32, texts_at: u32) -> guest::Result {
    let (mut place, mut at) = (places_at, texts_at);
    for text in variables(c.data()) {
        write_u32(c, place, at)?;
        write(c, at, &text)?;
        (place, at) = (place.wrapping_add(4), at.wrapping_add(number(text.len())));
    }
    Ok(())
}

fn print(c: &mut Guest<'_>, pieces: u32, count: u32, written_at: u32) -> guest::Result {
    let mut text = Vec::new();
    for piece in 0..count.min(MORE_THAN_A_LINE) {
        let at = pieces.wrapping_add(piece.wrapping_mul(8));
        let field = |c: &mut Guest<'_>, at: u32| {
            let bytes = read(c, at, 4)?;
            Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        };
        let (place, length) = (field(c, at)?, field(c, at.wrapping_add(4))?);
        text.extend(read(c, place, length)?);
    }
    let written = number(text.len());
    c.data().log(INFO, String::from_utf8_lossy(&text));
    write_u32(c, written_at, written)
}

fn random(c: &mut Guest<'_>, at: u32, length: u32) -> guest::Result {
    let mut bytes = Vec::new();
    while number(bytes.len()) < length {
        bytes.extend(c.data().process.borrow_mut().random().to_le_bytes());
    }
    bytes.truncate(usize::try_from(length).unwrap_or_default());
    write(c, at, &bytes)
}

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(MODULE, "environ_sizes_get", |mut c: Guest<'_>, count: u32, size: u32| {
        errno(environ_sizes(&mut c, count, size))
    })?;
    linker.func_wrap(MODULE, "environ_get", |mut c: Guest<'_>, places: u32, texts: u32| {
        errno(environ(&mut c, places, texts))
    })?;
    linker.func_wrap(
        MODULE,
        "fd_write",
        |mut c: Guest<'_>, _file: u32, pieces: u32, count: u32, written: u32| {
            errno(print(&mut c, pieces, count, written))
        },
    )?;
    linker.func_wrap(MODULE, "random_get", |mut c: Guest<'_>, at: u32, length: u32| {
        errno(random(&mut c, at, length))
    })?;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |mut c: Guest<'_>, _clock: u32, _precision: u64, at: u32| {
            let now = c.data().process.borrow().now_ns;
            errno(write(&mut c, at, &now.to_le_bytes()))
        },
    )?;
    linker.func_wrap(MODULE, "proc_exit", |code: u32| -> wasmtime::Result<()> {
        Err(wasmtime::format_err!("the filter called exit({code})"))
    })?;
    Ok(())
}
