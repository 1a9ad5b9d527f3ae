//! The configuration of a service: one JSON document (`docs/configuration.md`).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use crate::auth::{ConfigError, Registry};
use crate::dialect::Dialect;
use crate::protocol::json::{self, Object};
use crate::protocol::limits::Limits;
use crate::protocol::route::Bases;
use crate::resource::Unknown;

/// The client that the operator's own token stands for.
const OPERATOR: &str = "default";
/// Bytes of the document.
const DOCUMENT_BYTES: usize = 1024 * 1024;

const FIELDS: [&str; 7] = [
    "bases",
    "clients",
    "dialect",
    "limits",
    "public_url",
    "trust_forwarded",
    "unknown_attributes",
];

/// What a service is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may send requests.
    pub registry: Registry,
    /// Where the service stands in the path.
    pub bases: Bases,
    /// Scheme and authority that clients see, without a slash at the end.
    pub public_url: Option<String>,
    /// Whether `X-Forwarded-Proto` and `X-Forwarded-Host` count for locations.
    pub trust_forwarded: bool,
    /// What becomes of unknown attributes.
    pub unknown: Unknown,
    /// The limits.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            registry: Registry::default(),
            bases: Bases::default(),
            public_url: None,
            trust_forwarded: false,
            unknown: Unknown::Ignore,
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
        match document.get("trust_forwarded") {
            None => {}
            Some(Value::Bool(trust)) => config.trust_forwarded = *trust,
            Some(_) => return Err(ConfigError::new("trust_forwarded", "must be true or false")),
        }
        config.unknown = match text_field(&document, "unknown_attributes")? {
            None | Some("ignore") => Unknown::Ignore,
            Some("refuse") => Unknown::Refuse,
            Some(_) => {
                return Err(ConfigError::new("unknown_attributes", "must be ignore or refuse"));
            }
        };
        match document.get("limits") {
            None => {}
            Some(Value::Object(limits)) => config.limits = read_limits(limits)?,
            Some(_) => return Err(ConfigError::new("limits", "must be an object")),
        }
        Ok(config)
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

fn check_fields(object: &Object, at: &str, known: &[&str]) -> Result<(), ConfigError> {
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
    let mut sizes: [(&'static str, &mut usize); 8] = [
        ("body_bytes", &mut limits.body_bytes),
        ("json_depth", &mut limits.json_depth),
        ("target_bytes", &mut limits.target_bytes),
        ("filter_bytes", &mut limits.filter_bytes),
        ("filter_depth", &mut limits.filter_depth),
        ("filter_terms", &mut limits.filter_terms),
        ("patch_operations", &mut limits.patch_operations),
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
    ] {
        known.push(name);
        if let Some(value) = number(name)? {
            *field = value;
        }
    }
    check_fields(object, "limits.", &known)?;
    Ok(limits)
}
