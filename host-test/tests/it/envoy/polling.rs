//! A registry that the gateway polls: what is revoked there dies here.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::admission::tokens;
use super::gateway::{self, Gateway};
use super::http;
use super::upstream::Upstream;

const CREDENTIAL: &str = "credential-for-the-registry";
const FIRST: &str = "token-of-the-first-0123";
const SECOND: &str = "token-of-the-second-0123";

/// A registry; its thread ends with the process.
struct RegistryServer {
    address: SocketAddr,
    /// Status and document.
    now: Arc<Mutex<(u16, Value)>>,
    /// The statuses of its answers.
    given: Arc<Mutex<Vec<u16>>>,
}

fn document(revision: u64, open: &[&str]) -> Value {
    let clients = open
        .iter()
        .enumerate()
        .map(|(place, token)| json!({"name": format!("client-{place}"), "tokens": tokens(token)}));
    json!({"revision": revision, "tenant": "default", "enabled": true, "providers": [],
           "clients": clients.collect::<Vec<_>>()})
}

impl RegistryServer {
    fn start(status: u16, document: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let now = Arc::new(Mutex::new((status, document)));
        let given = Arc::new(Mutex::new(Vec::new()));
        let (shared, record) = (Arc::clone(&now), Arc::clone(&given));
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (shared, record) = (Arc::clone(&shared), Arc::clone(&record));
                thread::spawn(move || {
                    while let Some(request) = http::read(&mut stream) {
                        let (status, document) = shared.lock().unwrap().clone();
                        let tag = format!(
                            "\"{}-{}\"",
                            document["revision"],
                            document["clients"].to_string().len()
                        );
                        let known = request.header("if-none-match") == tag;
                        let allowed =
                            request.header("authorization") == format!("Bearer {CREDENTIAL}");
                        let (status, body) = match status {
                            200 if !allowed => (401, String::new()),
                            200 if known => (304, String::new()),
                            _ => (status, document.to_string()),
                        };
                        record.lock().unwrap().push(status);
                        let length = if status == 304 {
                            String::new()
                        } else {
                            format!("content-length: {}\r\n", body.len())
                        };
                        let head =
                            format!("HTTP/1.1 {status} Status\r\netag: {tag}\r\n{length}\r\n");
                        drop(stream.write_all(format!("{head}{body}").as_bytes()));
                    }
                });
            }
        });
        Self { address, now, given }
    }

    fn set(&self, status: u16, document: Value) {
        *self.now.lock().unwrap() = (status, document);
    }

    fn gateway(&self, upstream: &Upstream) -> Option<Gateway> {
        let configuration = json!({"registry": {
            "url": format!("http://{}/admin/v1/tenants/default/registry", self.address),
            "credential_env": "SCIM_EDGE_REGISTRY_TOKEN",
            "poll_seconds": 1,
        }});
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(configuration.to_string().as_bytes()).unwrap();
        let mut command = gateway::command(&format!("http://{}/", upstream.address));
        command.arg("--config").arg(file.path()).env("SCIM_EDGE_REGISTRY_TOKEN", CREDENTIAL);
        command.env_remove("SCIM_EDGE_TOKEN");
        gateway::start_command(command)
    }
}

fn status(gateway: &Gateway, token: &str) -> u16 {
    let request = String::from_utf8(gateway.request("GET /scim/v2/Users", "", "")).unwrap();
    gateway.send_raw(request.replace(gateway::TOKEN, token).as_bytes()).status()
}

/// Waits until every worker gives `token` that status: several times in a row.
#[track_caller]
fn until(gateway: &Gateway, token: &str, wanted: u16) -> Duration {
    let begun = Instant::now();
    let mut row = 0;
    while row < 10 {
        row = if status(gateway, token) == wanted { row + 1 } else { 0 };
        assert!(begun.elapsed() < Duration::from_secs(20), "never {wanted}");
        thread::sleep(Duration::from_millis(50));
    }
    begun.elapsed()
}

#[test]
fn what_is_revoked_in_the_registry_dies_at_the_gateway() {
    let upstream = Upstream::start();
    let server = RegistryServer::start(200, document(7, &[FIRST, SECOND]));
    let Some(gateway) = server.gateway(&upstream) else { return };
    until(&gateway, FIRST, 200);
    until(&gateway, SECOND, 200);
    server.set(200, document(8, &[FIRST]));
    until(&gateway, SECOND, 401);
    assert_eq!(status(&gateway, FIRST), 200);
    // An older revision does not bring back what was revoked.
    server.set(200, document(7, &[FIRST, SECOND]));
    thread::sleep(Duration::from_secs(4));
    assert_eq!((status(&gateway, FIRST), status(&gateway, SECOND)), (200, 401));
    // What is no registry, and no answer at all, change nothing.
    for (code, broken) in
        [(200, json!({"revision": 9, "clients": [{"name": 7}]})), (500, json!({}))]
    {
        server.set(code, broken);
        thread::sleep(Duration::from_secs(2));
        assert_eq!((status(&gateway, FIRST), status(&gateway, SECOND)), (200, 401));
    }
    // A tenant that is switched off has no clients.
    let mut off = document(10, &[FIRST]);
    off["enabled"] = false.into();
    server.set(200, off);
    until(&gateway, FIRST, 401);
    let given = server.given.lock().unwrap().clone();
    assert!(given.contains(&304) && !given.contains(&401), "{given:?}");
    let log = gateway.stop();
    assert!(!log.contains("panicked") && !log.contains(CREDENTIAL), "{log}");
}

#[test]
fn without_a_registry_nobody_is_known() {
    let upstream = Upstream::start();
    let server = RegistryServer::start(503, json!({}));
    let Some(gateway) = server.gateway(&upstream) else { return };
    for token in [FIRST, "wrong-token-0123456"] {
        assert_eq!(status(&gateway, token), 503);
    }
    assert!(upstream.take().is_empty());
    server.set(200, document(1, &[FIRST]));
    until(&gateway, FIRST, 200);
}
