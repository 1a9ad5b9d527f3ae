//! `scim-edge up`: the SCIM service on one machine.

mod data;
mod root;
mod token;

use core::net::SocketAddr;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use scim_core::service::Config;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::component::{self, Component, Pool, Variables};
use crate::plugins;
use crate::storage::{self, NativeKv};
use data::Data;
use token::Token;

/// The name of the client that the token of the command line belongs to.
const CLIENT: &str = "default";

/// Arguments of `scim-edge up`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    storage: storage::Args,
    /// The bearer token: 16 or more visible ASCII characters. Without it, one is made.
    #[arg(long, env = "SCIM_EDGE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Opens the admin API, which is off without it: 32 or more random visible ASCII characters.
    #[arg(long, env = "SCIM_EDGE_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    admin_token: Option<String>,
    /// Opens the registry document for gateways, and nothing else; as strong as the admin token.
    #[arg(long, env = "SCIM_EDGE_REGISTRY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    registry_token: Option<String>,
    /// The identity provider's dialect, if it is not to be recognized.
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// A JSON configuration.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A built component to run instead of this checkout's.
    #[arg(long, hide = true, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Ends when standard input does, and so with the process that started this one.
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// When something that the service needs is missing, wrong, or in use by another.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let from_file = read_config(args)?;
    let file = match &args.component {
        Some(file) => file.clone(),
        None => plugins::spin_component()?,
    };
    let configured = has_clients(&from_file);
    let lets_in = args.token.is_some() || configured;
    // The folder holds the store or the token that is made here, or is not needed.
    let data = match args.storage.store {
        Some(_) if lets_in => None,
        _ => Some(Data::open(&args.storage.data)?),
    };
    let token = token::resolve(args.token.as_deref(), data.as_ref(), configured)?;
    let config = configure(from_file, &token, args.dialect.as_deref())?.to_string();
    let parsed = Config::parse(&config);
    let (admin, registry) = (&args.admin_token, &args.registry_token);
    let parsed = parsed.and_then(|config| {
        config.with_admin(admin.as_deref().unwrap_or(""), registry.as_deref().unwrap_or(""))
    });
    let parsed = parsed.map_err(|error| anyhow!("the configuration is refused: {error}"))?;

    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let engine = args.storage.open().await?;
        for doubt in engine.doubts(args.storage.durability).await {
            eprintln!("warning: {doubt}");
        }
        // The folder's lock says that nobody else has its store open; of others nothing is known.
        let alone = args.storage.store.is_none();
        let kv = if alone { NativeKv::alone } else { NativeKv::shared };
        root::create(kv(engine.clone())).await?;
        let listener = TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("cannot listen on {}", args.listen))?;
        let variables = Variables::from([
            ("config", config),
            ("token", String::new()),
            ("admin_token", args.admin_token.clone().unwrap_or_default()),
            ("registry_token", args.registry_token.clone().unwrap_or_default()),
        ]);
        let cache = plugins::target_dir().join("wasmtime-cache");
        let component = Component::load(&file, &cache, engine.clone(), variables)?;
        let stop = signal(args.until_stdin_closes)?;
        print_start(listener.local_addr()?, &token)?;
        component::serve(listener, Pool::start(component, &parsed), stop).await;
        engine.close();
        anyhow::Ok(())
    })
}

/// Resolves when the process is asked to end.
fn signal(until_stdin_closes: bool) -> anyhow::Result<impl Future<Output = ()>> {
    let (closed, closing) = tokio::sync::oneshot::channel();
    if until_stdin_closes {
        // A thread, since a runtime would wait for a read that does not end.
        std::thread::Builder::new().name("stdin".into()).spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = closed.send(());
        })?;
    }
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let terminated = async move { terminate.recv().await };
    #[cfg(not(unix))]
    let terminated = core::future::pending::<()>();
    Ok(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
            Ok(()) = closing => {}
        }
    })
}

fn read_config(args: &Args) -> anyhow::Result<Value> {
    let Some(file) = &args.config else { return Ok(json!({})) };
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let config: Value = serde_json::from_str(&text)
        .with_context(|| format!("{} is not valid JSON", file.display()))?;
    anyhow::ensure!(config.is_object(), "{} is not a JSON object", file.display());
    Ok(config)
}

fn has_clients(config: &Value) -> bool {
    config.get("clients").and_then(Value::as_array).is_some_and(|clients| !clients.is_empty())
}

/// Adds the client that the command line describes, or adds to the file's client of that name.
fn configure(mut config: Value, token: &Token, dialect: Option<&str>) -> anyhow::Result<Value> {
    if token.sha256().is_none() && dialect.is_none() {
        return Ok(config);
    }
    let refused = || anyhow!("the configuration is refused: `clients` is not an array of objects");
    let object = config.as_object_mut().ok_or_else(refused)?;
    let clients = object.entry("clients").or_insert_with(|| json!([]));
    let clients = clients.as_array_mut().ok_or_else(refused)?;
    let named = |client: &Value| client.get("name").and_then(Value::as_str) == Some(CLIENT);
    if !clients.iter().any(named) {
        clients.push(json!({"name": CLIENT}));
    }
    let client = clients.iter_mut().find(|client| named(client)).ok_or_else(refused)?;
    let client = client.as_object_mut().ok_or_else(refused)?;
    if let Some(dialect) = dialect {
        client.insert("dialect".into(), dialect.into());
    }
    if let Some(hash) = token.sha256() {
        let tokens = client.entry("tokens").or_insert_with(|| json!([]));
        tokens.as_array_mut().ok_or_else(refused)?.push(json!({"sha256": hash}));
    }
    Ok(config)
}

fn print_start(address: SocketAddr, token: &Token) -> anyhow::Result<()> {
    let base = format!("http://{address}/scim/v2");
    let mut out = std::io::stdout().lock();
    writeln!(out, "SCIM base URL  {base}")?;
    let shown = match token {
        Token::Made { text, .. } => {
            writeln!(out, "bearer token   {text}   (shown this once)")?;
            text
        }
        Token::Given { .. } => {
            writeln!(out, "bearer token   the one that was given")?;
            "$TOKEN"
        }
        Token::Kept { .. } => {
            writeln!(
                out,
                "bearer token   the one that the first start printed; --token TOKEN sets another"
            )?;
            "$TOKEN"
        }
        Token::Configured => {
            writeln!(out, "bearer token   those of the configuration's clients")?;
            "$TOKEN"
        }
    };
    writeln!(out, "try            curl -H \"Authorization: Bearer {shown}\" {base}/Users")?;
    writeln!(out, "ready {base}")?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Token, configure};

    fn given() -> Token {
        Token::Given { sha256: "ab".into() }
    }

    #[test]
    fn the_command_line_makes_a_client() {
        let made = configure(json!({}), &given(), Some("entra")).unwrap();
        let client = json!({"name": "default", "tokens": [{"sha256": "ab"}], "dialect": "entra"});
        assert_eq!(made, json!({"clients": [client]}));
    }

    #[test]
    fn the_files_clients_stay_and_the_default_one_gains_the_token() {
        let file = json!({"clients": [
            {"name": "other", "tokens": [{"sha256": "cd"}]},
            {"name": "default", "tokens": [{"sha256": "ef"}]},
        ]});
        let made = configure(file, &given(), None).unwrap();
        assert_eq!(made["clients"][1]["tokens"], json!([{"sha256": "ef"}, {"sha256": "ab"}]));
        assert_eq!(made["clients"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn clients_of_another_form_are_refused() {
        assert!(configure(json!({"clients": 5}), &given(), None).is_err());
    }
}
