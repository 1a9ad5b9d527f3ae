//! Credentials, and who the upstream is told the client is.

use std::io::Write;

use super::gateway::{self, TOKEN, UPSTREAM_TOKEN};
use super::http;
use super::upstream::Upstream;

#[test]
fn refusals_are_scim_errors_with_a_challenge_and_reach_no_upstream() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let raw = |authorization: &str| {
        let host = gateway.address;
        let head = format!("GET /scim/v2/Users HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        gateway.send_raw(format!("{head}{authorization}\r\n").as_bytes())
    };
    let none = raw("");
    none.is_scim_error(401);
    assert_eq!(none.header("www-authenticate"), "Bearer realm=\"scim\"");
    let invalid = "Bearer realm=\"scim\", error=\"invalid_token\"";
    for (authorization, challenge) in [
        ("authorization: Bearer wrong-token-0123456789\r\n", invalid),
        ("authorization: Bearer \r\n", ""),
        ("authorization: Basic QWxhZGRpbjpvcGVu\r\n", "Bearer realm=\"scim\""),
    ] {
        let answer = raw(authorization);
        assert_eq!(answer.is_scim_error(401), none.json(), "{authorization}");
        if !challenge.is_empty() {
            assert_eq!(answer.header("www-authenticate"), challenge);
        }
    }
    let good = format!("authorization: Bearer {TOKEN}\r\n");
    raw(&format!("{good}{good}")).is_scim_error(400);
    raw(&format!("{good}Authorization: Bearer another-token-0123\r\n")).is_scim_error(400);
    raw(&format!("authorization: Bearer {TOKEN}, Bearer {TOKEN}\r\n")).is_scim_error(400);
    assert!(upstream.take().is_empty());
    // The scheme's letter case is free (RFC 9110 §11.1).
    assert_eq!(raw(&format!("authorization: bEARER {TOKEN}\r\n")).status(), 200);
    upstream.one();

    let log = gateway.stop();
    assert!(log.contains(r#""reason":"unknown_token""#), "{log}");
    assert!(!log.contains(TOKEN) && !log.contains("wrong-token"), "{log}");
}

#[test]
fn an_early_body_does_not_carry_a_request_past_the_gate() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let body = format!("{{\"userName\": \"{}\"}}", "x".repeat(200_000));
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nhost: a\r\ncontent-type: application/scim+json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    gateway.send_raw(&[head.as_bytes(), body.as_bytes()].concat()).is_scim_error(401);
    // The body first comes when the answer is there.
    let mut stream = http::connect(gateway.address);
    stream.write_all(head.as_bytes()).unwrap();
    http::read(&mut stream).unwrap().is_scim_error(401);
    drop(stream.write_all(body.as_bytes()));
    let chunked = "POST /scim/v2/Users HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                   2\r\n{}\r\n0\r\n\r\n";
    gateway.send_raw(chunked.as_bytes()).is_scim_error(401);
    gateway.stop();
    assert!(upstream.take().is_empty());
}

#[test]
fn the_upstream_believes_the_gateway_alone() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let spoofed = "X-SCIM-Client: root\r\nx_scim_client: root\r\nX_Scim-Client: root\r\n\
                   x-scim-client: root\r\nx-scim-client: again\r\nx.scim.client: root\r\n\
                   Cookie: session=root\r\nX-HTTP-Method-Override: DELETE\r\n\
                   x_http_method: DELETE\r\nX-Method-Override: DELETE\r\n\
                   X-Original-URL: /admin\r\nx-rewrite_url: /admin\r\nRemote-User: root\r\n\
                   X-Forwarded-User: root\r\nX-Forwarded-Host: evil.example\r\n\
                   Forwarded: host=evil.example\r\nx-envoy-retry-on: 5xx\r\n\
                   accept-encoding: gzip\r\naccept: text/html\r\nif-match: W/\"1\"\r\n";
    assert_eq!(gateway.send("GET /scim/v2/Users/7", spoofed, "").status(), 200);
    let seen = upstream.one();
    assert_eq!(seen.start, "GET /base/v2/Users/7 HTTP/1.1");
    assert_eq!(seen.header("x-scim-client"), "default");
    assert_eq!(seen.header("authorization"), format!("Bearer {UPSTREAM_TOKEN}"));
    assert_eq!(seen.header("host"), upstream.address.to_string());
    assert_eq!(seen.header("x-forwarded-host"), gateway.address.to_string());
    assert_eq!(seen.header("accept"), "application/scim+json");
    // What a condition rests on is the client's to say.
    assert_eq!(seen.header("if-match"), "W/\"1\"");
    let text = format!(
        "{:?}",
        seen.headers.iter().map(|(n, v)| (n, String::from_utf8_lossy(v))).collect::<Vec<_>>()
    );
    for gone in ["root", "DELETE", "admin", "evil", "gzip", "again", "5xx", TOKEN] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
}

#[test]
fn a_header_that_is_not_utf_8_neither_hurts_nor_stops() {
    let upstream = Upstream::start();
    let Some(gateway) = gateway::start(upstream.address) else { return };
    for body in ["", "{\"userName\": \"ada\"}"] {
        let line = if body.is_empty() { "GET /scim/v2/Users" } else { "POST /scim/v2/Users" };
        let mut request = gateway.request(line, "x-name: caf@\r\nuser-agent: @@\r\n", body);
        let marks = request.iter_mut().filter(|byte| **byte == b'@');
        marks.for_each(|byte| *byte = 0xe9);
        assert_eq!(gateway.send_raw(&request).status(), 200);
        let seen = upstream.one();
        assert!(seen.headers.contains(&("x-name".into(), b"caf\xe9".to_vec())));
    }
    // Where it matters, it is no credential and no media type; in a name Envoy refuses it.
    let odd = |name: &str| {
        let text = format!("POST /scim/v2/Users HTTP/1.1\r\nhost: a\r\n{name}: \x01\r\n");
        let text = text + "connection: close\r\ncontent-length: 2\r\n\r\n{}";
        text.into_bytes().into_iter().map(|b| if b == 1 { 0xff } else { b }).collect::<Vec<_>>()
    };
    gateway.send_raw(&odd("authorization")).is_scim_error(401);
    let mut name = gateway.request("GET /scim/v2/Users", "x-caf@: 1\r\n", "");
    name.iter_mut().filter(|byte| **byte == b'@').for_each(|byte| *byte = 0xe9);
    assert_eq!(gateway.send_raw(&name).status(), 400);
    assert_eq!(gateway.send("GET /scim/v2/Users", "", "").status(), 200);
    assert!(!gateway.stop().contains("panicked"));
}
