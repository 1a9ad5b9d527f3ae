//! Conditions on a version: `If-Match` and `If-None-Match` (RFC 7644 §3.14, RFC 9110 §13.1).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::view::etag;
use crate::protocol::Error;

/// The entity tags of one header field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    Any,
    These(Vec<String>),
}

impl Tags {
    fn parse(field: &str) -> Self {
        let field = field.trim();
        if field == "*" {
            return Self::Any;
        }
        Self::These(field.split(',').map(|tag| tag.trim().to_string()).collect())
    }

    /// Weak comparison (RFC 9110 §8.8.3.2); quotes left out are forgiven.
    fn name(&self, version: u64) -> bool {
        let bare = |tag: &str| -> String {
            tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_string()
        };
        let wanted = bare(&etag(version));
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| bare(tag) == wanted),
        }
    }
}

/// What must hold for a request to be carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl Condition {
    pub(super) fn new(if_match: Option<&str>, if_none_match: Option<&str>) -> Self {
        Self { if_match: if_match.map(Tags::parse), if_none_match: if_none_match.map(Tags::parse) }
    }

    /// Refuses a write of a version that the client does not mean.
    ///
    /// # Errors
    /// 412.
    pub(super) fn check(&self, version: u64) -> Result<(), Error> {
        self.check_match(version)?;
        if self.has(version) { Err(wrong_version()) } else { Ok(()) }
    }

    /// Refuses to show a version that the client does not mean.
    ///
    /// # Errors
    /// 412.
    pub(super) fn check_match(&self, version: u64) -> Result<(), Error> {
        if self.if_match.as_ref().is_some_and(|tags| !tags.name(version)) {
            return Err(wrong_version());
        }
        Ok(())
    }

    /// Whether a reader has this version already (304).
    pub(super) fn has(&self, version: u64) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.name(version))
    }
}

fn wrong_version() -> Error {
    Error::precondition_failed("the resource has another version")
}
