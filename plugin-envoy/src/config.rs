//! The filter's configuration: one JSON object, refused as a whole if any field is wrong.

use scim_core::auth::{ConfigError, KeySource, Providers, Registry};
use scim_core::dialect::Dialect;
use scim_core::protocol::limits::Limits;
use scim_core::protocol::route::Bases;
use serde_json::{Map, Value};

/// Bases that are served unless others are configured.
const DEFAULT_BASES: [&str; 2] = ["/scim/v2", "/scim_v2"];
/// The header that tells the upstream who the client is, unless another is configured.
const DEFAULT_IDENTITY_HEADER: &str = "x-scim-client";
/// Bytes of a request body that a configuration may allow at most: Envoy holds it in memory.
const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Headers that mean something else already.
const TAKEN_HEADERS: [&str; 12] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

/// All that the filter was told.
pub(crate) struct Config {
    /// The bases below which requests are served.
    pub(crate) bases: Bases,
    /// Who may send requests.
    pub(crate) clients: Registry,
    /// Whose tokens are taken besides our own.
    pub(crate) providers: Providers,
    /// The base of the upstream, without a slash at its end.
    pub(crate) upstream_base: String,
    /// The `authorization` of the gateway itself at the upstream.
    pub(crate) upstream_authorization: Option<String>,
    /// The header that tells the upstream who the client is; in lower case.
    pub(crate) identity_header: String,
    /// Limits of requests.
    pub(crate) limits: Limits,
}

impl Config {
    /// Reads a configuration; `environment` finds the value of a variable.
    ///
    /// # Errors
    /// The field that is unknown, missing or malformed. No value is repeated.
    pub(crate) fn parse(
        text: &[u8],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            let at = format!("is no JSON, line {} column {}", error.line(), error.column());
            ConfigError::new("configuration", at)
        })?;
        let known =
            ["bases", "clients", "dialect", "identity_header", "limits", "providers", "upstream"];
        let root = object(&value, "configuration", &known)?;

        let missing = |field: &str| ConfigError::new(field, "is missing");
        let mut clients =
            Registry::from_json(root.get("clients").ok_or_else(|| missing("clients"))?)?;
        if let Some(name) = text_of(root, "dialect", "dialect")?.filter(|name| *name != "auto") {
            let unknown = || ConfigError::new("dialect", "names no known dialect");
            clients.set_default_dialect(Dialect::from_name(name).ok_or_else(unknown)?);
        }
        let providers = providers(root.get("providers"))?;
        providers.check(&clients)?;
        let upstream = root.get("upstream").ok_or_else(|| missing("upstream"))?;
        let upstream = object(upstream, "upstream", &["base", "credential_env"])?;
        Ok(Self {
            bases: bases(root.get("bases"))?,
            clients,
            providers,
            upstream_base: upstream_base(upstream)?,
            upstream_authorization: upstream_authorization(upstream, environment)?,
            identity_header: identity_header(root)?,
            limits: limits(root.get("limits"))?,
        })
    }
}

fn bases(value: Option<&Value>) -> Result<Bases, ConfigError> {
    let wrong = |message: &str| ConfigError::new("bases", message);
    let Some(value) = value else {
        return Bases::parse(&DEFAULT_BASES).map_err(wrong);
    };
    let texts = value.as_array().and_then(|bases| bases.iter().map(Value::as_str).collect());
    let texts: Vec<&str> = texts.ok_or_else(|| wrong("must be an array of strings"))?;
    let bases = Bases::parse(&texts).map_err(wrong)?;
    // One upstream is one tenant: a tenant that nothing checks would be a promise not kept.
    if bases.name_tenants() {
        return Err(wrong("`{tenant}` is not supported here"));
    }
    Ok(bases)
}

fn providers(value: Option<&Value>) -> Result<Providers, ConfigError> {
    let Some(value) = value else {
        return Ok(Providers::default());
    };
    let providers = Providers::from_json(value)?;
    for (place, provider) in providers.all().iter().enumerate() {
        let Some(issuer) = &provider.issuer else { continue };
        let inline = matches!(issuer.keys, KeySource::Inline(_));
        if !inline && issuer.cluster.as_ref().is_none_or(String::is_empty) {
            let message = "is missing: Envoy calls through clusters only";
            return Err(ConfigError::new(format!("providers[{place}].cluster"), message));
        }
    }
    Ok(providers)
}

fn upstream_base(upstream: &Map<String, Value>) -> Result<String, ConfigError> {
    let base = text_of(upstream, "base", "upstream.base")?;
    let base = base.ok_or_else(|| ConfigError::new("upstream.base", "is missing"))?;
    let trimmed = base.trim_end_matches('/');
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@/".contains(&byte);
    let segments = trimmed.split('/').skip(1);
    let dots = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    if !base.starts_with('/') || !base.bytes().all(harmless) || segments.into_iter().any(dots) {
        return Err(ConfigError::new("upstream.base", "must be a plain absolute path"));
    }
    Ok(trimmed.to_owned())
}

fn upstream_authorization(
    upstream: &Map<String, Value>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, ConfigError> {
    const FIELD: &str = "upstream.credential_env";
    let Some(name) = text_of(upstream, "credential_env", FIELD)? else {
        return Ok(None);
    };
    let Some(credential) = environment(name).filter(|value| !value.is_empty()) else {
        let message = "names an environment variable that is not set; \
                       list it in `vm_config.environment_variables.host_env_keys`";
        return Err(ConfigError::new(FIELD, message));
    };
    if !credential.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "names an environment variable whose value is not visible ASCII";
        return Err(ConfigError::new(FIELD, message));
    }
    Ok(Some(format!("Bearer {credential}")))
}

fn identity_header(root: &Map<String, Value>) -> Result<String, ConfigError> {
    const FIELD: &str = "identity_header";
    let name = text_of(root, FIELD, FIELD)?.unwrap_or(DEFAULT_IDENTITY_HEADER);
    let name = name.to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
        return Err(ConfigError::new(FIELD, "must be 1 to 64 letters, digits or `-`"));
    }
    if TAKEN_HEADERS.contains(&name.as_str()) || name.starts_with("x-forwarded-") {
        return Err(ConfigError::new(FIELD, "is a header with another meaning"));
    }
    Ok(name)
}

fn limits(value: Option<&Value>) -> Result<Limits, ConfigError> {
    let default = Limits::default();
    // How long a single value may be is for the application to say.
    let mut limits = Limits { string_bytes: default.body_bytes, ..default };
    let Some(value) = value else {
        return Ok(limits);
    };
    if let Some(bytes) = object(value, "limits", &["body_bytes"])?.get("body_bytes") {
        let in_range = bytes.as_u64().filter(|bytes| (1..=BODY_BYTES_MAX).contains(bytes));
        let message = || {
            let text = format!("must be an integer from 1 to {BODY_BYTES_MAX}");
            ConfigError::new("limits.body_bytes", text)
        };
        let bytes = in_range.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(message)?;
        (limits.body_bytes, limits.string_bytes) = (bytes, bytes);
    }
    Ok(limits)
}

fn object<'a>(
    value: &'a Value,
    field: &str,
    known: &[&str],
) -> Result<&'a Map<String, Value>, ConfigError> {
    let Some(object) = value.as_object() else {
        return Err(ConfigError::new(field, "must be an object"));
    };
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(object),
        Some(unknown) if field == "configuration" => {
            Err(ConfigError::new(unknown.as_str(), "is not a known field"))
        }
        Some(unknown) => {
            Err(ConfigError::new(format!("{field}.{unknown}"), "is not a known field"))
        }
    }
}

fn text_of<'a>(
    object: &'a Map<String, Value>,
    name: &str,
    field: &str,
) -> Result<Option<&'a str>, ConfigError> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ConfigError::new(field, "must be a string")),
    }
}
