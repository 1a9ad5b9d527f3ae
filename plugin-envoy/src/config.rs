//! The filter's configuration: one JSON object, refused as a whole if any field is wrong.

use scim_core::auth::{ConfigError, KeySource, Providers, Registry, Url};
use scim_core::dialect::Dialect;
use scim_core::protocol::limits::Limits;
use scim_core::protocol::route::Bases;
use serde_json::{Map, Value};

use crate::registry::Source;

/// Bases that are served unless others are configured.
const DEFAULT_BASES: [&str; 2] = ["/scim/v2", "/scim_v2"];
/// The header that tells the upstream who the client is, unless another is configured.
const DEFAULT_IDENTITY_HEADER: &str = "x-scim-client";
/// Bytes of a request body that a configuration may allow at most: Envoy holds it in memory.
const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Seconds between two polls of a registry, unless configured.
const POLL_S: u64 = 5;
/// Seconds for which a registry is used that cannot be reached, unless configured.
const STALE_S: u64 = 24 * 3600;
/// Stands for the tenant in the upstream's base.
const TENANT: &str = "{tenant}";
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
    /// The clients, as the configuration writes them.
    pub(crate) client_values: Vec<Value>,
    /// The providers, as the configuration writes them.
    pub(crate) provider_values: Vec<Value>,
    /// The dialect of clients that name none.
    pub(crate) dialect: Option<Dialect>,
    /// Where more clients are had from.
    pub(crate) source: Option<Source>,
    /// Whether SCIM is served at all.
    pub(crate) enabled: bool,
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
        let known = [
            "bases",
            "clients",
            "dialect",
            "enabled",
            "identity_header",
            "limits",
            "providers",
            "registry",
            "upstream",
        ];
        let root = object(&value, "configuration", &known)?;

        let missing = |field: &str| ConfigError::new(field, "is missing");
        let source = source(root.get("registry"), &environment)?;
        let array = |name: &str| root.get(name).and_then(Value::as_array).cloned();
        let none = Value::Array(Vec::new());
        let values = root.get("clients").or(source.as_ref().map(|_| &none));
        let mut clients = Registry::from_json(values.ok_or_else(|| missing("clients"))?)?;
        let dialect = match text_of(root, "dialect", "dialect")?.filter(|name| *name != "auto") {
            None => None,
            Some(name) => Some(
                Dialect::from_name(name)
                    .ok_or_else(|| ConfigError::new("dialect", "names no known dialect"))?,
            ),
        };
        if let Some(dialect) = dialect {
            clients.set_default_dialect(dialect);
        }
        let enabled = match root.get("enabled") {
            None => true,
            Some(Value::Bool(enabled)) => *enabled,
            Some(_) => return Err(ConfigError::new("enabled", "must be true or false")),
        };
        let providers = providers(root.get("providers"))?;
        providers.check(&clients)?;
        let upstream = root.get("upstream").ok_or_else(|| missing("upstream"))?;
        let upstream = object(upstream, "upstream", &["base", "credential_env"])?;
        let (bases, upstream_base) = (bases(root.get("bases"))?, upstream_base(upstream)?);
        // One upstream is one tenant, unless its path says which.
        if bases.name_tenants() && !upstream_base.contains(TENANT) {
            let message = "must hold `{tenant}`, since `bases` do";
            return Err(ConfigError::new("upstream.base", message));
        }
        Ok(Self {
            bases,
            clients,
            providers,
            client_values: array("clients").unwrap_or_default(),
            provider_values: array("providers").unwrap_or_default(),
            dialect,
            source,
            enabled,
            upstream_base,
            upstream_authorization: upstream_authorization(upstream, &environment)?,
            identity_header: identity_header(root)?,
            limits: limits(root.get("limits"))?,
        })
    }

    /// The base of the upstream for a tenant; `None` is the default one.
    pub(crate) fn upstream_base_of(&self, tenant: Option<&str>) -> String {
        self.upstream_base.replacen(TENANT, tenant.unwrap_or("default"), 1)
    }
}

fn bases(value: Option<&Value>) -> Result<Bases, ConfigError> {
    let wrong = |message: &str| ConfigError::new("bases", message);
    let Some(value) = value else {
        return Bases::parse(&DEFAULT_BASES).map_err(wrong);
    };
    let texts = value.as_array().and_then(|bases| bases.iter().map(Value::as_str).collect());
    let texts: Vec<&str> = texts.ok_or_else(|| wrong("must be an array of strings"))?;
    Bases::parse(&texts).map_err(wrong)
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
    let plain = trimmed.replacen(TENANT, "tenant", 1);
    let segments = plain.split('/').skip(1);
    let dots = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    if !base.starts_with('/') || !plain.bytes().all(harmless) || segments.into_iter().any(dots) {
        return Err(ConfigError::new("upstream.base", "must be a plain absolute path"));
    }
    Ok(trimmed.to_owned())
}

fn upstream_authorization(
    upstream: &Map<String, Value>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, ConfigError> {
    credential(upstream, "upstream.credential_env", environment)
}

/// The `authorization` whose token stands in the environment variable that `credential_env` names.
fn credential(
    object: &Map<String, Value>,
    field: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, ConfigError> {
    let Some(name) = text_of(object, "credential_env", field)? else {
        return Ok(None);
    };
    let Some(credential) = environment(name).filter(|value| !value.is_empty()) else {
        let message = "names an environment variable that is not set; \
                       list it in `vm_config.environment_variables.host_env_keys`";
        return Err(ConfigError::new(field, message));
    };
    if !credential.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "names an environment variable whose value is not visible ASCII";
        return Err(ConfigError::new(field, message));
    }
    Ok(Some(format!("Bearer {credential}")))
}

fn source(
    value: Option<&Value>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<Source>, ConfigError> {
    let Some(value) = value else {
        return Ok(None);
    };
    let known = ["cluster", "credential_env", "max_stale_seconds", "poll_seconds", "url"];
    let object = object(value, "registry", &known)?;
    let wrong = |name: &str, message: String| ConfigError::new(format!("registry.{name}"), message);
    let required = |name: &str| {
        let text = text_of(object, name, &format!("registry.{name}"))?;
        text.filter(|text| !text.is_empty()).ok_or_else(|| wrong(name, "is missing".into()))
    };
    let seconds = |name: &str, default: u64, max: u64| match object.get(name) {
        None => Ok(default),
        Some(number) => {
            let in_range = number.as_u64().filter(|number| (1..=max).contains(number));
            in_range.ok_or_else(|| wrong(name, format!("must be an integer from 1 to {max}")))
        }
    };
    let url = Url::parse(required("url")?);
    let message = "must be an https URL, or an http URL of the same machine";
    let (poll_s, stale_s) = (
        seconds("poll_seconds", POLL_S, 3600)?,
        seconds("max_stale_seconds", STALE_S, 30 * STALE_S)?,
    );
    Ok(Some(Source {
        cluster: required("cluster")?.to_owned(),
        url: url.ok_or_else(|| wrong("url", message.into()))?,
        authorization: credential(object, "registry.credential_env", environment)?,
        pace: Source::pace(poll_s, stale_s),
    }))
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
