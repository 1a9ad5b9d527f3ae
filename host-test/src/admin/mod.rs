//! `scim-edge tenant`, `provider`, `client` and `token`: the admin API from the command line.

mod api;
mod table;

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use api::Api;

/// Where the admin API is, and how its answers are shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Connection {
    /// Scheme and authority of the service.
    #[arg(
        long,
        global = true,
        env = "SCIM_EDGE_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    url: String,
    /// The admin token of the service.
    #[arg(
        long,
        global = true,
        env = "SCIM_EDGE_ADMIN_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    admin_token: Option<String>,
    /// The tenant.
    #[arg(long, global = true, default_value = "default", value_name = "NAME")]
    tenant: String,
    /// Prints the answer as JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// Arguments of one of the commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args<C: Subcommand> {
    #[command(subcommand)]
    command: C,
    #[command(flatten)]
    connection: Connection,
}

/// What can be done with tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Lists the tenants.
    List,
    /// Creates a tenant.
    Create { name: String },
    /// Lets a tenant in.
    Enable { name: String },
    /// Keeps a tenant's data and lets nobody in.
    Disable { name: String },
    /// Removes a tenant with all that it holds.
    Remove {
        name: String,
        /// Also when it holds resources or clients.
        #[arg(long)]
        force: bool,
    },
    /// Shows the tenant's provisioning log, the latest first.
    Log { name: String },
}

/// What can be done with authentication providers.
#[derive(Debug, Subcommand)]
pub(crate) enum Provider {
    /// Lists the authentication providers.
    List,
    /// Creates an authentication provider.
    Create {
        name: String,
        /// `oidc` or `saml`.
        #[arg(long)]
        kind: String,
        /// The issuer of its tokens.
        #[arg(long, requires = "client_id")]
        issuer: Option<String>,
        /// Our client id at the provider: the audience of its tokens.
        #[arg(long)]
        client_id: Option<String>,
        /// Where its keys are, if its metadata do not say.
        #[arg(long)]
        jwks_uri: Option<String>,
    },
    /// Removes an authentication provider.
    Remove { name: String },
}

/// What is said of a client.
#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// Its authentication provider.
    #[arg(long)]
    provider: Option<String>,
    /// The identity provider's dialect.
    #[arg(long)]
    dialect: Option<String>,
    /// `read`, `write`, `read:Users` …; without any, everything.
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// What a deletion does: `allow`, `refuse` or `deactivate`.
    #[arg(long)]
    delete: Option<String>,
    /// `sub` of its tokens, for the method `jwt`.
    #[arg(long)]
    subject: Option<String>,
    /// `true` or `false`.
    #[arg(long)]
    enabled: Option<bool>,
}

/// What can be done with SCIM clients.
#[derive(Debug, Subcommand)]
pub(crate) enum Client {
    /// Lists the SCIM clients.
    List,
    /// Creates a SCIM client; its token is shown this once.
    Create {
        name: String,
        /// How it proves who it is: `static`, `oauth` or `jwt`.
        #[arg(long, default_value = "static")]
        method: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Changes a SCIM client; its method stays.
    Edit {
        name: String,
        /// Its new name.
        #[arg(long)]
        rename: Option<String>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Removes a SCIM client with its tokens.
    Remove {
        name: String,
        /// Also when it still manages resources.
        #[arg(long)]
        force: bool,
    },
}

/// What can be done with static tokens and client secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Lists a client's tokens.
    List { client: String },
    /// Makes a further token, shown this once.
    Create {
        client: String,
        /// Date and time at which it expires.
        #[arg(long)]
        expires: Option<String>,
    },
    /// Makes a new token and ends the others.
    Rotate {
        client: String,
        /// Seconds for which the others go on.
        #[arg(long, default_value_t = 0)]
        overlap: u64,
    },
    /// Ends a token at once.
    Revoke { client: String, id: String },
}

/// Runs `scim-edge tenant`.
///
/// # Errors
/// What the service answers when it refuses.
pub(crate) fn tenant(args: &Args<Tenant>) -> anyhow::Result<()> {
    let api = Api::new(&args.connection)?;
    let at = |name: &str| format!("/tenants/{}", api::segment(name));
    let switch = |name: &str, on: bool| api.send("PATCH", &at(name), Some(json!({"enabled": on})));
    let answer = match &args.command {
        Tenant::List => api.send("GET", "/tenants", None),
        Tenant::Create { name } => api.send("POST", "/tenants", Some(json!({"name": name}))),
        Tenant::Enable { name } => switch(name, true),
        Tenant::Disable { name } => switch(name, false),
        Tenant::Remove { name, force } => {
            let path = format!("{}?force={force}", at(name));
            let mut answer = api.send("DELETE", &path, None)?;
            // A large tenant goes in several steps.
            while !answer.is_null() {
                answer = api.send("DELETE", &path, None)?;
            }
            Ok(answer)
        }
        Tenant::Log { name } => api.send("GET", &format!("{}/log", at(name)), None),
    };
    table::print(&answer?, args.connection.json)
}

/// Runs `scim-edge provider`.
///
/// # Errors
/// What the service answers when it refuses.
pub(crate) fn provider(args: &Args<Provider>) -> anyhow::Result<()> {
    let api = Api::new(&args.connection)?;
    let base = format!("/tenants/{}/providers", api::segment(&args.connection.tenant));
    let answer = match &args.command {
        Provider::List => api.send("GET", &base, None),
        Provider::Create { name, kind, issuer, client_id, jwks_uri } => {
            let mut body = Map::new();
            put(&mut body, "name", Some(name));
            put(&mut body, "kind", Some(kind));
            put(&mut body, "issuer", issuer.as_ref());
            put(&mut body, "client_id", client_id.as_ref());
            put(&mut body, "jwks_uri", jwks_uri.as_ref());
            api.send("POST", &base, Some(body.into()))
        }
        Provider::Remove { name } => {
            api.send("DELETE", &format!("{base}/{}", api::segment(name)), None)
        }
    };
    table::print(&answer?, args.connection.json)
}

/// Runs `scim-edge client`.
///
/// # Errors
/// What the service answers when it refuses.
pub(crate) fn client(args: &Args<Client>) -> anyhow::Result<()> {
    let api = Api::new(&args.connection)?;
    let base = format!("/tenants/{}/clients", api::segment(&args.connection.tenant));
    let at = |name: &str| format!("{base}/{}", api::segment(name));
    let answer = match &args.command {
        Client::List => api.send("GET", &base, None),
        Client::Create { name, method, fields } => {
            let mut body = body(fields);
            put(&mut body, "name", Some(name));
            put(&mut body, "method", Some(method));
            api.send("POST", &base, Some(body.into()))
        }
        Client::Edit { name, rename, fields } => {
            let mut body = body(fields);
            put(&mut body, "name", rename.as_ref());
            api.send("PATCH", &at(name), Some(body.into()))
        }
        Client::Remove { name, force } => {
            api.send("DELETE", &format!("{}?force={force}", at(name)), None)
        }
    };
    table::print(&answer?, args.connection.json)
}

/// Runs `scim-edge token`.
///
/// # Errors
/// What the service answers when it refuses.
pub(crate) fn token(args: &Args<Token>) -> anyhow::Result<()> {
    let api = Api::new(&args.connection)?;
    let base = format!("/tenants/{}/clients", api::segment(&args.connection.tenant));
    let at = |client: &str, rest: &str| format!("{base}/{}/{rest}", api::segment(client));
    let answer = match &args.command {
        Token::List { client } => api.send("GET", &at(client, "tokens"), None),
        Token::Create { client, expires } => {
            let mut body = Map::new();
            put(&mut body, "expires", expires.as_ref());
            api.send("POST", &at(client, "tokens"), Some(body.into()))
        }
        Token::Rotate { client, overlap } => {
            let body = json!({"overlap_seconds": overlap});
            api.send("POST", &at(client, "rotate"), Some(body))
        }
        Token::Revoke { client, id } => {
            api.send("DELETE", &at(client, &format!("tokens/{}", api::segment(id))), None)
        }
    };
    table::print(&answer?, args.connection.json)
}

fn body(fields: &Fields) -> Map<String, Value> {
    let mut body = Map::new();
    put(&mut body, "provider", fields.provider.as_ref());
    put(&mut body, "dialect", fields.dialect.as_ref());
    put(&mut body, "delete", fields.delete.as_ref());
    put(&mut body, "subject", fields.subject.as_ref());
    if !fields.scopes.is_empty() {
        body.insert("scopes".into(), json!(fields.scopes));
    }
    if let Some(enabled) = fields.enabled {
        body.insert("enabled".into(), enabled.into());
    }
    body
}

fn put(body: &mut Map<String, Value>, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        body.insert(name.into(), value.as_str().into());
    }
}

impl Connection {
    /// The root of the API.
    ///
    /// # Errors
    /// A token that would travel in clear to another machine.
    fn base(&self) -> anyhow::Result<String> {
        let url = self.url.trim_end_matches('/');
        let uri: http::Uri = url.parse().context("--url is no URL")?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_loopback = host == "localhost"
            || host.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let is_https = uri.scheme_str() == Some("https");
        ensure!(is_https || is_loopback, "the admin token goes to another machine by https only");
        Ok(format!("{url}/admin/v1"))
    }
}
