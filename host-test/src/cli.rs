//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{admin, bench, explain, fuzz, gateway, reindex, replay, tools, up};

/// SCIM 2.0 at the edge: a service, and a gateway filter.
#[derive(Parser)]
#[command(name = "scim-edge", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the SCIM service.
    Up(up::Args),
    /// Runs the gateway filter in Envoy, in front of an application.
    Gateway(gateway::Args),
    /// Says how a list would be read, or (--upstream) how a request goes through the gateway.
    Explain(explain::Args),
    /// Makes the indexes of a store those of a configuration.
    Reindex(reindex::Args),
    /// Sends what identity providers really send, and checks the answers.
    Replay(replay::Args),
    /// Lists, creates, switches and removes tenants.
    Tenant(admin::Args<admin::Tenant>),
    /// Lists, creates and removes authentication providers.
    Provider(admin::Args<admin::Provider>),
    /// Lists, creates, edits and removes SCIM clients.
    Client(admin::Args<admin::Client>),
    /// Lists, makes, rotates and revokes static tokens and client secrets.
    Token(admin::Args<admin::Token>),
    /// Writes a tenant as lines of JSON.
    Export(tools::ExportArgs),
    /// Reads into a tenant what an export wrote.
    Import(tools::ImportArgs),
    /// Measures how fast the core is, against named baselines.
    Bench(bench::Args),
    /// Sends random traffic through the gateway filter, in an imitation of Envoy.
    FuzzFilter(fuzz::Args),
}

/// Runs the command that the program was called with; errors go to stderr.
#[must_use]
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(args) => up::run(&args).map(|()| true),
        Command::Gateway(args) => gateway::run(args).map(|()| true),
        Command::Explain(args) => explain::run(&args).map(|()| true),
        Command::Reindex(args) => reindex::run(&args).map(|()| true),
        Command::Replay(args) => replay::run(&args),
        Command::Tenant(args) => admin::tenant(&args).map(|()| true),
        Command::Provider(args) => admin::provider(&args).map(|()| true),
        Command::Client(args) => admin::client(&args).map(|()| true),
        Command::Token(args) => admin::token(&args).map(|()| true),
        Command::Export(args) => tools::export(&args).map(|()| true),
        Command::Import(args) => tools::import(&args).map(|()| true),
        Command::Bench(args) => bench::run(&args),
        Command::FuzzFilter(args) => fuzz::run(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
