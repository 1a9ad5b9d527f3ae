//! `vectors/attacks/tokens.json` in real Envoy: each attack is refused for its own reason, and looks
//! like all others from outside.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::Value;
use tempfile::NamedTempFile;

use super::forge;
use super::gateway::{self, Gateway};
use super::http::Message;
use super::upstream::Upstream;

/// Starts a gateway with that configuration.
pub(super) fn start(configuration: &Value, upstream: &Upstream) -> Option<Gateway> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(configuration.to_string().as_bytes()).unwrap();
    let mut command = gateway::command(&format!("http://{}/base/v2", upstream.address));
    command.arg("--config").arg(file.path());
    gateway::start_command(command)
}

/// Sends a request with that `authorization`.
pub(super) fn send(gateway: &Gateway, authorization: &[u8]) -> Message {
    let head = format!("GET /scim/v2/Users/7 HTTP/1.1\r\nhost: {}\r\n", gateway.address);
    let head = head + "connection: close\r\nauthorization: ";
    gateway.send_raw(&[head.as_bytes(), authorization, b"\r\n\r\n"].concat())
}

/// Seconds since 1970-01-01T00:00:00Z.
pub(super) fn now_s() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// The audit lines of a log, by request id.
pub(super) fn audit(log: &str) -> BTreeMap<String, Value> {
    let lines = log.lines().filter_map(|line| Some(&line[line.find('{')?..]));
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| Some((line["request_id"].as_str()?.to_owned(), line.clone()))).collect()
}

#[test]
fn each_attack_has_its_own_reason_and_looks_like_the_others() {
    let upstream = Upstream::start();
    let Some(gateway) = start(&forge::configuration(), &upstream) else { return };
    let file = include_str!("../../../../vectors/attacks/tokens.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let (mut reasons, mut tokens) = (Vec::new(), Vec::new());
    let mut outside = None;
    for case in cases {
        let authorization = forge::attack(case, now_s());
        let answer = send(&gateway, &authorization);
        let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
        assert_eq!(answer.status(), status, "{case} {answer:?}");
        tokens.push(String::from_utf8_lossy(&authorization).into_owned());
        if status == 200 {
            assert_eq!(upstream.one().header("x-scim-client"), "of-login", "{case}");
            continue;
        }
        answer.is_scim_error(status);
        assert!(upstream.take().is_empty(), "{case}");
        reasons.push((answer.header("x-request-id"), case));
        if status == 401 {
            let seen = (answer.header("www-authenticate"), answer.body);
            assert_eq!(*outside.get_or_insert_with(|| seen.clone()), seen, "{case}");
        }
    }
    // What Envoy itself does not take.
    for odd in [b"Bearer \0".to_vec(), format!("Bearer {}", "A".repeat(1_000_000)).into_bytes()] {
        let status = send(&gateway, &odd).status();
        assert!([400, 431].contains(&status), "{status}");
    }
    let in_query = format!("GET /scim/v2/Users?access_token={}", &tokens[0][7..]);
    gateway.send(&in_query, "", "").is_scim_error(400);
    assert!(upstream.take().is_empty());
    let log = gateway.stop();
    let lines = audit(&log);
    for (id, case) in reasons {
        assert_eq!(lines[&id]["reason"], case["reason"], "{case}");
    }
    assert!(!log.contains("panicked"), "{log}");
    for token in tokens {
        let (_, signature) = token.rsplit_once('.').unwrap();
        assert!(signature.is_empty() || !log.contains(signature), "{token}");
    }
}
