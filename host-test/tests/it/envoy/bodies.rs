//! Bodies: canonical at the upstream whatever way they come.

use std::io::Write;
use std::process::Command;

use serde_json::{Value, json};

use super::gateway::{self, Gateway, TOKEN};
use super::http::{self, Message};
use super::upstream::Upstream;

const DISABLE: &str = r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}"#;

#[track_caller]
fn is_disabled(seen: &Message) {
    let operation = &seen.json()["Operations"][0];
    assert_eq!((&operation["op"], &operation["value"]), (&json!("replace"), &Value::Bool(false)));
    assert_eq!(seen.header("content-length"), seen.body.len().to_string());
    assert_eq!(seen.header("content-type"), "application/scim+json");
}

fn nghttp(gateway: &Gateway, arguments: &[&str]) -> Option<String> {
    let url = format!("http://{}/scim/v2/Users/7", gateway.address);
    let Ok(output) = Command::new("nghttp").arg("-v").args(arguments).arg(url).output() else {
        gateway::skip("nghttp");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_string_that_means_false_arrives_as_false() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let line = "PATCH /scim/v2/Users/7";
    assert_eq!(gateway.send(line, "adscimversion: 1\r\n", DISABLE).status(), 200);
    is_disabled(&upstream.one());
    for (line, body) in [
        ("POST /scim/v2/Users", r#"{"userName": "ada", "active": "False"}"#),
        ("PUT /scim/v2/Users/7", r#"{"userName": "ada", "active": "false"}"#),
    ] {
        assert_eq!(gateway.send(line, "", body).status(), 200);
        let seen = upstream.one();
        assert_eq!(seen.json()["active"], false, "{line}");
        assert_eq!(seen.json()["userName"], "ada");
    }
}

#[test]
fn trailers_do_not_carry_a_body_past_the_rules() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let file = std::env::temp_dir().join(format!("scim-edge-body-{}", std::process::id()));
    let bearer = format!("authorization: Bearer {TOKEN}");
    let run = |body: &str, extra: &[&str]| {
        std::fs::write(&file, body).unwrap();
        let data = format!("--data={}", file.display());
        let mut arguments = vec![data.as_str(), "-H:method: PATCH"];
        arguments
            .extend(["-Hcontent-type: application/scim+json", "--trailer=x-scim-client: root"]);
        arguments.extend(extra);
        nghttp(&gateway, &arguments)
    };
    let header = format!("-H{bearer}");
    let Some(printed) = run(DISABLE, &[&header]) else { return };
    assert!(printed.contains(":status: 200"), "{printed}");
    let seen = upstream.one();
    is_disabled(&seen);
    assert_eq!(seen.header("x-scim-client"), "default");

    // Neither a broken nor a large nor a strange one passes for its trailers.
    for (body, extra, status) in [
        ("{\"broken\"", Some(&header), "400"),
        (&*format!("\"{}\"", "x".repeat(1_200_000)), Some(&header), "413"),
        (DISABLE, None, "401"),
    ] {
        let extra: Vec<&str> = extra.into_iter().map(String::as_str).collect();
        let printed = run(body, &extra).unwrap();
        assert!(printed.contains(&format!(":status: {status}")), "{status} {printed}");
    }
    std::fs::remove_file(&file).unwrap();
    gateway.stop();
    assert!(upstream.take().is_empty());
}

#[test]
fn the_length_is_that_of_what_is_sent_on() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    // Chunked, in pieces with pauses, and split within a character.
    let body = r#"{"userName": "ada", "displayName": "Ada é", "active": "True"}"#.as_bytes();
    let split = body.iter().position(|byte| *byte == 0xc3).unwrap() + 1;
    let mut stream = http::connect(gateway.address);
    let head = String::from_utf8(gateway.request("POST /scim/v2/Users", "", "")).unwrap();
    let head = head.replace("content-length: 0", "transfer-encoding: chunked");
    stream.write_all(head.as_bytes()).unwrap();
    for piece in [&body[..split], &body[split..], b""] {
        std::thread::sleep(core::time::Duration::from_millis(50));
        assert!(upstream.take().is_empty(), "the head must wait for the body");
        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        stream.write_all(&chunk).unwrap();
    }
    assert_eq!(http::read(&mut stream).unwrap().status(), 200);
    let seen = upstream.one();
    assert_eq!(seen.header("content-length"), seen.body.len().to_string());
    assert!(seen.all("transfer-encoding").is_empty());
    assert_eq!(
        (&seen.json()["displayName"], &seen.json()["active"]),
        (&json!("Ada é"), &json!(true))
    );

    // A body that the method gives no meaning goes no further.
    let answer = gateway.send("DELETE /scim/v2/Users/7", "", "{\"any\": \"thing\"}");
    assert_eq!(answer.status(), 200);
    let seen = upstream.one();
    assert!(seen.body.is_empty() && seen.start.starts_with("DELETE "), "{seen:?}");
    assert!(seen.all("content-type").is_empty());
    // Two lengths, or a length and chunks: Envoy refuses what may be read in two ways.
    for extra in ["content-length: 2\r\n", "transfer-encoding: chunked\r\n"] {
        assert_eq!(gateway.send("POST /scim/v2/Users", extra, "{\"a\": 1}").status(), 400);
    }
    assert!(upstream.take().is_empty());
}

#[test]
fn bodies_that_are_not_understood_are_refused() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let post = "POST /scim/v2/Users";
    for body in ["{", "[]", "nul", "{\"userName\": \"a\", \"userName\": \"b\"}"] {
        let error = gateway.send(post, "", body).is_scim_error(400);
        assert_eq!(error["scimType"], "invalidSyntax", "{body}");
    }
    gateway.send(post, "", "").is_scim_error(400);
    gateway
        .send(post, "", &format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)))
        .is_scim_error(400);
    gateway.send(post, "content-encoding: gzip\r\n", "{}").is_scim_error(415);
    for media_type in ["text/plain", "application/json; charset=latin1", "application/xml"] {
        let request = String::from_utf8(gateway.request(post, "", "{}")).unwrap();
        let request = request.replace("application/scim+json", media_type);
        gateway.send_raw(request.as_bytes()).is_scim_error(415);
    }
    assert!(upstream.take().is_empty());
    let json = String::from_utf8(gateway.request(post, "", "{\"userName\": \"ada\"}")).unwrap();
    let json = json.replace("application/scim+json", "Application/JSON; charset=UTF-8");
    assert_eq!(gateway.send_raw(json.as_bytes()).status(), 200);
    assert_eq!(upstream.one().header("content-type"), "application/scim+json");
}

#[test]
fn a_body_over_the_limit_is_a_scim_error() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let post = "POST /scim/v2/Users";
    let large = format!("{{\"userName\": \"{}\"}}", "x".repeat(1_100_000));
    gateway.send(post, "", &large).is_scim_error(413);
    // Without a length it is counted as it comes.
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let head = String::from_utf8(gateway.request(post, "", "")).unwrap();
    let head = head.replace("content-length: 0", "transfer-encoding: chunked");
    gateway.send_raw(format!("{head}{chunk}").as_bytes()).is_scim_error(413);
    assert!(upstream.take().is_empty());
    let fits = format!("{{\"userName\": \"{}\"}}", "x".repeat(1_000_000));
    assert_eq!(gateway.send(post, "", &fits).status(), 200);
    assert_eq!(upstream.one().json()["userName"].as_str().map(str::len), Some(1_000_000));
}

#[test]
fn vectors_arrive_canonical() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let mut count = 0;
    for (path, text) in crate::client::vector_files("canonicalize") {
        let file: Value = serde_json::from_str(&text).unwrap();
        for case in file["cases"].as_array().unwrap() {
            // Those that need a configured dialect are run natively.
            if case.get("dialect").is_some() {
                continue;
            }
            count += 1;
            let name = format!("{path}: {}", case["name"]);
            let (method, endpoint) = (&case["method"], case["endpoint"].as_str().unwrap());
            let method = method.as_str().unwrap();
            let id = if method == "POST" { "" } else { "/7" };
            let body =
                case["body"].as_str().map_or_else(|| case["body"].to_string(), str::to_owned);
            let answer = gateway.send(&format!("{method} /scim/v2/{endpoint}{id}"), "", &body);
            match case.get("error") {
                Some(error) => {
                    assert_eq!(Value::from(answer.status()), error[0], "{name}");
                    assert_eq!(answer.json()["scimType"], error[1], "{name}");
                    assert!(upstream.take().is_empty(), "{name}");
                }
                None => assert_eq!(upstream.one().json(), case["canonical"], "{name}"),
            }
        }
    }
    assert!(count >= 35, "only {count} cases");
}
