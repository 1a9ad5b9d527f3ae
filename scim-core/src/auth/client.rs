//! A SCIM client: who it is, how it proves that, and what it may do.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::registry::{check_name, members, required_text, seconds_of, text};
use super::scope::Scopes;
use super::{ConfigError, bearer};
use crate::dialect::Dialect;
use crate::protocol::{Error, datetime};

/// Tokens of one client, those that are expired and revoked among them.
pub const TOKENS: usize = 16;
/// Requests, or seconds, of a rate limit at most.
const RATE_MAX: u64 = 1_000_000;
/// Bytes of a subject.
const SUBJECT_BYTES: usize = 255;
const MS_PER_S: u64 = 1000;

const FIELDS: [&str; 14] = [
    "created",
    "delete",
    "dialect",
    "enabled",
    "mapping",
    "method",
    "name",
    "provider",
    "rate_limit",
    "scopes",
    "subject",
    "tenant",
    "tokens",
    "user",
];

/// How a client proves who it is. It does not change in the life of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// By a bearer token that it was given once.
    Static,
    /// By a short-lived token that it gets for its id and secret (RFC 6749 §4.4).
    OAuth,
    /// By a token that its authentication provider issues for `subject` (`sub`).
    Jwt {
        /// The value of `sub`, compared character by character.
        subject: String,
    },
}

impl Method {
    /// The name that configurations use.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::OAuth => "oauth",
            Self::Jwt { .. } => "jwt",
        }
    }
}

/// What becomes of a resource that a client deletes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletePolicy {
    /// It is removed.
    #[default]
    Allow,
    /// It stays, and the client gets 403.
    Refuse,
    /// Its `active` becomes false; a resource whose type has no such attribute is removed.
    Deactivate,
}

impl DeletePolicy {
    /// The name that configurations use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
            Self::Deactivate => "deactivate",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Allow, Self::Refuse, Self::Deactivate].into_iter().find(|p| p.name() == name)
    }
}

/// How much a client may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests at most,
    pub requests: u64,
    /// in so many seconds.
    pub seconds: u64,
}

impl RateLimit {
    /// Reads `{"requests": 100, "seconds": 60}`.
    ///
    /// # Errors
    /// The field that is unknown, missing or out of range.
    pub fn read(value: &Value, at: &str) -> Result<Self, ConfigError> {
        let object = members(value, at, &["requests", "seconds"])?;
        let number = |name: &str| {
            let found = object.get(name).and_then(Value::as_u64);
            let message = || format!("must be an integer from 1 to {RATE_MAX}");
            found
                .filter(|number| (1..=RATE_MAX).contains(number))
                .ok_or_else(|| ConfigError::new(format!("{at}.{name}"), message()))
        };
        Ok(Self { requests: number("requests")?, seconds: number("seconds")? })
    }
}

/// A SCIM client: who it is, how it proves that, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The name that it is configured under.
    pub name: String,
    /// The tenant that it belongs to; `None` is the default tenant.
    pub tenant: Option<String>,
    /// The authentication provider.
    pub provider: Option<String>,
    /// Its provisioning domain, to which `externalId` belongs (RFC 7643 §3.1): the authentication
    /// provider, else the client's name.
    pub domain: String,
    /// How it proves who it is.
    pub method: Method,
    /// Whether it may come in at all.
    pub enabled: bool,
    /// What it speaks; `None` is to be recognized from its requests.
    pub dialect: Option<Dialect>,
    /// The value by which the user is found that it stands for (`/Me`, RFC 7644 §3.11).
    pub user: Option<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// What becomes of the resources that it deletes.
    pub delete: DeletePolicy,
    /// How much it may ask for.
    pub rate_limit: Option<RateLimit>,
    /// Its attribute mapping, as configured.
    pub mapping: Option<Value>,
    /// When it was created, in seconds since 1970-01-01T00:00:00Z.
    pub created_s: Option<u64>,
    /// Its tokens; for [`Method::OAuth`] its secrets.
    pub tokens: Vec<StaticToken>,
}

/// A static bearer token, or a client secret. Only its hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticToken {
    /// The public id of a generated token.
    pub id: Option<String>,
    /// SHA-256 of its text.
    pub sha256: [u8; 32],
    /// Seconds since 1970-01-01T00:00:00Z at which it was made.
    pub issued_s: Option<u64>,
    /// Seconds since 1970-01-01T00:00:00Z from which on it is refused.
    pub expires_s: Option<u64>,
    /// Seconds since 1970-01-01T00:00:00Z at which it was revoked.
    pub revoked_s: Option<u64>,
    /// Days since 1970-01-01 on which it was last used.
    pub used_day: Option<u64>,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It opens.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl TokenState {
    /// The word for lists.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl StaticToken {
    /// A token of this text, without any dates.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let sha256 = Sha256::digest(text).into();
        let id = super::token::public_id(text).map(ToOwned::to_owned);
        Self { id, sha256, issued_s: None, expires_s: None, revoked_s: None, used_day: None }
    }

    /// Whether `sha256` is its hash, in constant time.
    #[must_use]
    pub fn matches(&self, sha256: &[u8; 32]) -> bool {
        self.sha256.ct_eq(sha256).into()
    }

    /// What it is good for at `now_s`, in seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn state(&self, now_s: u64) -> TokenState {
        if self.revoked_s.is_some() {
            TokenState::Revoked
        } else if self.expires_s.is_some_and(|expires| expires <= now_s) {
            TokenState::Expired
        } else {
            TokenState::Active
        }
    }

    /// Refuses a token that is not good at `now_s`.
    ///
    /// # Errors
    /// 401, outside always the same.
    pub fn check(&self, now_s: u64) -> Result<(), Error> {
        match self.state(now_s) {
            TokenState::Active => Ok(()),
            TokenState::Expired => Err(bearer::invalid_token("token_expired")),
            TokenState::Revoked => Err(bearer::invalid_token("token_revoked")),
        }
    }

    pub(super) fn read(value: &Value, at: &str) -> Result<Self, ConfigError> {
        let known = ["sha256", "id", "issued", "expires", "revoked", "used"];
        let object = members(value, at, &known)?;
        let bad_hash = || ConfigError::new(format!("{at}.sha256"), "must be 64 hexadecimal digits");
        let sha256 = from_hex(required_text(object, "sha256", at)?).ok_or_else(bad_hash)?;
        let seconds = |name: &str| date(object, name, at);
        let (issued_s, expires_s) = (seconds("issued")?, seconds("expires")?);
        if let (Some(issued), Some(expires)) = (issued_s, expires_s)
            && expires <= issued
        {
            return Err(ConfigError::new(format!("{at}.expires"), "must be later than `issued`"));
        }
        Ok(Self {
            id: text(object, "id", at)?.map(ToOwned::to_owned),
            sha256,
            issued_s,
            expires_s,
            revoked_s: seconds("revoked")?,
            used_day: object.get("used").and_then(Value::as_u64),
        })
    }

    fn to_json(&self) -> Value {
        let mut token = Map::new();
        token.insert("sha256".into(), to_hex(&self.sha256).into());
        let mut put = |name: &str, value: Option<Value>| {
            token.extend(value.map(|value| (name.to_owned(), value)));
        };
        put("id", self.id.as_deref().map(Value::from));
        put("issued", self.issued_s.map(written));
        put("expires", self.expires_s.map(written));
        put("revoked", self.revoked_s.map(written));
        put("used", self.used_day.map(Value::from));
        Value::Object(token)
    }
}

impl Client {
    /// A client with a name and nothing else, whose tokens let it do everything.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            tenant: None,
            provider: None,
            domain: name.to_owned(),
            method: Method::Static,
            enabled: true,
            dialect: None,
            user: None,
            scopes: Scopes::default(),
            delete: DeletePolicy::Allow,
            rate_limit: None,
            mapping: None,
            created_s: None,
            tokens: Vec::new(),
        }
    }

    /// Reads a client as [`Registry::from_json`](super::Registry::from_json) describes it. `at` is
    /// its place in the document.
    ///
    /// # Errors
    /// The field that is unknown, missing or malformed.
    pub fn read(value: &Value, at: &str) -> Result<Self, ConfigError> {
        let object = members(value, at, &FIELDS)?;
        let wrong = |name: &str, message: &str| ConfigError::new(format!("{at}.{name}"), message);
        let owned = |name: &str| Ok(text(object, name, at)?.map(ToOwned::to_owned));
        let name = required_text(object, "name", at)?;
        check_name(name, &format!("{at}.name"))?;
        let mut client = Self::new(name);
        client.provider = owned("provider")?;
        if let Some(provider) = &client.provider {
            check_name(provider, &format!("{at}.provider"))?;
            client.domain.clone_from(provider);
        }
        client.tenant = owned("tenant")?;
        if let Some(tenant) = &client.tenant {
            check_name(tenant, &format!("{at}.tenant"))?;
        }
        client.user = owned("user")?;
        client.dialect = match text(object, "dialect", at)? {
            None | Some("auto") => None,
            Some(name) => Some(
                Dialect::from_name(name)
                    .ok_or_else(|| wrong("dialect", "names no known dialect"))?,
            ),
        };
        client.method = read_method(object, at)?;
        client.enabled = match object.get("enabled") {
            None => true,
            Some(Value::Bool(enabled)) => *enabled,
            Some(_) => return Err(wrong("enabled", "must be true or false")),
        };
        if let Some(policy) = text(object, "delete", at)? {
            let unknown = || wrong("delete", "must be allow, refuse or deactivate");
            client.delete = DeletePolicy::from_name(policy).ok_or_else(unknown)?;
        }
        if let Some(scopes) = object.get("scopes") {
            let texts: Option<Vec<&str>> =
                scopes.as_array().and_then(|texts| texts.iter().map(Value::as_str).collect());
            let message = "must be an array of read, write, read:Users, write:Users …";
            client.scopes =
                texts.and_then(Scopes::parse).ok_or_else(|| wrong("scopes", message))?;
        }
        let limit = object.get("rate_limit").filter(|limit| !limit.is_null());
        client.rate_limit =
            limit.map(|limit| RateLimit::read(limit, &format!("{at}.rate_limit"))).transpose()?;
        client.mapping = object.get("mapping").filter(|mapping| !mapping.is_null()).cloned();
        client.created_s = date(object, "created", at)?;
        client.tokens = read_tokens(object, &client.method, at)?;
        Ok(client)
    }

    /// What [`read`](Self::read) reads. `with_tokens` adds the tokens, by their hashes.
    #[must_use]
    pub fn to_json(&self, with_tokens: bool) -> Value {
        let mut client = json!({
            "name": self.name,
            "method": self.method.name(),
            "enabled": self.enabled,
            "delete": self.delete.name(),
        });
        let subject = match &self.method {
            Method::Jwt { subject } => Some(subject.as_str().into()),
            Method::Static | Method::OAuth => None,
        };
        let rate = |limit: RateLimit| json!({"requests": limit.requests, "seconds": limit.seconds});
        let tokens = with_tokens.then(|| self.tokens.iter().map(StaticToken::to_json).collect());
        let fields = [
            ("tenant", self.tenant.as_deref().map(Value::from)),
            ("provider", self.provider.as_deref().map(Value::from)),
            ("subject", subject),
            ("dialect", self.dialect.map(|dialect| dialect.name().into())),
            ("user", self.user.as_deref().map(Value::from)),
            ("scopes", self.scopes.to_texts().map(Value::from)),
            ("rate_limit", self.rate_limit.map(rate)),
            ("mapping", self.mapping.clone()),
            ("created", self.created_s.map(written)),
            ("tokens", tokens),
        ];
        if let Some(object) = client.as_object_mut() {
            let given = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
            object.extend(fields.into_iter().filter_map(given));
        }
        client
    }
}

fn read_method(object: &Map<String, Value>, at: &str) -> Result<Method, ConfigError> {
    let subject = text(object, "subject", at)?;
    let wrong = |name: &str, message: &str| ConfigError::new(format!("{at}.{name}"), message);
    match (text(object, "method", at)?.unwrap_or("static"), subject) {
        ("jwt", Some(subject)) if !subject.is_empty() && subject.len() <= SUBJECT_BYTES => {
            Ok(Method::Jwt { subject: subject.to_owned() })
        }
        ("jwt", _) => Err(wrong("subject", "must be 1 to 255 bytes of text")),
        ("static" | "oauth", Some(_)) => Err(wrong("subject", "is for the method `jwt` only")),
        ("static", None) => Ok(Method::Static),
        ("oauth", None) => Ok(Method::OAuth),
        _ => Err(wrong("method", "must be static, oauth or jwt")),
    }
}

fn read_tokens(
    object: &Map<String, Value>,
    method: &Method,
    at: &str,
) -> Result<Vec<StaticToken>, ConfigError> {
    let field = format!("{at}.tokens");
    let tokens = match (object.get("tokens"), method) {
        (None, Method::Jwt { .. } | Method::OAuth) => return Ok(Vec::new()),
        (Some(Value::Array(tokens)), Method::Static | Method::OAuth) => tokens,
        (Some(Value::Array(tokens)), Method::Jwt { .. }) if tokens.is_empty() => tokens,
        (Some(_), Method::Jwt { .. }) => {
            return Err(ConfigError::new(field, "are for the methods `static` and `oauth` only"));
        }
        _ => return Err(ConfigError::new(field, "must be an array")),
    };
    if tokens.len() > TOKENS {
        return Err(ConfigError::new(field, format!("holds more than {TOKENS} tokens")));
    }
    let mut read: Vec<StaticToken> = Vec::with_capacity(tokens.len());
    for (index, value) in tokens.iter().enumerate() {
        let at = format!("{field}[{index}]");
        let token = StaticToken::read(value, &at)?;
        if read.iter().any(|known| known.sha256 == token.sha256) {
            return Err(ConfigError::new(format!("{at}.sha256"), "is given twice"));
        }
        read.push(token);
    }
    Ok(read)
}

fn date(object: &Map<String, Value>, name: &str, at: &str) -> Result<Option<u64>, ConfigError> {
    let wrong = || ConfigError::new(format!("{at}.{name}"), "must be a date and time of RFC 3339");
    text(object, name, at)?.map(|text| seconds_of(text).ok_or_else(wrong)).transpose()
}

fn written(seconds: u64) -> Value {
    datetime::format_ms(seconds.saturating_mul(MS_PER_S)).into()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    let bytes = bytes.collect::<Option<Vec<u8>>>()?;
    odd.is_empty().then_some(())?;
    bytes.try_into().ok()
}

fn to_hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect()
}
