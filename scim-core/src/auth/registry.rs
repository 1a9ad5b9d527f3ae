//! The configured clients and their tokens.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Client, ConfigError, Method, StaticToken, bearer, token};
use crate::dialect::Dialect;
use crate::protocol::datetime;
use crate::protocol::error::Error;

/// Clients of one registry.
const CLIENTS: usize = 1000;
/// Bytes of a client's or provider's name.
const NAME_BYTES: usize = 64;
/// Characters of a token that an operator chooses, at least.
const OPERATOR_TOKEN_MIN: usize = 16;
/// Characters of a token that an operator chooses, at most.
const OPERATOR_TOKEN_MAX: usize = 1024;

/// All clients that may send requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    clients: Vec<Rc<Client>>,
}

impl Registry {
    /// Reads an array of clients:
    ///
    /// ```json
    /// [{"name": "okta", "provider": "okta.example", "dialect": "okta", "tenant": "acme",
    ///   "scopes": ["read", "write:Users"], "delete": "deactivate", "enabled": true,
    ///   "rate_limit": {"requests": 100, "seconds": 60},
    ///   "tokens": [{"sha256": "<64 hex digits>", "expires": "2030-01-01T00:00:00Z"}]},
    ///  {"name": "keycloak", "provider": "login", "method": "jwt", "subject": "<sub>"}]
    /// ```
    ///
    /// # Errors
    /// The field that is unknown, missing or malformed; a token in plain text is refused as well.
    pub fn from_json(clients: &Value) -> Result<Self, ConfigError> {
        let Some(clients) = clients.as_array() else {
            return Err(ConfigError::new("clients", "must be an array"));
        };
        if clients.len() > CLIENTS {
            return Err(ConfigError::new("clients", format!("holds more than {CLIENTS} clients")));
        }
        let mut registry = Self::default();
        for (index, client) in clients.iter().enumerate() {
            registry.add_client(client, &format!("clients[{index}]"))?;
        }
        Ok(registry)
    }

    fn add_client(&mut self, client: &Value, at: &str) -> Result<(), ConfigError> {
        let read = Client::read(client, at)?;
        if self.client(&read.name).is_some() {
            return Err(ConfigError::new(format!("{at}.name"), "is the name of another client"));
        }
        if let Some(index) = read.tokens.iter().position(|token| self.knows(token)) {
            let field = format!("{at}.tokens[{index}].sha256");
            return Err(ConfigError::new(field, "is given twice"));
        }
        let is_same = |known: &Client| {
            let jwt = matches!(read.method, Method::Jwt { .. });
            jwt && (&known.method, &known.provider) == (&read.method, &read.provider)
        };
        if self.clients.iter().any(|known| is_same(known)) {
            let message = "is the subject of another client of this provider";
            return Err(ConfigError::new(format!("{at}.subject"), message));
        }
        self.clients.push(read.into());
        Ok(())
    }

    /// Adds a token that the operator chose to `client`, which is made if there is none of that
    /// name. Only the token's hash is kept.
    ///
    /// # Errors
    /// The name, or the token: fewer than 16 or more than 1024 characters, characters that are not
    /// visible ASCII, a generated token with a typing error, or one that is there already.
    pub fn add_token(&mut self, client: &str, token: &str) -> Result<(), ConfigError> {
        let refuse = |message: String| Err(ConfigError::new("token", message));
        if !(OPERATOR_TOKEN_MIN..=OPERATOR_TOKEN_MAX).contains(&token.len()) {
            return refuse(format!(
                "must have {OPERATOR_TOKEN_MIN} to {OPERATOR_TOKEN_MAX} characters"
            ));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("may hold visible ASCII characters only".into());
        }
        if token::is_generated(token) && !token::checksum_ok(token) {
            return refuse("has a typing error: its checksum does not match".into());
        }
        check_name(client, "client")?;
        let token = StaticToken::of(token);
        if self.knows(&token) {
            return refuse("is given twice".into());
        }
        if self.client(client).is_none() {
            self.clients.push(Client::new(client).into());
        }
        if let Some(found) = self.clients.iter_mut().find(|known| known.name == client) {
            Rc::make_mut(found).tokens.push(token);
        }
        Ok(())
    }

    /// The client of which a provider speaks as `subject`.
    #[must_use]
    pub fn of_subject(&self, provider: &str, subject: &str) -> Option<&Rc<Client>> {
        self.clients.iter().find(|client| {
            let is = matches!(&client.method, Method::Jwt { subject: known } if known == subject);
            is && client.provider.as_deref() == Some(provider)
        })
    }

    /// Gives `dialect` to every client that has none of its own.
    pub fn set_default_dialect(&mut self, dialect: Dialect) {
        for client in &mut self.clients {
            Rc::make_mut(client).dialect.get_or_insert(dialect);
        }
    }

    /// The clients, in the order of the configuration.
    #[must_use]
    pub fn clients(&self) -> &[Rc<Client>] {
        &self.clients
    }

    /// The client of that name.
    #[must_use]
    pub fn client(&self, name: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.name == name).map(|client| &**client)
    }

    /// The client that a request comes from. `authorization` holds all values of that header, as
    /// received; `now_s` is the time in seconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// 401 with a challenge, always the same for an unknown and an expired token; 400 for two
    /// credentials. [`Error::reason`] says more, for the audit line.
    pub fn authenticate(&self, authorization: &[&[u8]], now_s: u64) -> Result<Rc<Client>, Error> {
        let token = bearer::parse(authorization)?;
        if let Ok(text) = core::str::from_utf8(token)
            && token::is_generated(text)
            && !token::checksum_ok(text)
        {
            return Err(bearer::invalid_token("token_checksum"));
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        // Every candidate is compared, each in constant time: how long it takes says nothing.
        for client in self.clients.iter().filter(|client| client.method == Method::Static) {
            for candidate in &client.tokens {
                if candidate.matches(&hash) {
                    found = Some((client, candidate));
                }
            }
        }
        let Some((client, token)) = found else {
            return Err(bearer::invalid_token("unknown_token"));
        };
        token.check(now_s)?;
        if !client.enabled {
            return Err(bearer::invalid_token("disabled"));
        }
        Ok(Rc::clone(client))
    }

    fn knows(&self, token: &StaticToken) -> bool {
        self.clients.iter().flat_map(|client| &client.tokens).any(|t| t.sha256 == token.sha256)
    }
}

/// Seconds since 1970-01-01T00:00:00Z; `None` if `text` is no date and time, or before 1970.
#[must_use]
pub fn seconds_of(text: &str) -> Option<u64> {
    const NANOS_PER_S: i128 = 1_000_000_000;
    u64::try_from(datetime::parse(text)?.div_euclid(NANOS_PER_S)).ok()
}

/// The members of an object that may hold `known` ones only.
pub(super) fn members<'a>(
    value: &'a Value,
    at: &str,
    known: &[&str],
) -> Result<&'a Map<String, Value>, ConfigError> {
    let Some(object) = value.as_object() else {
        return Err(ConfigError::new(at, "must be an object"));
    };
    let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) else {
        return Ok(object);
    };
    let plain = ["token", "secret", "password"].contains(&unknown.to_ascii_lowercase().as_str());
    let message = if plain {
        "a credential in plain text is not accepted; give its SHA-256 in `tokens[].sha256`"
    } else {
        "is not a known field"
    };
    Err(ConfigError::new(format!("{at}.{unknown}"), message))
}

pub(super) fn text<'a>(
    object: &'a Map<String, Value>,
    name: &str,
    at: &str,
) -> Result<Option<&'a str>, ConfigError> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ConfigError::new(format!("{at}.{name}"), "must be a string")),
    }
}

pub(super) fn required_text<'a>(
    object: &'a Map<String, Value>,
    name: &str,
    at: &str,
) -> Result<&'a str, ConfigError> {
    text(object, name, at)?.ok_or_else(|| ConfigError::new(format!("{at}.{name}"), "is missing"))
}

/// Names travel in header fields and audit lines, so they are kept to what is harmless there.
pub(super) fn check_name(name: &str, field: &str) -> Result<(), ConfigError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@:/".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(allowed) {
        let message =
            format!("must be 1 to {NAME_BYTES} letters, digits or `.`, `_`, `-`, `@`, `:`, `/`");
        return Err(ConfigError::new(field, message));
    }
    Ok(())
}
