//! Tenants, scopes, limits, and what the statistics say of them.

use core::net::IpAddr;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::attacks::audit;
use super::gateway::{self, Gateway};
use super::http::{self, Message};
use super::upstream::Upstream;

/// A client's token, as a configuration holds it.
pub(super) fn tokens(token: &str) -> Value {
    json!([{"sha256": format!("{:x}", Sha256::digest(token))}])
}

fn start(configuration: &Value, upstream: &str, arguments: &[&str]) -> Option<Gateway> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(configuration.to_string().as_bytes()).unwrap();
    let mut command = gateway::command(upstream);
    command.arg("--config").arg(file.path()).args(arguments);
    gateway::start_command(command)
}

fn send(gateway: &Gateway, line: &str, token: &str) -> Message {
    let body = if line.starts_with("GET") { "" } else { r#"{"userName": "ada"}"# };
    let request = String::from_utf8(gateway.request(line, "", body)).unwrap();
    gateway.send_raw(request.replace(gateway::TOKEN, token).as_bytes())
}

/// BW-01, BW-02 and OP-13: see the names.
#[test]
fn a_key_of_one_tenant_says_nothing_of_another() {
    let upstream = Upstream::start();
    let client = |name: &str, more: Value| {
        let mut client = json!({"name": name, "tokens": tokens(&format!("token-of-{name}-0123"))});
        client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client
    };
    let configuration = json!({
        "bases": ["/v2/{tenant}"],
        "clients": [
            client("acme", json!({"tenant": "acme"})),
            client("mill", json!({"tenant": "mill", "scopes": ["read", "write:Users"]})),
            client("gone", json!({"tenant": "acme", "enabled": false})),
        ],
    });
    let url = format!("http://{}/base/{{tenant}}", upstream.address);
    let Some(gateway) = start(&configuration, &url, &[]) else { return };
    assert_eq!(send(&gateway, "GET /v2/acme/Users", "token-of-acme-0123").status(), 200);
    let seen = upstream.one();
    assert_eq!(
        (&*seen.start, &*seen.header("x-scim-client")),
        ("GET /base/acme/Users HTTP/1.1", "acme")
    );
    let mut outside = None;
    for (tenant, token) in [
        ("acme", "token-of-mill-0123"),
        ("acme", "wrong-token-0123456"),
        ("acme", "token-of-gone-0123"),
        ("unknown", "token-of-acme-0123"),
        ("unknown", "wrong-token-0123456"),
        ("default", "token-of-acme-0123"),
    ] {
        let answer = send(&gateway, &format!("GET /v2/{tenant}/Users"), token);
        answer.is_scim_error(401);
        let seen = (answer.header("www-authenticate"), answer.body);
        assert_eq!(*outside.get_or_insert_with(|| seen.clone()), seen, "{tenant}");
    }
    assert!(upstream.take().is_empty());
    // Scopes.
    let mill = |line: &str| send(&gateway, line, "token-of-mill-0123");
    for line in ["GET /v2/mill/Groups", "POST /v2/mill/Users", "PUT /v2/mill/Users/7"] {
        assert_eq!(mill(line).status(), 200, "{line}");
        upstream.one();
    }
    for line in ["POST /v2/mill/Groups", "PATCH /v2/mill/Groups/7"] {
        let answer = mill(line);
        answer.is_scim_error(403);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("insufficient_scope"), "{challenge}");
    }
    assert!(upstream.take().is_empty());
    let log = gateway.stop();
    let passed = audit(&log).into_values().find(|line| line["method"] == "PUT").unwrap();
    assert_eq!((&passed["tenant"], &passed["resource"]), (&json!("mill"), &json!("7")));
    for reason in ["unknown_tenant", "unknown_token", "disabled", "insufficient_scope"] {
        assert!(log.contains(&format!(r#""reason":"{reason}""#)), "{reason}: {log}");
    }
}

/// OP-25.
#[test]
fn scim_can_be_switched_off() {
    let upstream = Upstream::start();
    let url = format!("http://{}/", upstream.address);
    let Some(gateway) = start(&json!({"enabled": false}), &url, &[]) else { return };
    gateway.send("GET /scim/v2/Users", "", "").is_scim_error(403);
    assert_eq!(gateway.send("GET /alive", "", "").status(), 200);
    assert!(upstream.take().is_empty());
}

/// AK-05; the limit is one for all workers.
#[test]
fn a_client_has_its_share_and_is_told_when_to_come_again() {
    let upstream = Upstream::start();
    let configuration = json!({"clients": [
        {"name": "keen", "tokens": tokens("token-of-keen-0123"),
         "rate_limit": {"requests": 5, "seconds": 3600}},
    ]});
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{}/", upstream.address);
    let arguments = ["--admin", &free.to_string(), "--concurrency", "2"];
    let Some(gateway) = start(&configuration, &url, &arguments) else { return };
    let answers: Vec<Message> =
        (0..20).map(|_| send(&gateway, "GET /scim/v2/Users", "token-of-keen-0123")).collect();
    let passed = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!((passed, upstream.take().len()), (5, 5));
    let refused = answers.last().unwrap();
    refused.is_scim_error(429);
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=720).contains(&seconds), "{seconds}");
    // Another client is not concerned.
    assert_eq!(gateway.send("GET /scim/v2/Users", "", "").status(), 200);
    let wrong =
        gateway.send_raw(b"GET /scim/v2/Users HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    wrong.is_scim_error(401);
    let stats =
        http::send(free, b"GET /stats/prometheus HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let stats = String::from_utf8(stats.body).unwrap();
    for (labels, count) in [
        (r#"result="passed",client="keen",tenant="default""#, 5),
        (r#"result="too_many_requests",client="keen",tenant="default""#, 15),
        (r#"result="passed",client="default",tenant="default""#, 1),
        (r#"result="no_credential",client="none",tenant="none""#, 1),
    ] {
        let wanted: Vec<&str> = labels.split(',').collect();
        let line = stats.lines().find(|line| {
            line.starts_with("scim_edge_requests{")
                && wanted.iter().all(|label| line.contains(label))
        });
        let line = line.unwrap_or_else(|| panic!("{labels}: {stats}"));
        assert!(line.ends_with(&format!(" {count}")), "{line}");
    }
}

/// The address of this machine that is not loopback, if it has one.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn who_guesses_is_slowed_and_locks_nobody_out() {
    let Some(own) = own_address() else {
        eprintln!("skipped: this machine has a loopback address only");
        return;
    };
    let upstream = Upstream::start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-edge"));
    let (listen, url) = (format!("{own}:0"), format!("http://{}/", upstream.address));
    command.args(["gateway", "--listen", &listen, "--upstream", &url]);
    command.env("SCIM_EDGE_TOKEN", gateway::TOKEN).env_remove("SCIM_EDGE_UPSTREAM_TOKEN");
    let Some(gateway) = gateway::start_command(command) else { return };
    // Each second makes room for another half, however fast these come.
    let answers: Vec<Message> = (0..200)
        .map(|number| send(&gateway, "GET /scim/v2/Users", &format!("guess-{number:020}")))
        .collect();
    assert!(answers[..30].iter().all(|answer| answer.status() == 401));
    let slowed = answers.iter().find(|answer| answer.status() != 401).unwrap();
    slowed.is_scim_error(429);
    assert!(!slowed.header("retry-after").is_empty());
    // A good credential from the same place passes.
    assert_eq!(gateway.send("GET /scim/v2/Users", "", "").status(), 200);
    assert_eq!(upstream.take().len(), 1);
}
