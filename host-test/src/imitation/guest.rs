//! The guest's memory, as host calls read and write it.

use wasmtime::Caller;

use super::host::Host;

/// What a host call returns to the filter; the numbers are the ABI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    InvalidMemoryAccess = 6,
    CasMismatch = 8,
    Unimplemented = 12,
}

/// The result of a host call: a status, or what ended it early.
pub(super) type Result<T = ()> = core::result::Result<T, Status>;

fn size(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Bytes of the guest.
pub(super) fn read(caller: &mut Caller<'_, Host>, at: u32, length: u32) -> Result<Vec<u8>> {
    let memory = caller.data().memory.ok_or(Status::InvalidMemoryAccess)?;
    let end = size(at).checked_add(size(length)).ok_or(Status::InvalidMemoryAccess)?;
    let bytes = memory.data(&*caller).get(size(at)..end);
    bytes.map(<[u8]>::to_vec).ok_or(Status::InvalidMemoryAccess)
}

/// Text of the guest; what is no UTF-8 is replaced.
pub(super) fn read_text(caller: &mut Caller<'_, Host>, at: u32, length: u32) -> Result<String> {
    read(caller, at, length).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes bytes.
pub(super) fn write(caller: &mut Caller<'_, Host>, at: u32, bytes: &[u8]) -> Result {
    let memory = caller.data().memory.ok_or(Status::InvalidMemoryAccess)?;
    memory.write(caller, size(at), bytes).map_err(|_| Status::InvalidMemoryAccess)
}

/// Writes a number.
pub(super) fn write_u32(caller: &mut Caller<'_, Host>, at: u32, value: u32) -> Result {
    write(caller, at, &value.to_le_bytes())
}

/// Gives bytes to the guest: in memory that the guest allocates, their place and length written to
/// where it wants them.
pub(super) fn give(
    caller: &mut Caller<'_, Host>,
    bytes: &[u8],
    place_at: u32,
    length_at: u32,
) -> Result {
    let allocate = caller.data().allocate.clone().ok_or(Status::InvalidMemoryAccess)?;
    let length = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    let place = match length {
        0 => 0,
        _ => allocate.call(&mut *caller, length).map_err(|_| Status::InvalidMemoryAccess)?,
    };
    write(caller, place, bytes)?;
    write_u32(caller, place_at, place)?;
    write_u32(caller, length_at, length)
}
