//! `scim-edge gateway`: the filter in real Envoy, in front of an application's SCIM root.

mod bootstrap;
mod envoy;
mod upstream;

pub use self::envoy::find as find_envoy;

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use scim_core::auth::{KeySource, Providers, Registry, Url, token};
use scim_core::port::Random;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use self::bootstrap::{Admin, Bootstrap};
use self::envoy::Envoy;
use self::upstream::Upstream;
use crate::plugins;

/// Where Envoy finds the upstream's token: never in its configuration, which its admin port shows.
const UPSTREAM_TOKEN_ENV: &str = "SCIM_EDGE_UPSTREAM_TOKEN";
/// The base of the gateway that is printed.
const BASE: &str = "/scim/v2";
/// The client that `--token` stands for.
const DEFAULT_CLIENT: &str = "default";
/// How long Envoy may take to answer its first request.
const START: Duration = Duration::from_mins(1);
/// How long requests in flight may take once the gateway was told to stop.
const DRAIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// The options of `scim-edge gateway`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// SCIM root of the application: `https://app.example/scim/v2`.
    #[arg(long, value_name = "SCIM_ROOT_URL")]
    upstream: String,
    /// Bearer token of the gateway at the application.
    #[arg(long, value_name = "TOKEN", env = UPSTREAM_TOKEN_ENV, hide_env_values = true)]
    upstream_token: Option<String>,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Bearer token that clients send. Without it, and without clients in the configuration, one
    /// is made and printed.
    #[arg(long, value_name = "TOKEN", env = "SCIM_EDGE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Configuration of the filter (JSON): clients, bases, limits.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What clients speak unless the configuration says it: entra, okta, … (default: recognized).
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Serve Envoy's admin interface on this loopback address.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// A filter that was built elsewhere (default: built from the checkout when it is stale).
    #[arg(long, value_name = "WASM", hide = true)]
    filter: Option<PathBuf>,
    /// Worker threads of Envoy.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
}

/// Runs the gateway until it is told to stop.
///
/// # Errors
/// A wrong option or configuration, a filter that does not build, an Envoy that is not to be had
/// or ends by itself.
pub(crate) fn run(args: Args) -> Result<()> {
    if args.admin.is_some_and(|admin| !admin.ip().is_loopback()) {
        bail!("--admin: must be a loopback address");
    }
    let upstream = Upstream::parse(&args.upstream)?;
    let upstream_token = args.upstream_token.filter(|token| !token.is_empty());
    let token = args.token.filter(|token| !token.is_empty());
    let (filter, made) = filter_configuration(
        args.config.as_deref(),
        token.as_deref(),
        args.dialect.as_deref(),
        &upstream,
        upstream_token.is_some(),
    )?;

    let (mut filter, mut clusters) = provider_clusters(filter)?;
    clusters.extend(registry_cluster(&mut filter)?);
    let registry_credential = filter.pointer("/registry/credential_env").and_then(Value::as_str);
    let registry_credential = registry_credential.map(str::to_owned);
    let wasm = args.filter.map_or_else(plugins::envoy_filter, Ok)?;
    let envoy = envoy::find()?;
    let listen = free_port(args.listen)?;
    let directory = envoy::RunDirectory::create()?;
    let admin = match args.admin {
        Some(address) => Admin::Tcp(address),
        None => Admin::Socket(directory.path().join("admin.sock")),
    };
    let own = upstream_token.as_ref().map(|_| UPSTREAM_TOKEN_ENV.to_owned());
    let variables: Vec<String> = own.into_iter().chain(registry_credential).collect();
    let bootstrap = Bootstrap {
        listen,
        admin: &admin,
        upstream: &upstream,
        clusters: &clusters,
        wasm: &wasm,
        filter: &filter,
        variables: &variables,
    };
    let file = directory.path().join("envoy.json");
    fs::write(&file, serde_json::to_vec_pretty(&bootstrap.to_json()?)?)?;

    let mut command = std::process::Command::new(&envoy);
    command.arg("-c").arg(&file).args(["--disable-hot-restart", "-l", "warning"]);
    command.args(["--component-log-level", "wasm:error,config:error,main:error"]);
    command.arg("--concurrency").arg(args.concurrency.to_string());
    // The filter's VM sees the variables that its configuration lists, Envoy itself needs none.
    command.env_remove("SCIM_EDGE_TOKEN").env_remove(UPSTREAM_TOKEN_ENV);
    if let Some(token) = upstream_token {
        command.env(UPSTREAM_TOKEN_ENV, token);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Envoy ends with the thread that starts it: this one, which stays until Envoy has ended.
    let child = Envoy::start(command, admin)?;
    runtime.block_on(supervise(child, listen, made.as_deref()))
}

async fn supervise(mut child: Envoy, listen: SocketAddr, made: Option<&str>) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let ready = async {
        while !envoy::is_ready(listen) {
            if let Some(status) = child.ended()? {
                bail!("Envoy did not start ({status}); its log stands above");
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    };
    tokio::select! {
        ready = tokio::time::timeout(START, ready) => ready.context("Envoy does not answer")??,
        _ = terminate.recv() => return child.stop(),
        _ = interrupt.recv() => return child.stop(),
    }
    greet(listen, made)?;
    let ended = async {
        loop {
            if let Some(status) = child.ended()? {
                return anyhow::Ok(status);
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::select! {
        status = ended => bail!("Envoy ended by itself ({})", status?),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    eprintln!("stopping");
    child.drain();
    let idle = async {
        while !child.is_idle() {
            tokio::time::sleep(POLL).await;
        }
    };
    // Requests that take longer are cut.
    let _ = tokio::time::timeout(DRAIN, idle).await;
    child.stop()
}

fn greet(listen: SocketAddr, made: Option<&str>) -> Result<()> {
    let base = format!("http://{listen}{BASE}");
    let mut out = std::io::stdout().lock();
    writeln!(out, "SCIM base URL  {base}")?;
    match made {
        Some(token) => writeln!(out, "bearer token   {token}   (shown this once)")?,
        None => writeln!(out, "bearer token   the one that was given, and those configured")?,
    }
    let token = made.unwrap_or("$TOKEN");
    writeln!(out, "try            curl -H \"Authorization: Bearer {token}\" {base}/Users")?;
    writeln!(out, "ready {base}")?;
    out.flush()?;
    Ok(())
}

/// The filter's configuration, and the token if one was made.
fn filter_configuration(
    file: Option<&Path>,
    token: Option<&str>,
    dialect: Option<&str>,
    upstream: &Upstream,
    upstream_token: bool,
) -> Result<(Value, Option<String>)> {
    let mut root = match file {
        Some(file) => read_configuration(file)?,
        None => Map::new(),
    };
    if root.contains_key("upstream") {
        bail!("`upstream`: is given by --upstream and --upstream-token");
    }
    let polled = root.contains_key("registry");
    let clients = root.entry("clients").or_insert_with(|| json!([]));
    let Some(clients) = clients.as_array_mut() else {
        bail!("`clients`: must be an array");
    };
    let made = match token {
        None if clients.is_empty() && !polled => Some(token::generate(&System)),
        _ => None,
    };
    if let Some(token) = token.or(made.as_deref()) {
        Registry::default().add_token(DEFAULT_CLIENT, token)?;
        let sha256 = format!("{:x}", Sha256::digest(token));
        clients.push(json!({"name": DEFAULT_CLIENT, "tokens": [{"sha256": sha256}]}));
    }
    if let Some(dialect) = dialect {
        root.insert("dialect".into(), dialect.into());
    }
    let mut server = Map::new();
    server.insert("base".into(), upstream.base().into());
    if upstream_token {
        server.insert("credential_env".into(), UPSTREAM_TOKEN_ENV.into());
    }
    root.insert("upstream".into(), server.into());
    // What the filter would refuse is better said before Envoy starts.
    if let Some(clients) = root.get("clients") {
        Registry::from_json(clients)?;
    }
    Ok((Value::Object(root), made))
}

/// Gives each provider whose keys are fetched a cluster of its own, if it names none: that name, and
/// where it is.
fn provider_clusters(mut filter: Value) -> Result<(Value, Vec<(String, Upstream)>)> {
    let mut clusters = Vec::new();
    let Some(values) = filter.get_mut("providers") else {
        return Ok((filter, clusters));
    };
    let read = Providers::from_json(values)?;
    let values = values.as_array_mut().into_iter().flatten();
    for (place, (provider, value)) in read.all().iter().zip(values).enumerate() {
        let Some(issuer) = &provider.issuer else { continue };
        let url = match &issuer.keys {
            KeySource::Inline(_) => continue,
            KeySource::At(url) | KeySource::Discovered(url) => url,
        };
        let scheme = if url.secure { "https" } else { "http" };
        let address = Upstream::parse(&format!("{scheme}://{}", url.authority))
            .with_context(|| format!("`providers[{place}]`"))?;
        let name = issuer.cluster.clone().unwrap_or_else(|| format!("provider-{place}"));
        if let Some(object) = value.as_object_mut() {
            object.insert("cluster".into(), name.as_str().into());
        }
        clusters.push((name, address));
    }
    Ok((filter, clusters))
}

/// The cluster of the registry that is polled, if one is.
fn registry_cluster(filter: &mut Value) -> Result<Option<(String, Upstream)>> {
    let Some(registry) = filter.get_mut("registry").and_then(Value::as_object_mut) else {
        return Ok(None);
    };
    let url = registry.get("url").and_then(Value::as_str).and_then(Url::parse);
    let url = url.context("`registry.url`: must be an https URL, or http on the same machine")?;
    let scheme = if url.secure { "https" } else { "http" };
    let address = Upstream::parse(&format!("{scheme}://{}", url.authority))?;
    let name = registry.entry("cluster").or_insert_with(|| "registry".into());
    let name = name.as_str().context("`registry.cluster`: must be a string")?.to_owned();
    Ok(Some((name, address)))
}

fn read_configuration(file: &Path) -> Result<Map<String, Value>> {
    let text = fs::read(file).with_context(|| format!("--config: {}", file.display()))?;
    let value: Value = serde_json::from_slice(&text)
        .with_context(|| format!("--config: {} is no JSON", file.display()))?;
    match value {
        Value::Object(root) => Ok(root),
        _ => bail!("--config: {} must hold an object", file.display()),
    }
}

/// Port 0 becomes a free port: what is printed must be known before Envoy has bound it.
fn free_port(listen: SocketAddr) -> Result<SocketAddr> {
    let bound = TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    Ok(bound.local_addr()?)
}

/// The randomness of the operating system.
struct System;

impl Random for System {
    #[expect(clippy::expect_used, reason = "a system without randomness must make no tokens")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has randomness");
    }
}
