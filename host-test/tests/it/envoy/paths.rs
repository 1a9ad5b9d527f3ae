//! Paths: what is refused, and that the upstream sees only what the gateway built.

use serde_json::Value;

use super::gateway;
use super::upstream::Upstream;

fn cases(text: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(file["cases"].take()).unwrap()
}

#[test]
fn attacks_on_paths_are_refused_and_reach_no_upstream() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    for case in cases(include_str!("../../../../vectors/route/refused.json")) {
        let target = case["target"].as_str().unwrap();
        let answer = gateway.send(&format!("GET {target}"), "", "");
        // Envoy refuses some of them before any filter sees them.
        let of_envoy =
            answer.status() == 400 && answer.header("content-type") != "application/scim+json";
        assert!(of_envoy || u64::from(answer.status()) == case["status"], "{case} {answer:?}");
        if !of_envoy {
            answer.is_scim_error(answer.status());
        }
    }
    let mut raw = gateway.request("GET /scim/v2/Users/@", "", "");
    raw.iter_mut().filter(|byte| **byte == b'@').for_each(|byte| *byte = 0xff);
    assert_eq!(gateway.send_raw(&raw).status(), 400);
    let log = gateway.stop();
    assert!(upstream.take().is_empty());
    assert!(!log.contains("access_token") && !log.contains("panicked"), "{log}");
}

#[test]
fn the_upstream_sees_the_path_that_the_gateway_built() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    for case in cases(include_str!("../../../../vectors/route/accepted.json")) {
        let text = |name: &str| case[name].as_str().unwrap();
        let built = text("built").strip_prefix(text("base").trim_end_matches('/')).unwrap();
        let answer = gateway.send(&format!("GET {}", text("target")), "", "");
        assert_eq!(answer.status(), 200, "{case}");
        assert_eq!(upstream.one().start, format!("GET /base/v2{built} HTTP/1.1"), "{case}");
    }
    // As Keycloak's plugin sends it.
    let put = gateway.send("PUT /scim/v2//Users/7", "", "{\"userName\": \"ada\"}");
    assert_eq!(put.status(), 200);
    assert_eq!(upstream.one().start, "PUT /base/v2/Users/7 HTTP/1.1");
}

#[test]
fn what_is_not_served_is_said() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let send = |line: &str, body: &str| gateway.send(line, "", body);
    send("POST /scim/v2/Bulk", "{\"Operations\": []}").is_scim_error(501);
    send("GET /scim/v2/Me", "").is_scim_error(501);
    let answer = send("PUT /scim/v2/Users", "{}");
    answer.is_scim_error(405);
    assert_eq!(answer.header("allow"), "GET, HEAD, POST");
    send("TRACE /scim/v2/Users", "").is_scim_error(405);
    send("GET /scim/v2/Robots", "").is_scim_error(404);
    send("GET /v2/acme/Users", "").is_scim_error(404);
    assert!(upstream.take().is_empty());
}

#[test]
fn queries_by_post_and_of_the_root_pass() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let search = gateway.send("POST /scim/v2/Users/.search", "", "{\"count\": 1}");
    assert_eq!(search.status(), 200);
    assert_eq!(upstream.one().start, "POST /base/v2/Users/.search HTTP/1.1");
    assert_eq!(gateway.send("GET /scim/v2/?count=1", "", "").status(), 200);
    assert_eq!(upstream.one().start, "GET /base/v2?count=1 HTTP/1.1");
}

#[test]
fn whether_it_runs_is_told_to_everybody() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let answer = gateway.send_raw(b"GET /alive HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert_eq!((answer.status(), answer.json()["status"].as_str()), (200, Some("ok")));
    assert!(upstream.take().is_empty());
}
