//! Runs in real Envoy, started as a user starts it: by `scim-edge gateway`.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::check::{self, UPSTREAM_BASE, UPSTREAM_TOKEN};
use super::plan::{End, Plan, TOKEN, tokens};
use super::random::Random;
use super::wire;
use crate::imitation::{Exchange, Received};

/// Connections of clients at the same time.
const CLIENTS: u64 = 4;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The header by which the upstream knows which run it serves.
const RUN: &str = "x-fuzz-run";
/// Answers that Envoy gives before any filter is asked.
const OF_ENVOY: [&[u8]; 3] = [b"", b"Bad Request", b"missing required header"];

/// What the upstream received, by run.
type Seen = Arc<Mutex<HashMap<u64, Received>>>;

/// What came of all runs.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) done: u64,
    pub(super) reached: u64,
    /// By status; 0 for none.
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) of_envoy: u64,
}

/// Sends `runs`; what is wrong, if something is.
///
/// # Errors
/// A gateway that does not start.
pub(super) fn run(seed: u64, runs: core::ops::Range<u64>) -> Result<(Counts, Option<String>)> {
    let arrived = Seen::default();
    let upstream = upstream(seed, &arrived)?;
    let mut gateway = Gateway::start(upstream)?;
    let (next, stop) = (AtomicU64::new(runs.start), AtomicBool::new(false));
    let counts = Mutex::new(Counts::default());
    let wrong = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= runs.end {
                        break;
                    }
                    let plan = Plan::of(&mut Random::of(seed, run));
                    if let Err(why) = once(gateway.address, run, &plan, &arrived, &counts) {
                        *lock(&wrong) = Some(format!("run {run}: {why}\n{plan:#?}"));
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let log = gateway.stop()?;
    let mut wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    if wrong.is_none() {
        let died = ["panicked", "wasm_fail_stream", "Proxy-Wasm"];
        let line = log.lines().find(|line| died.iter().any(|word| line.contains(word)));
        wrong = line.map(|line| format!("the filter died: {line}"));
        wrong = wrong.or_else(|| check::quiet("Envoy's log", log.as_bytes()).err());
    }
    Ok((counts.into_inner().unwrap_or_else(PoisonError::into_inner), wrong))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run.
fn once(
    gateway: SocketAddr,
    run: u64,
    plan: &Plan,
    arrived: &Seen,
    counts: &Mutex<Counts>,
) -> Result<(), String> {
    let io = |error: std::io::Error| format!("the gateway's connection: {error}");
    let mut stream = TcpStream::connect(gateway).map_err(io)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(io)?;
    let start = [plan.method.as_bytes(), b" ", &plan.target, b" HTTP/1.1"].concat();
    let more = format!("host: gateway.example\r\nconnection: close\r\n{RUN}: {run}\r\n");
    for piece in wire::pieces(&start, &plan.request, &more, false) {
        // A gateway that has answered may close before it has read all.
        drop(stream.write_all(&piece));
    }
    if plan.request.end == End::Never {
        drop(stream.shutdown(std::net::Shutdown::Write));
    }
    let Ok((_, client)) = wire::read(&mut stream, plan.method == "HEAD") else {
        return Err("no answer in time".into());
    };
    drop(stream);
    let upstream = lock(arrived).remove(&run).unwrap_or_default();
    let reached = upstream.headers.is_some();
    let status = client.status().filter(|_| client.complete);
    let of_envoy = !reached && status == Some(400) && OF_ENVOY.contains(&client.body.as_slice());
    {
        let mut counts = lock(counts);
        counts.done += 1;
        counts.reached += u64::from(reached);
        counts.of_envoy += u64::from(of_envoy);
        *counts.statuses.entry(status.unwrap_or_default()).or_insert(0) += 1;
    }
    if status.is_none() && !reached && plan.request.end != End::Never {
        return Err("no answer".into());
    }
    let exchange = Exchange { upstream, client, ..Exchange::default() };
    if of_envoy { Ok(()) } else { check::exchange(plan, &exchange) }
}

/// An application that answers each run as its plan says; its threads end with the process.
fn upstream(seed: u64, arrived: &Seen) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let arrived = Arc::clone(arrived);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let arrived = Arc::clone(&arrived);
            thread::spawn(move || serve(stream, seed, &arrived));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream, seed: u64, arrived: &Seen) {
    drop(stream.set_read_timeout(Some(PATIENCE)));
    let Ok((_, received)) = wire::read(&mut stream, false) else { return };
    let run = received.headers.as_ref().map_or("", |headers| headers.text(RUN));
    let Ok(run) = run.parse() else { return };
    lock(arrived).insert(run, received);
    let plan = Plan::of(&mut Random::of(seed, run));
    if plan.failure.is_some() {
        return;
    }
    let start = format!("HTTP/1.1 {} -", plan.status);
    let empty = plan.answer.end == End::Head && !matches!(plan.status, 204 | 304);
    for piece in wire::pieces(start.as_bytes(), &plan.answer, "connection: close\r\n", empty) {
        if stream.write_all(&piece).is_err() {
            return;
        }
    }
}

/// The identity provider, its keys inline; the client with a token is the gateway's default.
fn configuration() -> Value {
    let keys = tokens().get("keys").cloned().unwrap_or_default();
    json!({
        "providers": [{"name": "login", "kind": "oidc", "issuer": "https://login.example",
                       "client_id": "edge", "jwks": keys}],
        "clients": [{"name": "jwt", "provider": "login", "method": "jwt", "subject": "7f9c"}],
    })
}

struct Gateway {
    address: SocketAddr,
    child: Child,
    log: Option<JoinHandle<String>>,
}

impl Gateway {
    fn start(upstream: SocketAddr) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["gateway", "--listen", "127.0.0.1:0", "--upstream"]);
        command.arg(format!("http://{upstream}{UPSTREAM_BASE}"));
        let file = std::env::temp_dir().join(format!("scim-edge-fuzz-{}", std::process::id()));
        std::fs::write(&file, configuration().to_string())?;
        command.arg("--config").arg(&file);
        command.env("SCIM_EDGE_TOKEN", TOKEN).env("SCIM_EDGE_UPSTREAM_TOKEN", UPSTREAM_TOKEN);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let log = thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(stderr.map(|mut stderr| stderr.read_to_end(&mut bytes)));
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let lines = BufReader::new(stdout.context("no output")?).lines();
        for line in lines.map_while(Result::ok) {
            let Some(rest) = line.strip_prefix("ready http://") else { continue };
            let address = rest.split('/').next().unwrap_or_default().parse()?;
            std::fs::remove_file(&file)?;
            return Ok(Self { address, child, log: Some(log) });
        }
        drop(child.wait());
        bail!("the gateway did not start: {}", log.join().unwrap_or_default())
    }

    /// Stops it; what it logged.
    fn stop(&mut self) -> Result<String> {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        if !kill.success() {
            bail!("the gateway cannot be stopped");
        }
        self.child.wait()?;
        let log = self.log.take().map(JoinHandle::join).transpose();
        Ok(log.ok().flatten().unwrap_or_default())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            drop(self.stop());
        }
    }
}
