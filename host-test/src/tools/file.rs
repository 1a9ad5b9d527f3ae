//! Files of lines, as an export writes and an import reads them.

use std::io::{BufRead, Read as _};

use anyhow::{Context as _, bail, ensure};
use scim_core::store::transfer::{self, Header, Line};

/// Most bytes of one line.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// Lines one after another.
pub(super) struct Lines<R> {
    input: R,
    /// The number of the line that was read last.
    pub(super) number: u64,
    /// How many bytes there were up to its end.
    pub(super) bytes: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Lines after so many lines and bytes.
    pub(super) fn new(input: R, number: u64, bytes: u64) -> Self {
        Self { input, number, bytes, buffer: Vec::new() }
    }

    /// The next line; `None` at the end, and for a last line that is cut off.
    ///
    /// # Errors
    ///
    /// When the input cannot be read, or the line is not one of an export.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Line>> {
        self.buffer.clear();
        self.input.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.buffer)?;
        let number = self.number + 1;
        let Some(text) = self.buffer.strip_suffix(b"\n") else {
            ensure!((self.buffer.len() as u64) < MAX_LINE, "line {number} is too long");
            self.buffer.clear();
            return Ok(None);
        };
        let Ok(line) = serde_json::from_slice(text) else {
            // The parser's words may repeat a value.
            bail!("line {number} is not a line of an export");
        };
        self.number = number;
        self.bytes += self.buffer.len() as u64;
        Ok(Some(line))
    }

    /// How many lines and bytes there were before the line that was read last.
    pub(super) fn before_last(&self) -> (u64, u64) {
        let length = self.buffer.len() as u64;
        (self.number - u64::from(length > 0), self.bytes - length)
    }

    /// The first line.
    ///
    /// # Errors
    ///
    /// When it is no header, or one of a version that this program does not know.
    pub(super) fn header(&mut self) -> anyhow::Result<Header> {
        let line = self.next().context("this is not an export")?;
        let Some(Line::Header(header)) = line else { bail!("this is not an export") };
        ensure!(
            header.version == transfer::VERSION,
            "the export has version {}, and this program reads version {}",
            header.version,
            transfer::VERSION
        );
        Ok(header)
    }
}
