//! `scim-edge up` as a child process, and a client of it.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use core::time::Duration;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

const TOKEN: &str = "the-token-of-the-benchmark";
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);

/// A service that is ready; it ends with this value.
pub(super) struct Service {
    base: String,
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Service {
    /// Serves the SQLite file `store`, with another component if one is given.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub(super) fn start(
        store: &Path,
        durability: &str,
        component: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let mut command = super::own_program()?;
        command.args(["up", "--listen", "127.0.0.1:0", "--until-stdin-closes", "--token", TOKEN]);
        command.args(["--durability", durability, "--store", &super::sqlite(store)]);
        if let Some(component) = component {
            command.arg("--component").arg(component);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("the service cannot be started")?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("no output")?;
        for line in BufReader::new(stdout).lines() {
            if let Some(base) = line?.strip_prefix("ready ") {
                return Ok(Self { base: base.to_owned(), child, stdin });
            }
        }
        anyhow::bail!("the service did not start")
    }

    /// A client with a connection of its own.
    pub(super) fn client(&self) -> Client {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_WITHIN))
            .allow_non_standard_methods(true)
            .build()
            .into();
        Client { agent, base: self.base.clone() }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// Sends requests to one service.
pub(super) struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    /// Sends a request and reads the answer. Returns the nanoseconds that took, and the body.
    ///
    /// # Errors
    ///
    /// When no answer comes, or one of an error.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(f64, String)> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/scim+json");
        let body = body.map(Value::to_string);
        let started = Instant::now();
        let answer = match body {
            Some(body) => self.agent.run(request.body(body)?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let status = answer.status();
        let text = answer.into_body().read_to_string()?;
        let took = started.elapsed().as_secs_f64() * 1e9;
        ensure!(status.is_success(), "{method} {path} answered {status}: {text}");
        Ok((took, text))
    }
}

/// Runs this program with some arguments, and returns the seconds that took.
///
/// # Errors
///
/// When it fails.
pub(super) fn run(arguments: &[&str]) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut command: Command = super::own_program()?;
    let output = command.args(arguments).output().context("cannot run this program")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {text}", arguments.join(" "));
    Ok(started.elapsed().as_secs_f64())
}
