//! Which operation a request target means, and the target built anew from it (RFC 7644 §3.2).
//!
//! The client's own path never goes further: two readers must not read one path in two ways. What
//! cannot be read in one way only is refused.

mod base;
mod percent;
#[cfg(test)]
mod tests;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

pub use self::base::Bases;
use super::error::Error;
use super::limits::Limits;

/// Query parameters that SCIM defines, each once per request (RFC 7644 §3.4.2, RFC 9865 §2).
const SINGLE_PARAMETERS: [&str; 8] = [
    "attributes",
    "excludedAttributes",
    "filter",
    "sortBy",
    "sortOrder",
    "startIndex",
    "count",
    "cursor",
];

/// The parameter of RFC 6750 §2.3: URLs end up in logs, so it is refused whatever it holds.
const CREDENTIAL_PARAMETER: &str = "access_token";

/// What a request target means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The tenant that the path names; `None` is the default tenant.
    pub tenant: Option<String>,
    /// The base as it was matched, without a slash at its end: `/scim/v2`, `/v2/acme`. It is ""
    /// for `/alive` outside every base.
    pub base: String,
    /// What the path names below the base.
    pub endpoint: Endpoint,
    /// Parameters of the query, decoded. Those that SCIM defines have the letter case that SCIM
    /// gives them; all others are as sent.
    pub query: Vec<(String, String)>,
}

/// What a path names below its base (RFC 7644 §3.2, table 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The base itself.
    Root,
    /// All resources of one endpoint; its name in canonical case, `Users`.
    Collection(String),
    /// One resource.
    Item {
        /// The endpoint's name in canonical case.
        endpoint: String,
        /// The resource's `id`, decoded.
        id: String,
    },
    /// A query by POST (RFC 7644 §3.4.3), of one endpoint or of all.
    Search(Option<String>),
    /// The service provider's configuration (RFC 7643 §5).
    ServiceProviderConfig,
    /// All resource types, or the one of that name (RFC 7643 §6).
    ResourceTypes(Option<String>),
    /// All schemas, or the one of that URN (RFC 7643 §7).
    Schemas(Option<String>),
    /// Bulk operations (RFC 7644 §3.7).
    Bulk,
    /// The resource of the authenticated subject (RFC 7644 §3.11).
    Me,
    /// Whether the service runs: no SCIM, and no credential needed.
    Alive,
}

impl Endpoint {
    /// The methods of the endpoint, as the `allow` header lists them.
    #[must_use]
    pub const fn allow(&self) -> &'static str {
        match self {
            Self::Collection(_) => "GET, HEAD, POST",
            Self::Item { .. } => "GET, HEAD, PUT, PATCH, DELETE",
            Self::Search(_) | Self::Bulk => "POST",
            Self::Me => "GET, HEAD, POST, PUT, PATCH, DELETE",
            Self::Root
            | Self::ServiceProviderConfig
            | Self::ResourceTypes(_)
            | Self::Schemas(_)
            | Self::Alive => "GET, HEAD",
        }
    }

    /// The name for an audit line: `Users`, `Bulk`; never an id.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Root => "/",
            Self::Collection(name) | Self::Item { endpoint: name, .. } => name,
            Self::Search(_) => ".search",
            Self::ServiceProviderConfig => "ServiceProviderConfig",
            Self::ResourceTypes(_) => "ResourceTypes",
            Self::Schemas(_) => "Schemas",
            Self::Bulk => "Bulk",
            Self::Me => "Me",
            Self::Alive => "alive",
        }
    }

    /// The segments below the base, decoded.
    fn segments(&self) -> [Option<&str>; 2] {
        match self {
            Self::Root => [None, None],
            Self::Collection(name) => [Some(name), None],
            Self::Item { endpoint, id } => [Some(endpoint), Some(id)],
            Self::Search(None) => [Some(".search"), None],
            Self::Search(Some(name)) => [Some(name), Some(".search")],
            Self::ResourceTypes(name) => [Some("ResourceTypes"), name.as_deref()],
            Self::Schemas(urn) => [Some("Schemas"), urn.as_deref()],
            Self::ServiceProviderConfig | Self::Bulk | Self::Me | Self::Alive => {
                [Some(self.name()), None]
            }
        }
    }

    /// Reads the segments below a base; `None` if they name nothing.
    fn read(segments: &[String], endpoints: &[&str]) -> Option<Self> {
        let (name, id) = match segments {
            [] => return Some(Self::Root),
            [name] => (name, None),
            [name, id] => (name, Some(id)),
            _ => return None,
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let endpoint = endpoints.iter().find(|known| is(known)).map(|known| (*known).to_owned());
        Some(match (endpoint, id) {
            (Some(name), None) => Self::Collection(name),
            (Some(name), Some(id)) if id.eq_ignore_ascii_case(".search") => {
                Self::Search(Some(name))
            }
            (Some(endpoint), Some(id)) => Self::Item { endpoint, id: id.clone() },
            (None, id) if is("ResourceTypes") => Self::ResourceTypes(id.cloned()),
            (None, id) if is("Schemas") => Self::Schemas(id.cloned()),
            (None, None) if is(".search") => Self::Search(None),
            // The plural is what clients of SCIM 1.1 still ask for.
            (None, None) if is("ServiceProviderConfig") || is("ServiceProviderConfigs") => {
                Self::ServiceProviderConfig
            }
            (None, None) if is("Bulk") => Self::Bulk,
            (None, None) if is("Me") => Self::Me,
            (None, None) if is("alive") => Self::Alive,
            (None, _) => return None,
        })
    }
}

/// Reads a request target: path and query, as they stand in the request line.
///
/// `endpoints` are the names of the resource endpoints that exist. Forgiven are doubled slashes, a
/// slash at the end, and the letter case of the first segment below the base.
///
/// # Errors
/// 400 for a target that is too long, for `.` and `..` segments, encoded slashes, backslashes,
/// control characters, `;`, double or broken percent-encoding, broken UTF-8, a SCIM parameter that
/// comes twice, and a credential in the query; 404 for a path that names nothing. No error holds
/// text of the target.
///
/// ```
/// use scim_core::protocol::limits::Limits;
/// use scim_core::protocol::route::{self, Bases, Endpoint};
///
/// let (bases, limits) = (Bases::default(), Limits::default());
/// let route = route::parse("/scim/v2//users/7?COUNT=1", &bases, &["Users"], &limits)?;
/// assert_eq!(route.endpoint, Endpoint::Item { endpoint: "Users".into(), id: "7".into() });
/// assert_eq!(route.to_target("/rest"), "/rest/Users/7?count=1");
/// assert!(route::parse("/scim/v2/../admin", &bases, &["Users"], &limits).is_err());
/// # Ok::<(), scim_core::protocol::Error>(())
/// ```
pub fn parse(
    target: &str,
    bases: &Bases,
    endpoints: &[&str],
    limits: &Limits,
) -> Result<Route, Error> {
    if target.len() > limits.target_bytes {
        return Err(Error::bad_request("the request target is too long"));
    }
    if !target.starts_with('/') || target.contains('#') {
        return Err(Error::bad_request("the request target is not a path with a query"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments = path_segments(path)?;
    let query = parse_query(query)?;
    if let [name] = segments.as_slice()
        && name == "alive"
    {
        let (tenant, base) = (None, String::new());
        return Ok(Route { tenant, base, endpoint: Endpoint::Alive, query });
    }
    let unknown = || Error::not_found("nothing is served on this path");
    let (matched, rest) = bases.find(&segments, endpoints).ok_or_else(unknown)?;
    let endpoint = Endpoint::read(rest, endpoints).ok_or_else(unknown)?;
    Ok(Route { tenant: matched.tenant, base: matched.base, endpoint, query })
}

/// The segments of a path, decoded; empty ones are left out.
pub(crate) fn path_segments(path: &str) -> Result<Vec<String>, Error> {
    path.split('/').filter(|raw| !raw.is_empty()).map(segment).collect()
}

fn segment(raw: &str) -> Result<String, Error> {
    let text = percent::decode(raw, false)?;
    let unsafe_character = |c: char| matches!(c, '/' | '\\' | ';') || c.is_control();
    // A second round of decoding further on would find what the first one hid.
    if text.contains(unsafe_character) || percent::has_escape(&text) {
        return Err(Error::bad_request("the path holds a character that is not allowed in it"));
    }
    if text == "." || text == ".." {
        return Err(Error::bad_request("the path holds a dot segment"));
    }
    Ok(text)
}

pub(crate) fn parse_query(query: &str) -> Result<Vec<(String, String)>, Error> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (mut name, value) = (percent::decode(name, true)?, percent::decode(value, true)?);
        if name.contains('\0') || value.contains('\0') {
            return Err(Error::bad_request(
                "the query holds a character that is not allowed in it",
            ));
        }
        if name.eq_ignore_ascii_case(CREDENTIAL_PARAMETER) {
            return Err(Error::bad_request("a credential in the query is not accepted"));
        }
        if let Some(known) = SINGLE_PARAMETERS.iter().find(|known| name.eq_ignore_ascii_case(known))
        {
            if parameters.iter().any(|(seen, _)| seen == known) {
                return Err(Error::bad_request(alloc::format!("`{known}` is given twice")));
            }
            name = String::from(*known);
        }
        parameters.push((name, value));
    }
    Ok(parameters)
}

impl Route {
    /// Path and query below `base` (which may end in a slash), percent-encoded by us.
    #[must_use]
    pub fn to_target(&self, base: &str) -> String {
        let mut target = base.trim_end_matches('/').to_owned();
        for segment in self.endpoint.segments().into_iter().flatten() {
            target.push('/');
            percent::encode(&mut target, segment);
        }
        if target.is_empty() {
            target.push('/');
        }
        let mut separator = '?';
        for (name, value) in &self.query {
            target.push(separator);
            percent::encode(&mut target, name);
            target.push('=');
            percent::encode(&mut target, value);
            separator = '&';
        }
        target
    }

    /// The value of a query parameter, by the name that SCIM gives it.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The methods that the path has, as the `allow` header lists them.
    #[must_use]
    pub const fn allow(&self) -> &'static str {
        self.endpoint.allow()
    }
}

/// Whether `endpoint` has `method`, which is case-sensitive (RFC 9110 §9.1).
///
/// # Errors
/// 405 with `allow`.
pub fn check_method(method: &str, endpoint: &Endpoint) -> Result<(), Error> {
    if !endpoint.allow().split(", ").any(|allowed| allowed == method) {
        return Err(Error::method_not_allowed(endpoint.allow()));
    }
    Ok(())
}
