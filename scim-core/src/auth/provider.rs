//! The authentication providers whose users are provisioned, and whose tokens are taken (`OpenID`
//! Connect Discovery 1.0, RFC 8414).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::jwt::{Algorithms, Expected, JwkSet, ScopeClaim};
use super::registry::{check_name, members, required_text, text};
use super::url::Url;
use super::{ConfigError, Method, Registry};

/// Providers of one configuration.
const PROVIDERS: usize = 100;
/// Audiences, and hosts, of one provider.
const NAMES: usize = 16;
/// Seconds between two fetches for a key id that is not known, unless another number is configured.
const REFETCH_S: u64 = 30;
/// The largest such number.
const REFETCH_S_MAX: u64 = 3600;
/// Seconds by which the clocks of a provider and of ours may differ.
const SKEW_S: u64 = 60;
/// The scope that a token must grant, unless another is configured.
pub(super) const SCOPE: &str = "scim_v2";

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// `OpenID` Connect.
    Oidc,
    /// SAML 2.0: it signs in users, and issues no tokens for clients.
    Saml,
}

impl ProviderKind {
    /// The name that configurations use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Saml => "saml",
        }
    }
}

/// An authentication provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name that clients refer to.
    pub name: String,
    /// What it speaks.
    pub kind: ProviderKind,
    /// How its tokens are known; `None` if none are taken.
    pub issuer: Option<Issuer>,
}

/// How the tokens of a provider are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The issuer (`iss`), compared character by character and never fetched as such.
    pub identifier: String,
    /// One of these must be among the audiences of a token: the client id at the provider.
    pub audiences: Vec<String>,
    /// Where its keys are.
    pub keys: KeySource,
    /// The scope that a token must grant.
    pub scope: String,
    /// Hosts, with port, from which its keys may come besides its own.
    pub hosts: Vec<String>,
    /// Seconds between two fetches for a key id that is not known.
    pub refetch_s: u64,
    /// The cluster of a gateway through which it is reached.
    pub cluster: Option<String>,
    algorithms: Algorithms,
    scope_claim: ScopeClaim,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In the configuration.
    Inline(Rc<JwkSet>),
    /// At an address.
    At(Url),
    /// Where the issuer's metadata say, which is at this address.
    Discovered(Url),
}

impl Issuer {
    /// What a token of this issuer must say at `now_s`, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn expected(&self, now_s: u64) -> Expected<'_> {
        Expected {
            issuer: &self.identifier,
            audiences: &self.audiences,
            algorithms: self.algorithms,
            scope_claim: self.scope_claim,
            now_s,
            skew_s: SKEW_S,
        }
    }
}

/// All providers of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Providers {
    all: Vec<Provider>,
}

impl Providers {
    /// Reads an array of providers:
    ///
    /// ```json
    /// [{"name": "keycloak", "kind": "oidc", "issuer": "https://login.example/realms/a",
    ///   "client_id": "scim-edge", "jwks_uri": "https://login.example/realms/a/certs"}]
    /// ```
    ///
    /// # Errors
    /// The field that is unknown, missing or malformed; two providers of one name or issuer.
    pub fn from_json(providers: &Value) -> Result<Self, ConfigError> {
        let array = providers.as_array().filter(|array| array.len() <= PROVIDERS);
        let message = || format!("must be an array of at most {PROVIDERS} providers");
        let array = array.ok_or_else(|| ConfigError::new("providers", message()))?;
        let mut read = Self::default();
        for (index, value) in array.iter().enumerate() {
            let at = format!("providers[{index}]");
            let provider = read_provider(value, &at)?;
            if read.named(&provider.name).is_some() {
                let message = "is the name of another provider";
                return Err(ConfigError::new(format!("{at}.name"), message));
            }
            let issuer = provider.issuer.as_ref().map(|issuer| &*issuer.identifier);
            if issuer.is_some_and(|issuer| read.issuing(issuer).is_some()) {
                let message = "is the issuer of another provider";
                return Err(ConfigError::new(format!("{at}.issuer"), message));
            }
            read.all.push(provider);
        }
        Ok(read)
    }

    /// Checks that the clients whose tokens providers issue have such a provider.
    ///
    /// # Errors
    /// The first client whose provider is missing or issues no tokens.
    pub fn check(&self, clients: &Registry) -> Result<(), ConfigError> {
        for (index, client) in clients.clients().iter().enumerate() {
            let provider = client.provider.as_deref().and_then(|name| self.named(name));
            let issues = provider.is_some_and(|provider| provider.issuer.is_some());
            if matches!(client.method, Method::Jwt { .. }) && !issues {
                let message = "names no OIDC provider with an `issuer`";
                return Err(ConfigError::new(format!("clients[{index}].provider"), message));
            }
        }
        Ok(())
    }

    /// All providers, in the order of the configuration.
    #[must_use]
    pub fn all(&self) -> &[Provider] {
        &self.all
    }

    /// The provider of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Provider> {
        self.all.iter().find(|provider| provider.name == name)
    }

    /// The provider that issues tokens as `issuer`, and its place among [`all`](Self::all).
    #[must_use]
    pub fn issuing(&self, issuer: &str) -> Option<(usize, &Provider)> {
        let is = |known: &Issuer| known.identifier == issuer;
        self.all.iter().enumerate().find(|(_, provider)| provider.issuer.as_ref().is_some_and(is))
    }
}

const FIELDS: [&str; 13] = [
    "name",
    "kind",
    "issuer",
    "client_id",
    "audiences",
    "jwks",
    "jwks_uri",
    "refetch_seconds",
    "allowed_hosts",
    "algorithms",
    "scope_claim",
    "scope",
    "cluster",
];

fn read_provider(value: &Value, at: &str) -> Result<Provider, ConfigError> {
    let object = members(value, at, &FIELDS)?;
    let name = required_text(object, "name", at)?;
    check_name(name, &format!("{at}.name"))?;
    let kind = match required_text(object, "kind", at)? {
        "oidc" => ProviderKind::Oidc,
        "saml" => ProviderKind::Saml,
        _ => return Err(ConfigError::new(format!("{at}.kind"), "must be `oidc` or `saml`")),
    };
    let issuer = match text(object, "issuer", at)? {
        Some(issuer) if kind == ProviderKind::Oidc => Some(read_issuer(issuer, object, at)?),
        _ => {
            // Fields that would do nothing are a mistake, and mistakes are said.
            let stray = object.keys().find(|key| !["name", "kind"].contains(&key.as_str()));
            if let Some(stray) = stray {
                let message = "is for OIDC providers with an `issuer` only";
                return Err(ConfigError::new(format!("{at}.{stray}"), message));
            }
            None
        }
    };
    Ok(Provider { name: name.to_owned(), kind, issuer })
}

fn read_issuer(
    identifier: &str,
    object: &Map<String, Value>,
    at: &str,
) -> Result<Issuer, ConfigError> {
    let wrong = |name: &str, message: &str| ConfigError::new(format!("{at}.{name}"), message);
    let mut audiences = names(object, "audiences", at)?;
    audiences.extend(text(object, "client_id", at)?.map(ToOwned::to_owned));
    if audiences.is_empty() {
        return Err(wrong("client_id", "is missing: whom are the tokens for?"));
    }
    let keys = match (object.get("jwks"), text(object, "jwks_uri", at)?) {
        (Some(_), Some(_)) => return Err(wrong("jwks_uri", "and `jwks` exclude each other")),
        (Some(set), None) => {
            let set = JwkSet::from_json(set).ok().filter(|set| !set.is_empty());
            let set = set.ok_or_else(|| wrong("jwks", "holds no key that can verify a token"))?;
            KeySource::Inline(Rc::new(set))
        }
        (None, Some(uri)) => KeySource::At(Url::parse(uri).ok_or_else(|| {
            wrong("jwks_uri", "must be an https URL, or an http URL of the same machine")
        })?),
        (None, None) => {
            let metadata = identifier.trim_end_matches('/').to_string();
            let url = Url::parse(&(metadata + "/.well-known/openid-configuration"));
            KeySource::Discovered(url.ok_or_else(|| {
                wrong("issuer", "must be an https URL, or `jwks` or `jwks_uri` be given")
            })?)
        }
    };
    let algorithms = match object.get("algorithms") {
        None => Algorithms::default(),
        Some(names) => Algorithms::from_json(names).ok_or_else(|| {
            wrong("algorithms", "must name some of RS256, RS384, RS512, PS256, ES256, EdDSA")
        })?,
    };
    let scope_claim = match text(object, "scope_claim", at)? {
        None => ScopeClaim::default(),
        Some(name) => ScopeClaim::from_name(name)
            .ok_or_else(|| wrong("scope_claim", "must be `scope`, `scp` or `roles`"))?,
    };
    let scope = text(object, "scope", at)?.unwrap_or(SCOPE);
    if scope.is_empty() || !scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
        return Err(wrong("scope", "must be one scope"));
    }
    let refetch_s = match object.get("refetch_seconds") {
        None => REFETCH_S,
        Some(seconds) => {
            let in_range = seconds.as_u64().filter(|s| (1..=REFETCH_S_MAX).contains(s));
            let message = format!("must be an integer from 1 to {REFETCH_S_MAX}");
            in_range.ok_or_else(|| wrong("refetch_seconds", &message))?
        }
    };
    Ok(Issuer {
        identifier: identifier.to_owned(),
        audiences,
        keys,
        scope: scope.to_owned(),
        hosts: names(object, "allowed_hosts", at)?,
        refetch_s,
        cluster: text(object, "cluster", at)?.map(ToOwned::to_owned),
        algorithms,
        scope_claim,
    })
}

fn names(object: &Map<String, Value>, name: &str, at: &str) -> Result<Vec<String>, ConfigError> {
    let Some(value) = object.get(name) else {
        return Ok(Vec::new());
    };
    let array = value.as_array().filter(|array| array.len() <= NAMES);
    let text = |item: &Value| item.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let texts = array.and_then(|array| array.iter().map(text).collect());
    texts.ok_or_else(|| {
        let message = format!("must be an array of at most {NAMES} strings");
        ConfigError::new(format!("{at}.{name}"), message)
    })
}

#[cfg(test)]
mod tests;
