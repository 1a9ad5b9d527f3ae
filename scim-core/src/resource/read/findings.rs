//! What is found while a body is read: what was put right, and what is wrong, gathered so that one
//! answer names several problems (RFC 7644 §3.12).

use alloc::vec::Vec;

use super::name::Name;
use crate::protocol::{Error, NAMED_PROBLEMS, Notes, Rule};

/// The first problems that were met, each once, and the notes of the request.
#[derive(Debug)]
pub(super) struct Findings<'n> {
    problems: Vec<Error>,
    notes: &'n mut Notes,
}

impl<'n> Findings<'n> {
    pub(super) const fn new(notes: &'n mut Notes) -> Self {
        Self { problems: Vec::new(), notes }
    }

    /// Remembers a problem, if there is room for it.
    pub(super) fn push(&mut self, error: Error) {
        if self.problems.len() < NAMED_PROBLEMS && !self.problems.contains(&error) {
            self.problems.push(error);
        }
    }

    /// Notes that an attribute was written in another way than the RFCs ask for.
    pub(super) fn note(&mut self, rule: Rule, name: Name<'_>) {
        self.notes.add(rule, name);
    }

    /// `value` if there was no problem; else one error that tells of all those that have the
    /// keyword of the first.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Error> {
        Error::joined(self.problems).map_or(Ok(value), Err)
    }
}
