//! What a client may do: read or write, everything or some resource types (RFC 6749 §3.3).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Scopes of one client.
const SCOPES: usize = 64;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Read,
    /// It may change something.
    Write,
}

impl Access {
    /// What a request by `method` does; `is_search` is a query by POST (RFC 7644 §3.4.3).
    #[must_use]
    pub fn of(method: &str, is_search: bool) -> Self {
        if is_search || matches!(method, "GET" | "HEAD") { Self::Read } else { Self::Write }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A permission: what may be done, with one resource type or with all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    access: Access,
    /// The endpoint of the type, `Users`; `None` is all of them.
    endpoint: Option<String>,
}

/// The permissions of a client. Without any named it may do everything.
///
/// ```
/// use scim_core::auth::{Access, Scopes};
/// let scopes = Scopes::parse(["read", "write:Users"]).expect("two scopes");
/// assert!(scopes.allow(Access::Write, "Users") && !scopes.allow(Access::Write, "Groups"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Option<Vec<Scope>>);

impl Scopes {
    /// Reads `read`, `write`, `read:Users`, …; `None` if a text is none of these, or for too many.
    #[must_use]
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let scopes: Option<Vec<Scope>> = texts.into_iter().take(SCOPES + 1).map(scope).collect();
        scopes.filter(|scopes| scopes.len() <= SCOPES).map(|scopes| Self(Some(scopes)))
    }

    /// Whether `access` to the resources of `endpoint` is permitted.
    #[must_use]
    pub fn allow(&self, access: Access, endpoint: &str) -> bool {
        let Some(scopes) = &self.0 else { return true };
        scopes.iter().any(|scope| {
            let named = scope.endpoint.as_deref();
            scope.access == access && named.is_none_or(|name| name.eq_ignore_ascii_case(endpoint))
        })
    }

    /// The texts that [`parse`](Self::parse) reads; `None` if everything is permitted.
    #[must_use]
    pub fn to_texts(&self) -> Option<Vec<String>> {
        let text = |scope: &Scope| match &scope.endpoint {
            None => scope.access.name().to_owned(),
            Some(endpoint) => format!("{}:{endpoint}", scope.access.name()),
        };
        Some(self.0.as_ref()?.iter().map(text).collect())
    }
}

fn scope(text: &str) -> Option<Scope> {
    let (name, endpoint) = match text.split_once(':') {
        None => (text, None),
        Some((name, endpoint)) => (name, Some(endpoint)),
    };
    let access = [Access::Read, Access::Write].into_iter().find(|access| access.name() == name)?;
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
    endpoint.is_none_or(is_name).then(|| Scope { access, endpoint: endpoint.map(Into::into) })
}
