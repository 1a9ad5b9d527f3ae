//! Builds the wasm files that this program runs, when they are missing or older than their source.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context as _, ensure};

/// One of the two wasm builds.
#[derive(Clone, Copy)]
enum Plugin {
    Spin,
    Envoy,
}

impl Plugin {
    const fn package(self) -> &'static str {
        match self {
            Self::Spin => "plugin-spin",
            Self::Envoy => "plugin-envoy",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Spin => "plugin_spin.wasm",
            Self::Envoy => "plugin_envoy.wasm",
        }
    }

    const fn target(self) -> &'static str {
        match self {
            Self::Spin => "wasm32-wasip2",
            Self::Envoy => "wasm32-wasip1",
        }
    }
}

/// The component that only reads one entry, for comparisons.
///
/// # Errors
///
/// As of [`spin_component`].
pub(crate) fn one_key_component() -> anyhow::Result<PathBuf> {
    let (package, target) = (Plugin::Spin.package(), Plugin::Spin.target());
    cargo_build(&["--package", package, "--example", "one_key", "--target", target])?;
    Ok(target_dir().join(target).join("wasm/examples/one_key.wasm"))
}

/// The checkout that this program was built from.
#[must_use]
pub fn checkout() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Cargo's target directory.
#[must_use]
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => checkout().join(folder),
        None => checkout().join("target"),
    }
}

/// The up-to-date SCIM service as a Spin component, built now if need be.
///
/// # Errors
///
/// When cargo or the wasm target is missing and cannot be had, or the build fails.
pub fn spin_component() -> anyhow::Result<PathBuf> {
    build(Plugin::Spin)
}

/// The up-to-date gateway filter for Envoy, built now if need be.
///
/// # Errors
///
/// As of [`spin_component`].
pub fn envoy_filter() -> anyhow::Result<PathBuf> {
    build(Plugin::Envoy)
}

fn build(plugin: Plugin) -> anyhow::Result<PathBuf> {
    let file = target_dir().join(plugin.target()).join("wasm").join(plugin.file());
    if is_fresh(plugin, &file) {
        return Ok(file);
    }
    add_target(plugin.target())?;
    eprintln!("building {} for {} …", plugin.package(), plugin.target());
    cargo_build(&["--package", plugin.package(), "--target", plugin.target()])?;
    let size =
        fs::metadata(&file).with_context(|| format!("the build left no {}", file.display()))?.len();
    eprintln!("built {}: {size} bytes", plugin.file());
    Ok(file)
}

fn cargo_build(what: &[&str]) -> anyhow::Result<()> {
    let status = command("CARGO", "cargo")
        .args(["build", "--quiet", "--profile", "wasm", "--target-dir"])
        .arg(target_dir())
        .args(what)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cargo cannot be run")?;
    ensure!(status.success(), "cargo build {} failed", what.join(" "));
    Ok(())
}

/// A program of the Rust toolchain, run in the checkout for the toolchain that is pinned there.
fn command(variable: &str, name: &str) -> Command {
    let program = std::env::var_os(variable).unwrap_or_else(|| OsString::from(name));
    let mut command = Command::new(program);
    command.current_dir(checkout());
    command
}

fn add_target(target: &str) -> anyhow::Result<()> {
    let output = command("RUSTC", "rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .context("rustc cannot be run")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    eprintln!("adding the Rust target {target} …");
    let status = Command::new("rustup")
        .args(["target", "add", target])
        .current_dir(checkout())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("rustup cannot be run; the Rust target {target} is needed"))?;
    ensure!(status.success(), "rustup could not add the Rust target {target}");
    Ok(())
}

/// Whether `file` exists and nothing that it is made of has changed since.
fn is_fresh(plugin: Plugin, file: &Path) -> bool {
    let Ok(built) = fs::metadata(file).and_then(|data| data.modified()) else { return false };
    let sources = ["Cargo.toml", "Cargo.lock", "scim-core", plugin.package()];
    sources.iter().all(|source| !is_newer(&checkout().join(source), built))
}

fn is_newer(path: &Path, than: SystemTime) -> bool {
    let Ok(data) = fs::metadata(path) else { return false };
    if !data.is_dir() {
        return data.modified().is_ok_and(|changed| changed > than);
    }
    // Tests are no part of the build.
    if path.ends_with("tests") || path.ends_with("target") {
        return false;
    }
    let Ok(entries) = fs::read_dir(path) else { return false };
    entries.flatten().any(|entry| is_newer(&entry.path(), than))
}
