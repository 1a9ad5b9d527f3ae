//! Tokens of an identity provider whose keys the gateway fetches.

use core::time::Duration;
use std::io::Write;
use std::process::Command;
use std::thread;

use super::attacks::{audit, now_s, send, start};
use super::gateway::{self, Gateway};
use super::issuer::Issuer;
use super::upstream::Upstream;
use super::{forge, http};

fn bearer(issuer: &Issuer, key_id: &str, number: u8) -> String {
    format!("Bearer {}", forge::token(key_id, number, &forge::claims(&issuer.url(), now_s())))
}

/// Tries until the gateway answers with `status`.
#[track_caller]
fn until(gateway: &Gateway, authorization: &str, status: u16) {
    let mut last = 0;
    for _ in 0..100 {
        last = send(gateway, authorization.as_bytes()).status();
        if last == status {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{last} instead of {status}");
}

#[test]
fn keys_are_discovered_and_fetched_once_for_all_workers() {
    let (upstream, issuer) = (Upstream::start(), Issuer::start("first", 1));
    let Some(gateway) = start(&issuer.configuration(), &upstream) else { return };
    for _ in 0..20 {
        let answer = send(&gateway, bearer(&issuer, "first", 1).as_bytes());
        assert_eq!(answer.status(), 200);
        let seen = upstream.one();
        assert_eq!(seen.header("x-scim-client"), "jwt");
        assert!(!seen.header("authorization").contains("ey"), "the token is for the gateway alone");
    }
    assert_eq!(issuer.called(), ["/.well-known/openid-configuration", "/keys"]);
    // A static token works beside them.
    assert_eq!(gateway.send("GET /scim/v2/Users", "", "").status(), 200);
    assert_eq!(upstream.one().header("x-scim-client"), "default");
    // One that is used again is not verified again, and dies by its time all the same.
    let mut claims = forge::claims(&issuer.url(), now_s());
    claims["exp"] = (now_s() - 57).into();
    let short = format!("Bearer {}", forge::token("first", 1, &claims));
    assert_eq!(send(&gateway, short.as_bytes()).status(), 200);
    until(&gateway, &short, 401);
}

#[test]
fn a_new_key_is_found_and_an_old_one_dies() {
    let (upstream, issuer) = (Upstream::start(), Issuer::start("first", 1));
    let Some(gateway) = start(&issuer.configuration(), &upstream) else { return };
    let old = bearer(&issuer, "first", 1);
    assert_eq!(send(&gateway, old.as_bytes()).status(), 200);
    issuer.rotate("second", 2);
    thread::sleep(Duration::from_millis(2100));
    // The request waits for the keys, and passes.
    assert_eq!(send(&gateway, bearer(&issuer, "second", 2).as_bytes()).status(), 200);
    // Every worker has forgotten what the old key signed.
    thread::sleep(Duration::from_millis(1100));
    for _ in 0..8 {
        let answer = send(&gateway, old.as_bytes());
        answer.is_scim_error(401);
    }
    // Key ids that nobody has do not make the gateway call for each of them.
    let before = issuer.called().len();
    for number in 0..50 {
        let unknown = bearer(&issuer, &format!("unknown-{number}"), 2);
        send(&gateway, unknown.as_bytes()).is_scim_error(401);
    }
    let calls = issuer.called().len() - before;
    assert!(calls <= 20, "{calls}");
    assert!(!gateway.stop().contains("panicked"));
}

#[test]
fn while_the_provider_is_away_nothing_passes_unseen_and_known_keys_count() {
    let (upstream, issuer) = (Upstream::start(), Issuer::start("first", 1));
    issuer.answer(503, Duration::ZERO);
    let Some(gateway) = start(&issuer.configuration(), &upstream) else { return };
    let answer = send(&gateway, bearer(&issuer, "first", 1).as_bytes());
    answer.is_scim_error(503);
    assert_eq!(answer.header("retry-after"), "5");
    assert!(upstream.take().is_empty());
    issuer.answer(200, Duration::ZERO);
    until(&gateway, &bearer(&issuer, "first", 1), 200);
    issuer.answer(503, Duration::ZERO);
    // An unknown key makes it call in vain; the known one verifies tokens that were never seen.
    thread::sleep(Duration::from_millis(1100));
    let unknown = send(&gateway, bearer(&issuer, "second", 2).as_bytes());
    assert!([401, 503].contains(&unknown.status()), "{unknown:?}");
    let mut claims = forge::claims(&issuer.url(), now_s());
    claims["jti"] = "never seen".into();
    let fresh = format!("Bearer {}", forge::token("first", 1, &claims));
    assert_eq!(send(&gateway, fresh.as_bytes()).status(), 200);
}

#[test]
fn a_request_waits_whole_until_its_sender_is_known() {
    const BODY: &str = r#"{"userName": "ada", "active": "False"}"#;
    let (upstream, issuer) = (Upstream::start(), Issuer::start("first", 1));
    issuer.answer(200, Duration::from_millis(1500));
    let Some(gateway) = start(&issuer.configuration(), &upstream) else { return };
    let request = |authorization: &str| {
        let head = format!(
            "POST /scim/v2/Users HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             authorization: {authorization}\r\ncontent-type: application/scim+json\r\n\
             content-length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        let mut stream = http::connect(gateway.address);
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let good = bearer(&issuer, "first", 1);
    let (mut good, mut bad) = (request(&good), request(&bearer(&issuer, "first", 3)));
    // By HTTP/2, with trailers: then no callback sees the end of the body.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), BODY).unwrap();
    let forged = format!("-Hauthorization: {}", bearer(&issuer, "first", 3));
    let trailers = Command::new("nghttp")
        .args(["-v", "-H:method: POST", "-Hcontent-type: application/scim+json", "--trailer=a: b"])
        .args([&forged, &format!("-d{}", file.path().display())])
        .arg(format!("http://{}/scim/v2/Users", gateway.address))
        .output();
    assert!(upstream.take().len() <= 1, "only the good one");
    let answer = http::read(&mut good).unwrap();
    assert_eq!(answer.status(), 200, "{answer:?}");
    http::read(&mut bad).unwrap().is_scim_error(401);
    match trailers {
        Ok(output) => {
            let printed = String::from_utf8_lossy(&output.stdout);
            assert!(printed.contains(":status: 401"), "{printed}");
        }
        Err(_) => gateway::skip("nghttp"),
    }
    let log = gateway.stop();
    let reasons: Vec<String> =
        audit(&log).values().map(|line| line["reason"].as_str().unwrap_or("").into()).collect();
    assert!(reasons.iter().filter(|reason| *reason == "passed").count() <= 1, "{log}");
    assert!(reasons.contains(&"jwt_signature".to_string()), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
