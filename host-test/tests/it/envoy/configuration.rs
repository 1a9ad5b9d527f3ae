//! A wrong configuration keeps the gateway from starting, and names the field.

use std::io::Write;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::gateway::{self, TOKEN};
use super::upstream::Upstream;

/// SHA-256 of "abc" (FIPS 180-4, appendix B.1).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn with(configuration: &Value, upstream: &str) -> (Command, NamedTempFile) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(configuration.to_string().as_bytes()).unwrap();
    let mut command = gateway::command(upstream);
    command.arg("--config").arg(file.path());
    (command, file)
}

#[test]
fn a_wrong_configuration_refuses_to_start_and_names_the_field() {
    for (configuration, field) in [
        (json!({"colour": 1}), "`colour`"),
        (json!({"bases": ["/v2/{tenant}"]}), "`upstream.base`"),
        (json!({"enabled": "no"}), "`enabled`"),
        (json!({"registry": {"url": "https://127.0.0.1:1/r", "poll": 1}}), "`registry.poll`"),
        (
            json!({"clients": [{"name": "a", "provider": "p", "method": "jwt", "subject": "s"}]}),
            "`clients[0].provider`",
        ),
        (json!({"limits": {"body_bytes": 0}}), "`limits.body_bytes`"),
        (json!({"limits": {"bodies": 1}}), "`limits.bodies`"),
        (json!({"identity_header": "authorization"}), "`identity_header`"),
        (json!({"dialect": "klingon"}), "`dialect`"),
        (json!({"upstream": {"base": "/x"}}), "`upstream`"),
        (
            json!({"clients": [{"name": "a", "token": "plain-text-0123456789", "tokens": []}]}),
            "`clients[0].token`",
        ),
        (
            json!({"clients": [{"name": "a", "tokens": [{"sha256": "abc"}]}]}),
            "`clients[0].tokens[0].sha256`",
        ),
    ] {
        let (command, _file) = with(&configuration, "http://127.0.0.1:9/");
        let log = gateway::try_start(command).err().expect("must not start");
        if log.contains("Envoy is not to be had") {
            return gateway::skip("Envoy");
        }
        assert!(log.contains(field), "{field}: {log}");
        assert!(!log.contains("plain-text") && !log.contains(TOKEN), "{log}");
    }
}

#[test]
fn clients_bases_and_limits_are_configured() {
    let upstream = Upstream::start();
    let configuration = json!({
        "clients": [
            {"name": "entra", "provider": "login.example", "dialect": "entra",
             "tokens": [{"sha256": ABC, "expires": "2999-01-01T00:00:00Z"}]},
            {"name": "old", "tokens": [{"sha256": "00".repeat(32)}]},
        ],
        "bases": ["/", "/rest"],
        "identity_header": "X-Caller",
        "limits": {"body_bytes": 2_000_000},
    });
    let (mut command, _file) = with(&configuration, &format!("http://{}", upstream.address));
    command.env_remove("SCIM_EDGE_TOKEN").env_remove("SCIM_EDGE_UPSTREAM_TOKEN");
    let Some(gateway) = gateway::start_command(command) else { return };
    assert!(!gateway.printed.contains("(shown this once)"), "{}", gateway.printed);
    let send = |target: &str, body: &str| {
        let request = String::from_utf8(gateway.request(target, "", body)).unwrap();
        gateway.send_raw(request.replace(TOKEN, "abc").as_bytes())
    };
    assert_eq!(send("GET /Users/7", "").status(), 200);
    let seen = upstream.one();
    assert_eq!(
        (seen.start.as_str(), seen.header("x-caller").as_str()),
        ("GET /Users/7 HTTP/1.1", "entra")
    );
    // The client's credential is for the gateway alone.
    assert!(seen.all("authorization").is_empty());
    assert_eq!(send("GET /rest/users", "").status(), 200);
    send("GET /scim/v2/Users", "").is_scim_error(404);
    let body = format!("{{\"userName\": \"{}\"}}", "x".repeat(1_900_000));
    assert_eq!(send("POST /Users", &body).status(), 200);
}

#[test]
fn a_token_is_made_and_printed_when_none_is_given() {
    let upstream = Upstream::start();
    let mut command = gateway::command(&format!("http://{}/", upstream.address));
    command.env_remove("SCIM_EDGE_TOKEN");
    let Some(gateway) = gateway::start_command(command) else { return };
    let line = gateway.printed.lines().find_map(|line| line.strip_prefix("bearer token   "));
    let token = line.unwrap().split(' ').next().unwrap();
    assert!(scim_core::auth::token::checksum_ok(token), "{token}");
    let request = String::from_utf8(gateway.request("GET /scim/v2/Users", "", "")).unwrap();
    let answer = gateway.send_raw(request.replace(TOKEN, token).as_bytes());
    assert_eq!(answer.status(), 200);
    gateway.send("GET /scim/v2/Users", "", "").is_scim_error(401);
}
