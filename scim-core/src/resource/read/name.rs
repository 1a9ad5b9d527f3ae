//! What an error calls an attribute: put together only when there is an error.

use core::fmt;

use crate::protocol::path::AttrPath;
use crate::resource::element;
use crate::schema::Resolved;

/// An attribute path, in pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) urn: Option<&'a str>,
    pub(super) attribute: &'a str,
    pub(super) sub: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// A whole path as one piece.
    pub(super) const fn of(path: &'a str) -> Self {
        Self { urn: None, attribute: path, sub: None }
    }

    /// A key of the client's own, that may be anything; what is no attribute path is left out.
    pub(super) fn given(parent: Option<&'a str>, key: &'a str) -> Self {
        let key = if AttrPath::parse(key).is_ok() { key } else { "" };
        parent.map_or_else(|| Self::of(key), |parent| Self::of(parent).sub(key))
    }

    /// The path to what was found in a schema.
    pub(super) fn to(target: &Resolved<'a>) -> Self {
        Self {
            urn: target.extension,
            attribute: &target.attribute.name,
            sub: target.sub.map(|sub| &*sub.name),
        }
    }

    /// The path to a part of this.
    pub(super) const fn sub(self, name: &'a str) -> Self {
        Self { sub: Some(name), ..self }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(&element::printable(self.attribute))?;
        self.sub.map_or(Ok(()), |sub| write!(f, ".{}", element::printable(sub)))
    }
}
