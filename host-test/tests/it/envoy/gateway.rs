//! `scim-edge gateway` as a child process.

use core::net::SocketAddr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use super::http::{self, Message};

/// The token of the client `default` in these tests.
pub(super) const TOKEN: &str = "test-token-of-the-client";
/// The token of the gateway at the upstream.
pub(super) const UPSTREAM_TOKEN: &str = "test-token-of-the-gateway";

/// A gateway that is ready; it ends with this value.
pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    /// What it printed before it was ready.
    pub(super) printed: String,
    child: Child,
    log: Option<JoinHandle<String>>,
}

/// The command line for an upstream, with tokens and a free port.
pub(super) fn command(upstream: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-edge"));
    command.args(["gateway", "--listen", "127.0.0.1:0", "--upstream", upstream]);
    command.env("SCIM_EDGE_TOKEN", TOKEN).env("SCIM_EDGE_UPSTREAM_TOKEN", UPSTREAM_TOKEN);
    command
}

/// Starts a gateway before `upstream` below `/base/v2`; `None` if Envoy is not to be had.
pub(super) fn start(upstream: SocketAddr) -> Option<Gateway> {
    start_command(command(&format!("http://{upstream}/base/v2")))
}

/// Starts a gateway; `None` if Envoy is not to be had.
pub(super) fn start_command(command: Command) -> Option<Gateway> {
    match try_start(command) {
        Ok(gateway) => Some(gateway),
        Err(log) => {
            assert!(log.contains("Envoy is not to be had"), "{log}");
            skip("Envoy");
            None
        }
    }
}

/// A test goes without a tool, but not where all tools are promised.
pub(super) fn skip(tool: &str) {
    assert!(std::env::var_os("CI").is_none(), "{tool} is missing");
    eprintln!("skipped: {tool} is missing");
}

/// Starts a gateway.
///
/// # Errors
/// Its log, if it ends before it is ready.
pub(super) fn try_start(mut command: Command) -> Result<Gateway, String> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let log = thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(stderr.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut printed = String::new();
    while stdout.read_line(&mut printed).unwrap() > 0 {
        if let Some(address) = ready(&printed) {
            return Ok(Gateway { address, printed, child, log: Some(log) });
        }
    }
    assert!(!child.wait().unwrap().success());
    Err(log.join().unwrap())
}

fn ready(printed: &str) -> Option<SocketAddr> {
    let url = printed.lines().last()?.strip_prefix("ready http://")?;
    url.strip_suffix("/scim/v2")?.parse().ok()
}

impl Gateway {
    /// Sends a request head with the token and `extra` header lines, and a body with its length.
    #[track_caller]
    pub(super) fn send(&self, line: &str, extra: &str, body: &str) -> Message {
        self.send_raw(&self.request(line, extra, body))
    }

    /// The bytes of such a request.
    pub(super) fn request(&self, line: &str, extra: &str, body: &str) -> Vec<u8> {
        let length = match line.split(' ').next() {
            Some("GET" | "DELETE" | "HEAD") if body.is_empty() => String::new(),
            _ => format!("content-length: {}\r\n", body.len()),
        };
        let head = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/scim+json\r\nconnection: close\r\n{length}{extra}\r\n",
            self.address
        );
        [head.as_bytes(), body.as_bytes()].concat()
    }

    /// Sends bytes.
    #[track_caller]
    pub(super) fn send_raw(&self, request: &[u8]) -> Message {
        http::send(self.address, request)
    }

    /// Asks it to stop, as a service manager does.
    pub(super) fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for its end; how it ended, and what it logged.
    pub(super) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, self.log.take().unwrap().join().unwrap())
    }

    /// Stops it; what it logged.
    pub(super) fn stop(self) -> String {
        self.terminate();
        let (status, log) = self.wait();
        assert!(status.success(), "{log}");
        log
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.terminate();
            drop(self.child.wait());
        }
    }
}
