//! The tenants that the configuration names, and the hosts that name tenants.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::auth::ConfigError;

/// Tenants of one configuration.
const TENANTS: usize = 10_000;
/// Templates of hosts.
const HOSTS: usize = 16;
/// Bytes of a tenant's name.
const NAME_BYTES: usize = 64;
/// Stands for the tenant in a template.
const PLACEHOLDER: &str = "{tenant}";

/// The name of the tenant that a path without one means.
pub(super) const DEFAULT: &str = "default";

/// A tenant of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    name: String,
    enabled: bool,
    /// Hosts that are this tenant's alone, in lower case.
    hosts: Vec<String>,
}

/// What the configuration says of tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenants {
    named: Vec<Named>,
    /// What stands before and behind the tenant's name in a host.
    templates: Vec<(String, String)>,
}

impl Tenants {
    /// Reads `tenants`, `[{"name": "acme", "enabled": true, "hosts": ["scim.acme.example"]}]`, and
    /// `hosts`, `["{tenant}.scim.example"]`.
    ///
    /// # Errors
    /// The field that is unknown, missing or malformed; a name or a host that is given twice.
    pub fn from_json(tenants: Option<&Value>, hosts: Option<&Value>) -> Result<Self, ConfigError> {
        let mut read = Self::default();
        for (index, value) in array(tenants, "tenants", TENANTS)?.iter().enumerate() {
            let named = read_tenant(value, &format!("tenants[{index}]"))?;
            let taken = |known: &Named| {
                known.name == named.name || known.hosts.iter().any(|h| named.hosts.contains(h))
            };
            if read.named.iter().any(taken) {
                let message = "has the name or a host of another tenant";
                return Err(ConfigError::new(format!("tenants[{index}]"), message));
            }
            read.named.push(named);
        }
        for (index, value) in array(hosts, "hosts", HOSTS)?.iter().enumerate() {
            let template = value.as_str().and_then(|text| text.split_once(PLACEHOLDER));
            let Some((before, after)) = template.filter(|(_, after)| after.starts_with('.')) else {
                let message = "must hold `{tenant}` once, and a dot behind it";
                return Err(ConfigError::new(format!("hosts[{index}]"), message));
            };
            read.templates.push((before.to_ascii_lowercase(), after.to_ascii_lowercase()));
        }
        Ok(read)
    }

    /// The names of the tenants.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|named| &*named.name)
    }

    /// Whether the tenant is let in; `None` if the configuration does not name it.
    #[must_use]
    pub fn is_enabled(&self, name: &str) -> Option<bool> {
        self.named.iter().find(|named| named.name == name).map(|named| named.enabled)
    }

    /// The tenant that the request's own authority names.
    #[must_use]
    pub fn of_authority(&self, authority: &str) -> Option<String> {
        let host = host(authority).to_ascii_lowercase();
        if let Some(named) = self.named.iter().find(|named| named.hosts.contains(&host)) {
            return Some(named.name.clone());
        }
        self.templates.iter().find_map(|(before, after)| {
            let name = host.strip_prefix(&**before)?.strip_suffix(&**after)?;
            (is_name(name) && !name.contains('.')).then(|| name.to_owned())
        })
    }
}

/// Whether `text` can be the name of a tenant: as a segment of a path it means itself.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=NAME_BYTES).contains(&text.len())
        && !matches!(text, "." | "..")
        && text.bytes().all(allowed)
}

/// An authority without its port; the brackets of an IPv6 address stay.
fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn array<'a>(value: Option<&'a Value>, at: &str, most: usize) -> Result<&'a [Value], ConfigError> {
    match value {
        None => Ok(&[]),
        Some(Value::Array(items)) if items.len() <= most => Ok(items),
        Some(_) => Err(ConfigError::new(at, format!("must be an array of at most {most}"))),
    }
}

fn read_tenant(value: &Value, at: &str) -> Result<Named, ConfigError> {
    let wrong = |name: &str, message: &str| ConfigError::new(format!("{at}.{name}"), message);
    let Some(object) = value.as_object() else {
        return Err(ConfigError::new(at, "must be an object"));
    };
    super::config::check_fields(object, &format!("{at}."), &["enabled", "hosts", "name"])?;
    let name = object.get("name").and_then(Value::as_str).filter(|name| is_name(name));
    let message = format!("must be 1 to {NAME_BYTES} letters, digits or `-`, `.`, `_`, `~`");
    let name = name.ok_or_else(|| wrong("name", &message))?.to_owned();
    let enabled = match object.get("enabled") {
        None => true,
        Some(Value::Bool(enabled)) => *enabled,
        Some(_) => return Err(wrong("enabled", "must be true or false")),
    };
    let hosts = array(object.get("hosts"), &format!("{at}.hosts"), HOSTS)?.iter();
    let hosts = hosts.map(|host| host.as_str().map(str::to_ascii_lowercase)).collect();
    let hosts: Option<Vec<String>> = hosts;
    Ok(Named { name, enabled, hosts: hosts.ok_or_else(|| wrong("hosts", "must hold strings"))? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hosts_name_tenants() {
        let tenants = json!([{"name": "acme", "hosts": ["SCIM.acme.example"]}, {"name": "b"}]);
        let hosts = json!(["{tenant}.scim.example"]);
        let tenants = Tenants::from_json(Some(&tenants), Some(&hosts)).unwrap();
        for (authority, expected) in [
            ("scim.ACME.example:8443", Some("acme")),
            ("b.scim.example", Some("b")),
            ("B.scim.example:80", Some("b")),
            ("a.b.scim.example", None),
            (".scim.example", None),
            ("scim.example", None),
            ("b.scim.example.evil", None),
            ("[::1]:8080", None),
        ] {
            assert_eq!(tenants.of_authority(authority).as_deref(), expected, "{authority}");
        }
    }

    #[test]
    fn wrong_tenants_are_refused() {
        for (tenants, hosts) in [
            (json!({}), json!([])),
            (json!([{"name": "a/b"}]), json!([])),
            (json!([{"name": "a"}, {"name": "a"}]), json!([])),
            (json!([{"name": "a", "hosts": ["h"]}, {"name": "b", "hosts": ["H"]}]), json!([])),
            (json!([{"name": "a", "color": 1}]), json!([])),
            (json!([]), json!(["scim.example"])),
            (json!([]), json!(["{tenant}"])),
        ] {
            assert!(Tenants::from_json(Some(&tenants), Some(&hosts)).is_err(), "{tenants} {hosts}");
        }
    }
}
