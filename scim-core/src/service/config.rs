//! The configuration of a service: one JSON document (`docs/configuration.md`).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use serde_json::Value;

use super::admin::Admin;
use super::indexes;
use super::me::{Me, MeAnswer, MeAttribute};
use super::password::Passwords;
use super::references::References;
use super::tenants::Tenants;
use crate::auth::{ConfigError, Method, ProviderKind, Providers, Registry};
use crate::dialect::Dialect;
use crate::protocol::json::{self, Object};
use crate::protocol::limits::Limits;
use crate::protocol::route::Bases;
use crate::resource::Unknown;
use crate::schema::Catalog;

/// The client that the operator's own token stands for.
pub(super) const OPERATOR: &str = "default";
/// Days for which a static token is valid by default.
const TOKEN_DAYS: u64 = 365;
/// Days for which it may be valid.
const TOKEN_DAYS_MAX: u64 = 3650;
/// Entries of a provisioning log by default.
const LOG_ENTRIES: u64 = 10_000;
/// Entries that it may have.
const LOG_ENTRIES_MAX: u64 = 1_000_000;
/// Bytes of the document.
const DOCUMENT_BYTES: usize = 1024 * 1024;

const FIELDS: [&str; 21] = [
    "bases",
    "canonical_values",
    "clients",
    "dialect",
    "enabled",
    "hosts",
    "indexes",
    "limits",
    "log_entries",
    "me",
    "nested_groups",
    "passwords",
    "providers",
    "public_url",
    "references",
    "resource_types",
    "schemas",
    "tenants",
    "token_days",
    "trust_forwarded",
    "unknown_attributes",
];

/// What a service is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may send requests.
    pub registry: Registry,
    /// The authentication providers that clients may name; `None` lets them name any.
    pub providers: Option<Providers>,
    /// The tenants beside the default one, and how hosts name them.
    pub tenants: Tenants,
    /// Whether SCIM is served at all.
    pub enabled: bool,
    /// Days for which a static token is valid unless it is made with another date.
    pub token_days: u64,
    /// Entries of a tenant's provisioning log.
    pub log_entries: u64,
    /// Who may administer, if anybody.
    pub admin: Admin,
    /// Where the service stands in the path.
    pub bases: Bases,
    /// Scheme and authority that clients see, without a slash at the end.
    pub public_url: Option<String>,
    /// Whether `X-Forwarded-Proto` and `X-Forwarded-Host` count for locations.
    pub trust_forwarded: bool,
    /// The resource types, with their schemas.
    pub catalog: Catalog,
    /// What becomes of unknown attributes.
    pub unknown: Unknown,
    /// What becomes of references to resources that are not there.
    pub references: References,
    /// Who `/Me` is.
    pub me: Me,
    /// Whether a user's groups are also those that contain its groups.
    pub nested_groups: bool,
    /// What becomes of passwords.
    pub passwords: Passwords,
    /// The limits.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            registry: Registry::default(),
            providers: None,
            tenants: Tenants::default(),
            enabled: true,
            token_days: TOKEN_DAYS,
            log_entries: LOG_ENTRIES,
            admin: Admin::default(),
            bases: Bases::default(),
            public_url: None,
            trust_forwarded: false,
            catalog: Catalog::default(),
            unknown: Unknown::Ignore,
            references: References::Keep,
            me: Me::default(),
            nested_groups: false,
            passwords: Passwords::Drop,
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Reads a configuration; an empty text is the default.
    ///
    /// # Errors
    /// The path of the first field that is unknown or wrong.
    ///
    /// ```
    /// use scim_core::service::Config;
    /// assert!(Config::parse(r#"{"unknown_attributes": "refuse"}"#).is_ok());
    /// let error = Config::parse(r#"{"limits": {"body_bytes": "big"}}"#).unwrap_err();
    /// assert_eq!(error.field, "limits.body_bytes");
    /// ```
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if text.trim().is_empty() {
            return Ok(config);
        }
        if text.len() > DOCUMENT_BYTES {
            return Err(ConfigError::new("$", format!("is longer than {DOCUMENT_BYTES} bytes")));
        }
        let document = json::parse_object(text.as_bytes(), &Limits::default())
            .map_err(|error| ConfigError::new("$", error.detail().to_string()))?;
        check_fields(&document, "", &FIELDS)?;
        if let Some(clients) = document.get("clients") {
            config.registry = Registry::from_json(clients)?;
        }
        config.providers = document.get("providers").map(Providers::from_json).transpose()?;
        config.check_providers()?;
        config.tenants = Tenants::from_json(document.get("tenants"), document.get("hosts"))?;
        config.enabled = !document.contains_key("enabled") || flag(&document, "enabled")?;
        config.token_days = number(&document, "token_days", TOKEN_DAYS, 1..=TOKEN_DAYS_MAX)?;
        config.log_entries = number(&document, "log_entries", LOG_ENTRIES, 0..=LOG_ENTRIES_MAX)?;
        if let Some(bases) = document.get("bases") {
            config.bases = read_bases(bases)?;
        }
        if let Some(url) = text_field(&document, "public_url")? {
            config.public_url = Some(public_url(url)?);
        }
        if let Some(name) = text_field(&document, "dialect")?
            && name != "auto"
        {
            let unknown = || ConfigError::new("dialect", "names no known dialect");
            config.registry.set_default_dialect(Dialect::from_name(name).ok_or_else(unknown)?);
        }
        config.trust_forwarded = flag(&document, "trust_forwarded")?;
        config.nested_groups = flag(&document, "nested_groups")?;
        config.me = read_me(&document)?;
        config.passwords = match text_field(&document, "passwords")? {
            None | Some("drop") => Passwords::Drop,
            Some("hash") => Passwords::Hash,
            Some(_) => return Err(ConfigError::new("passwords", "must be drop or hash")),
        };
        config.unknown = match text_field(&document, "unknown_attributes")? {
            None | Some("ignore") => Unknown::Ignore,
            Some("refuse") => Unknown::Refuse,
            Some(_) => {
                return Err(ConfigError::new("unknown_attributes", "must be ignore or refuse"));
            }
        };
        config.references = match text_field(&document, "references")? {
            None | Some("keep") => References::Keep,
            Some("refuse") => References::Refuse,
            Some(_) => return Err(ConfigError::new("references", "must be keep or refuse")),
        };
        config.catalog = read_catalog(&document)?;
        if let Some(value) = document.get("indexes") {
            indexes::read(value, &mut config.catalog)?;
        }
        match document.get("limits") {
            None => {}
            Some(Value::Object(limits)) => config.limits = read_limits(limits)?,
            Some(_) => return Err(ConfigError::new("limits", "must be an object")),
        }
        Ok(config)
    }

    /// What clients name must be there, and JWTs come from OIDC providers only.
    fn check_providers(&self) -> Result<(), ConfigError> {
        for (index, client) in self.registry.clients().iter().enumerate() {
            let wrong = |name: &str, message: &str| {
                Err(ConfigError::new(format!("clients[{index}].{name}"), message))
            };
            let named = client.provider.as_deref();
            let known = self.providers.as_ref().zip(named).map(|(all, name)| all.named(name));
            match (known, &client.method) {
                (Some(None), _) => return wrong("provider", "names no provider"),
                (Some(Some(provider)), Method::Jwt { .. })
                    if provider.kind != ProviderKind::Oidc =>
                {
                    return wrong("method", "needs a provider of the kind `oidc`");
                }
                (None, Method::Jwt { .. }) => {
                    return wrong("provider", "is missing in `providers`");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Lets an administrator in by `admin_token`, and a gateway by `registry_token`, which opens
    /// the registry alone; an empty text lets nobody in.
    ///
    /// # Errors
    /// A token that is too weak, or that is one of a client.
    pub fn with_admin(
        mut self,
        admin_token: &str,
        registry_token: &str,
    ) -> Result<Self, ConfigError> {
        self.admin = Admin::new(admin_token, registry_token)?;
        for (name, token) in [("admin_token", admin_token), ("registry_token", registry_token)] {
            let header = format!("Bearer {token}");
            let opens = self.registry.authenticate(&[header.as_bytes()], 0).is_ok();
            if !token.is_empty() && opens {
                return Err(ConfigError::new(name, "is the token of a client, too"));
            }
        }
        Ok(self)
    }

    /// Lets the operator's own token in as the client `default`.
    ///
    /// # Errors
    /// As [`Registry::add_token`].
    pub fn with_token(mut self, token: &str) -> Result<Self, ConfigError> {
        self.registry.add_token(OPERATOR, token)?;
        Ok(self)
    }
}

/// An integer in a range.
fn number(
    object: &Object,
    name: &str,
    default: u64,
    range: RangeInclusive<u64>,
) -> Result<u64, ConfigError> {
    let Some(value) = object.get(name) else { return Ok(default) };
    let message = || format!("must be an integer from {} to {}", range.start(), range.end());
    let found = value.as_u64().filter(|number| range.contains(number));
    found.ok_or_else(|| ConfigError::new(name, message()))
}

pub(super) fn check_fields(object: &Object, at: &str, known: &[&str]) -> Result<(), ConfigError> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(ConfigError::new(
            format!("{at}{key}"),
            format!("is not a known field; known are {}", known.join(", ")),
        )),
    }
}

fn text_field<'a>(object: &'a Object, name: &str) -> Result<Option<&'a str>, ConfigError> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ConfigError::new(name, "must be a string")),
    }
}

fn read_catalog(document: &Object) -> Result<Catalog, ConfigError> {
    let catalog = Catalog::configured(document.get("schemas"), document.get("resource_types"));
    let mut catalog = catalog.map_err(|error| ConfigError::new(error.field, error.message))?;
    match text_field(document, "canonical_values")? {
        None | Some("offer") => {}
        Some("enforce") => catalog.enforce_canonical_values(),
        Some(_) => return Err(ConfigError::new("canonical_values", "must be offer or enforce")),
    }
    Ok(catalog)
}

fn flag(object: &Object, name: &str) -> Result<bool, ConfigError> {
    match object.get(name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(ConfigError::new(name, "must be true or false")),
    }
}

fn read_me(document: &Object) -> Result<Me, ConfigError> {
    let object = match document.get("me") {
        None => return Ok(Me::default()),
        Some(Value::Object(object)) => object,
        Some(_) => return Err(ConfigError::new("me", "must be an object")),
    };
    check_fields(object, "me.", &["answer", "attribute"])?;
    let text = |name: &str| match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(&**text)),
        Some(_) => Err(ConfigError::new(format!("me.{name}"), "must be a string")),
    };
    let attribute = match text("attribute")? {
        None | Some("userName") => MeAttribute::UserName,
        Some("externalId") => MeAttribute::ExternalId,
        Some("id") => MeAttribute::Id,
        Some(_) => {
            let message = "must be userName, externalId or id";
            return Err(ConfigError::new("me.attribute", message));
        }
    };
    let answer = match text("answer")? {
        None | Some("redirect") => MeAnswer::Redirect,
        Some("serve") => MeAnswer::Serve,
        Some(_) => return Err(ConfigError::new("me.answer", "must be redirect or serve")),
    };
    Ok(Me { attribute, answer })
}

fn read_bases(value: &Value) -> Result<Bases, ConfigError> {
    let texts = value
        .as_array()
        .and_then(|items| items.iter().map(Value::as_str).collect::<Option<Vec<&str>>>());
    let texts = texts.ok_or_else(|| ConfigError::new("bases", "must be an array of strings"))?;
    Bases::parse(&texts).map_err(|message| ConfigError::new("bases", message))
}

fn public_url(url: &str) -> Result<String, ConfigError> {
    let url = url.trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let good = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic());
    if rest.is_some_and(good) && !url.contains(['?', '#', '"', '\\', '<', '>']) {
        Ok(url.to_owned())
    } else {
        Err(ConfigError::new("public_url", "must be an http or https URL without a query"))
    }
}

fn read_limits(object: &Object) -> Result<Limits, ConfigError> {
    /// No limit may be set so high that it protects nothing.
    const HIGHEST: u64 = 64 * 1024 * 1024;
    const DEEPEST: usize = 64;
    let mut limits = Limits::default();
    let number = |name: &str| -> Result<Option<u64>, ConfigError> {
        let Some(value) = object.get(name) else { return Ok(None) };
        let good = value.as_u64().filter(|n| (1..=HIGHEST).contains(n));
        let message = || format!("must be an integer from 1 to {HIGHEST}");
        good.map(Some).ok_or_else(|| ConfigError::new(format!("limits.{name}"), message()))
    };
    let mut known = Vec::new();
    let mut sizes: [(&'static str, &mut usize); 12] = [
        ("body_bytes", &mut limits.body_bytes),
        ("json_depth", &mut limits.json_depth),
        ("string_bytes", &mut limits.string_bytes),
        ("array_items", &mut limits.array_items),
        ("target_bytes", &mut limits.target_bytes),
        ("filter_bytes", &mut limits.filter_bytes),
        ("filter_depth", &mut limits.filter_depth),
        ("filter_terms", &mut limits.filter_terms),
        ("patch_operations", &mut limits.patch_operations),
        ("bulk_operations", &mut limits.bulk_operations),
        ("bulk_bytes", &mut limits.bulk_bytes),
        ("attributes_named", &mut limits.attributes_named),
    ];
    for (name, field) in &mut sizes {
        known.push(*name);
        if let Some(value) = number(name)? {
            **field = usize::try_from(value).unwrap_or(usize::MAX);
        }
        if name.ends_with("depth") && **field > DEEPEST {
            let message = format!("must be an integer from 1 to {DEEPEST}");
            return Err(ConfigError::new(format!("limits.{name}"), message));
        }
    }
    for (name, field) in [
        ("page_resources", &mut limits.page_resources),
        ("scan_resources", &mut limits.scan_resources),
        ("members_shown", &mut limits.members_shown),
        ("cursor_seconds", &mut limits.cursor_seconds),
    ] {
        known.push(name);
        if let Some(value) = number(name)? {
            *field = value;
        }
    }
    check_fields(object, "limits.", &known)?;
    Ok(limits)
}
