//! `scim-edge up` as a child process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

use crate::client::Client;

/// The token of the services that are given one.
pub const TOKEN: &str = "test-token-of-the-service";

/// A service that is ready; it ends with this value, or with the test process.
pub struct Service {
    /// What it printed before it was ready.
    pub printed: String,
    base: String,
    token: String,
    child: Child,
    stdin: Option<ChildStdin>,
    log: Option<JoinHandle<String>>,
    /// Goes with the service whose alone it is.
    own_data: Option<TempDir>,
}

/// The command line for a data folder, with a token and a free port.
pub fn command(data: &Path) -> Command {
    let mut command = without_token(data);
    command.args(["--token", TOKEN]);
    command
}

/// The same without a token.
pub fn without_token(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-edge"));
    command.args(["up", "--listen", "127.0.0.1:0", "--until-stdin-closes", "--data"]).arg(data);
    command.env_remove("SCIM_EDGE_TOKEN");
    command
}

/// A service that tests share, which use names of their own.
pub fn shared() -> &'static Service {
    static SHARED: OnceLock<Service> = OnceLock::new();
    SHARED.get_or_init(Service::fresh)
}

impl Service {
    /// A service with an empty store of its own.
    pub fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut service = Self::on(folder.path());
        service.own_data = Some(folder);
        service
    }

    /// A service on a data folder that exists, or is made.
    pub fn on(data: &Path) -> Self {
        Self::start(command(data)).unwrap_or_else(|log| panic!("no start: {log}"))
    }

    /// Starts a service.
    ///
    /// # Errors
    /// Its log, if it ends before it is ready.
    pub fn start(mut command: Command) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let mut stderr = child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(stderr.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        while stdout.read_line(&mut printed).unwrap() > 0 {
            if let Some(base) = printed.lines().last().and_then(|line| line.strip_prefix("ready "))
            {
                let (base, log) = (base.to_owned(), Some(log));
                let token = TOKEN.to_owned();
                return Ok(Self { base, token, printed, child, stdin, log, own_data: None });
            }
        }
        assert!(!child.wait().unwrap().success());
        Err(log.join().unwrap())
    }

    /// The SCIM root.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> &str {
        self.base.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/scim/v2")).unwrap()
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// A client of the SCIM root with the token.
    pub fn client(&self) -> Client {
        Client::new(&self.base, Some(&self.token))
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -9` by a thread that shares the service with others.
    pub fn kill_9(&self) {
        self.signal("-KILL");
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the end; status and log.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A file of the checkout.
pub fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
