//! A PATCH message to the changes that its client means (RFC 7644 §3.5.2).

use alloc::vec::Vec;

use super::Dialect;
use crate::protocol::json::{Object, member};
use crate::protocol::limits::Limits;
use crate::protocol::{Error, Notes, Rule, patch};
use crate::resource::Reading;
use crate::resource::patch::{Change, resolve};

/// Reads a PATCH message in the client's dialect; where that is not known, the message may tell it.
///
/// # Errors
/// As [`patch::parse`] and [`resolve`].
pub fn modification(
    message: &Object,
    reading: &Reading<'_>,
    dialect: Option<Dialect>,
    limits: &Limits,
    notes: &mut Notes,
) -> Result<(Dialect, Vec<Change>), Error> {
    let operations = patch::parse(message, limits)?;
    if member(message, "schemas").is_none() {
        notes.add(Rule::SchemasMissing, "");
    }
    if operations.iter().any(|operation| operation.capitalised) {
        notes.add(Rule::CapitalOp, "");
    }
    let dialect = dialect.or_else(|| Dialect::of_patch(&operations)).unwrap_or(Dialect::Rfc);
    Ok((dialect, resolve(&operations, reading, dialect.leniency(), notes)?))
}
