//! Attribute paths and the paths of PATCH operations (RFC 7644 §3.10, §3.5.2).

use alloc::string::String;
use core::fmt;

use super::filter::{Filter, FilterError, FilterErrorKind as Kind, Level, Parser};
use super::limits::Limits;

/// `[urn ":"] attribute ["." sub-attribute]` (RFC 7644 §3.10).
///
/// The last colon ends the URN: it holds dots and colons itself. So the URN of an extension alone,
/// as in `urn:…:enterprise:2.0:User pr`, reads as attribute `User` of the schema
/// `urn:…:enterprise:2.0`; [`AttrPath::names_schema`] tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttrPath {
    /// Schema URN, as written, without the colon that ends it.
    pub urn: Option<String>,
    /// Attribute name, as written.
    pub name: String,
    /// Sub-attribute name, as written.
    pub sub: Option<String>,
}

/// The path of a PATCH operation: an attribute path, or a value path with what follows it
/// (RFC 7644 §3.5.2, figure 7).
#[derive(Clone, Debug, PartialEq)]
pub struct PatchPath {
    /// The attribute. With a filter, `attr.sub` is the sub-attribute after the bracket.
    pub attr: AttrPath,
    /// What selects elements of a multi-valued attribute.
    pub filter: Option<Filter>,
}

impl AttrPath {
    /// Parses an attribute path; blanks around it are forgiven.
    ///
    /// # Errors
    ///
    /// The text is not an attribute path.
    ///
    /// ```
    /// use scim_core::protocol::path::AttrPath;
    /// let path = AttrPath::parse("urn:ietf:params:scim:schemas:core:2.0:User:name.familyName")?;
    /// assert_eq!((&*path.name, path.sub.as_deref()), ("name", Some("familyName")));
    /// # Ok::<(), scim_core::protocol::filter::FilterError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let rest = text.trim_start_matches([' ', '\t']);
        let at = text.len() - rest.len();
        if rest.is_empty() {
            return Err(FilterError::new(Kind::Empty, at..at));
        }
        attr_path(rest.trim_end_matches([' ', '\t']), at)
    }

    /// Whether the whole path is the URN of a schema, in any letter case.
    ///
    /// A lone URN is no different from an attribute path to who does not know the schemas.
    #[must_use]
    pub fn names_schema(&self, urn: &str) -> bool {
        let Some(own) = self.urn.as_deref() else { return false };
        let sub = self.sub.as_deref();
        let parts = [own, ":", &self.name, sub.map_or("", |_| "."), sub.unwrap_or_default()];
        let bytes = parts.into_iter().flat_map(str::bytes).map(|b| b.to_ascii_lowercase());
        bytes.eq(urn.bytes().map(|b| b.to_ascii_lowercase()))
    }
}

impl PatchPath {
    /// Parses the path of a PATCH operation; blanks around it are forgiven.
    ///
    /// # Errors
    ///
    /// The text is not such a path, or is over one of the filter's limits.
    ///
    /// ```
    /// use scim_core::protocol::{limits::Limits, path::PatchPath};
    /// let path = PatchPath::parse("emails[type eq work].value", &Limits::default())?;
    /// assert_eq!(path.to_string(), "emails[type eq \"work\"].value");
    /// # Ok::<(), scim_core::protocol::filter::FilterError>(())
    /// ```
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, FilterError> {
        let mut parser = Parser::new(text, limits)?;
        let mut attr = parser.path()?;
        let filter = parser.bracket(&attr, Level::TOP)?;
        if filter.is_some() {
            attr.sub = parser.sub()?;
        }
        parser.end()?;
        Ok(Self { attr, filter })
    }
}

/// Reads a whole attribute path that stands at byte `at`.
pub(super) fn attr_path(text: &str, at: usize) -> Result<AttrPath, FilterError> {
    let (urn, names) = match text.rsplit_once(':') {
        Some((urn, names)) => (Some(urn), names),
        None => (None, text),
    };
    if urn.is_some_and(|urn| !is_uri(urn)) {
        return Err(FilterError::new(Kind::ExpectedPath, at..at + text.len()));
    }
    let at = at + urn.map_or(0, |urn| urn.len() + 1);
    let (first, sub) = match names.split_once('.') {
        Some((first, sub)) => (first, Some(sub)),
        None => (names, None),
    };
    let attribute = name(first, at)?;
    let sub = sub.map(|sub| name(sub, at + first.len() + 1)).transpose()?;
    Ok(AttrPath { urn: urn.map(String::from), name: attribute, sub })
}

/// Reads a whole attribute name that stands at byte `at` (RFC 7643 §2.1); `$ref` is one.
pub(super) fn name(text: &str, at: usize) -> Result<String, FilterError> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.eq_ignore_ascii_case("$ref")
        || (text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(in_name))
    {
        return Ok(text.into());
    }
    let dotted = text.split_once('.').filter(|(first, _)| name(first, at).is_ok());
    Err(match dotted {
        Some((first, rest)) => {
            let at = at + first.len();
            FilterError::new(Kind::TooManySubAttributes, at..at + 1 + rest.len())
        }
        None => FilterError::new(Kind::ExpectedPath, at..at + text.len()),
    })
}

/// Whether `text` begins like a URI and has no other characters (RFC 3986 §2, §3.1); no
/// parentheses and brackets, which are the filter's own.
fn is_uri(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&'*+,;=%".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(allowed)
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
    }
}

impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(filter) = &self.filter else { return fmt::Display::fmt(&self.attr, f) };
        if let Some(urn) = &self.attr.urn {
            write!(f, "{urn}:")?;
        }
        write!(f, "{}[{filter}]", self.attr.name)?;
        self.attr.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
    }
}
