//! What is wrong with a body, gathered so that one answer names several problems
//! (RFC 7644 §3.12).

use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::{Error, ScimType};

/// Problems that one answer names.
pub(super) const NAMED: usize = 5;

/// The first problems that were met, each once.
#[derive(Debug, Default)]
pub(super) struct Problems {
    errors: Vec<Error>,
}

impl Problems {
    /// Remembers a problem, if there is room for it.
    pub(super) fn push(&mut self, error: Error) {
        if self.errors.len() < NAMED && !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// `value` if there was no problem; else one error that tells of all those that have the
    /// keyword of the first.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Error> {
        let Some(first) = self.errors.first() else { return Ok(value) };
        let kind = first.scim_type();
        let same = self.errors.iter().filter(|error| error.scim_type() == kind);
        let details: Vec<&str> = same.map(Error::detail).collect();
        let text: String = details.join("; ");
        Err(match kind {
            Some(ScimType::InvalidSyntax) => Error::invalid_syntax(text),
            _ => Error::invalid_value(text),
        })
    }
}
