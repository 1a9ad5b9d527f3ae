//! The gateway's filter in the imitation: the vectors of paths and bodies, clients that go away,
//! and random traffic.

use std::process::Command;
use std::rc::Rc;

use host_test::imitation::{Envoy, Headers, Program, Settings};
use serde_json::Value;

use super::probe;
use super::{CREDENTIAL, TOKEN, UPSTREAM_TOKEN, configuration};

fn envoy() -> Envoy {
    let wasm = std::fs::read(host_test::plugins::envoy_filter().unwrap()).unwrap();
    let cache = host_test::plugins::target_dir().join("wasmtime-cache");
    let program = Rc::new(Program::compile(&wasm, Some(&cache)).unwrap());
    let settings = Settings {
        configuration: configuration().into_bytes(),
        environment: vec![(CREDENTIAL.into(), UPSTREAM_TOKEN.into())],
        ..Settings::default()
    };
    Envoy::start(&program, settings, 1).unwrap()
}

fn head(method: &str, target: &str) -> Headers {
    let authorization = format!("Bearer {TOKEN}");
    Headers::of([
        (":authority", b"gateway.example".as_slice()),
        (":method", method.as_bytes()),
        (":path", target.as_bytes()),
        ("authorization", authorization.as_bytes()),
        ("content-type", b"application/scim+json"),
    ])
}

fn cases(text: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(file["cases"].take()).unwrap()
}

#[test]
fn paths_are_built_anew_or_refused() {
    let mut envoy = envoy();
    for case in cases(include_str!("../../../../../vectors/route/accepted.json")) {
        let text = |name: &str| case[name].as_str().unwrap();
        let built = text("built").strip_prefix(text("base").trim_end_matches('/')).unwrap();
        let id = envoy.request(0, head("GET", text("target")), true);
        let seen = envoy.take(id).upstream.headers.unwrap_or_default();
        assert_eq!(seen.text(":path"), format!("/base/v2{built}"), "{case}");
    }
    for case in cases(include_str!("../../../../../vectors/route/refused.json")) {
        let id = envoy.request(0, head("GET", case["target"].as_str().unwrap()), true);
        let exchange = envoy.take(id);
        assert!(exchange.upstream.headers.is_none(), "{case}");
        assert_eq!(exchange.client.status().map(u64::from), case["status"].as_u64(), "{case}");
    }
    assert!(!envoy.is_dead());
}

#[test]
fn bodies_arrive_canonical_however_they_come() {
    let mut envoy = envoy();
    let mut count = 0;
    for (path, text) in crate::client::vector_files("canonicalize") {
        for case in cases(&text) {
            // Those that need a configured dialect are run natively.
            if case.get("dialect").is_some() {
                continue;
            }
            let (method, endpoint) = (&case["method"], case["endpoint"].as_str().unwrap());
            let method = method.as_str().unwrap();
            let id = if method == "POST" { "" } else { "/7" };
            let body =
                case["body"].as_str().map_or_else(|| case["body"].to_string(), str::to_owned);
            for pieces in [1, 2, 7] {
                count += 1;
                let name = format!("{path}: {} in {pieces}", case["name"]);
                let head = head(method, &format!("/scim/v2/{endpoint}{id}"));
                let stream = envoy.request(0, head, false);
                for piece in body.as_bytes().chunks(body.len() / pieces + 1) {
                    envoy.request_data(stream, piece, false);
                }
                if pieces == 2 {
                    let spoofed = Headers::of([("x-scim-client", b"root".as_slice())]);
                    envoy.request_trailers(stream, spoofed);
                } else {
                    envoy.request_data(stream, b"", true);
                }
                let exchange = envoy.take(stream);
                if let Some(error) = case.get("error") {
                    assert_eq!(Value::from(exchange.client.status()), error[0], "{name}");
                    assert!(exchange.upstream.headers.is_none(), "{name}");
                } else {
                    let upstream = exchange.upstream;
                    assert!(upstream.complete && upstream.length_is_right(), "{name}");
                    let seen: Value = serde_json::from_slice(&upstream.body).unwrap();
                    assert_eq!(seen, case["canonical"], "{name}");
                    assert!(upstream.trailers.is_none_or(|trailers| trailers.is_empty()), "{name}");
                }
            }
        }
    }
    assert!(count >= 100, "only {count} cases");
    assert!(!envoy.is_dead());
}

#[test]
fn a_client_that_goes_away_leaves_nothing() {
    let mut envoy = envoy();
    for parts in 0..4 {
        let id = envoy.request(0, head("POST", "/scim/v2/Users"), false);
        for _ in 0..parts {
            envoy.request_data(id, b"{\"userName\":", false);
        }
        envoy.client_leaves(id);
        envoy.request_data(id, b"\"a\"}", true);
        let exchange = envoy.take(id);
        assert!(exchange.upstream.headers.is_none() && exchange.client.cut, "{exchange:?}");
    }
    envoy.advance(60_000);
    let id = envoy.request(0, head("GET", "/scim/v2/Users"), true);
    assert!(envoy.take(id).upstream.complete && !envoy.is_dead());
}

fn fuzz(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scim-edge"));
    let output = command.arg("fuzz-filter").args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn random_traffic_breaks_no_rule() {
    let (held, text) = fuzz(&["--runs", "2000", "--seed", "7"]);
    assert!(held, "{text}");
    // The same again is the same.
    let told =
        |text: &str| text.lines().filter(|line| line.contains("answers")).collect::<String>();
    let (_, again) = fuzz(&["--runs", "2000", "--seed", "7"]);
    assert_eq!(told(&text), told(&again));
    // It goes both ways: into the upstream, and back from the gate.
    for status in ["200: ", "400: ", "401: ", "403: ", "404: ", "503: "] {
        assert!(text.contains(status), "{status} {text}");
    }
}

#[test]
fn random_traffic_finds_filters_that_break_the_rules() {
    for (script, finds) in [
        (r#"{"request_headers": []}"#, "a path that is none of ours"),
        (
            r#"{"request_headers": ["pause"], "request_body": ["pause"], "request_trailers": ["pause"]}"#,
            "no end",
        ),
        (r#"{"request_headers": ["trap"]}"#, "the filter died"),
        (r#"{"request_headers": [["answer", 400, "no", {}]]}"#, "neither JSON nor"),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let script: Value = serde_json::from_str(script).unwrap();
        let module = probe::module(script.as_object().unwrap());
        std::io::Write::write_all(&mut file, &module).unwrap();
        let path = file.path().to_str().unwrap();
        let (held, text) = fuzz(&["--runs", "640", "--filter", path]);
        assert!(!held && text.contains(finds), "{finds}: {text}");
        assert!(text.contains("again: scim-edge fuzz-filter --seed 1 --first "), "{text}");
    }
}
