//! Requests that are refused: a SCIM error each, and nothing else happens.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::client::{Answer, Client};
use crate::harness::shared;

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

#[track_caller]
fn assert_error(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/scim+json"));
    assert_eq!(answer.header("content-length"), Some(answer.text.len().to_string().as_str()));
    assert_eq!(answer.body["schemas"], json!([ERROR]));
    assert_eq!(answer.body["status"], status.to_string());
    assert!(answer.body["detail"].is_string());
}

#[test]
fn alive_is_open() {
    let root = format!("http://{}", shared().authority());
    let answer = Client::new(&root, None).send("GET", "/alive", &[], None);
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn a_missing_or_wrong_token_is_401_with_a_challenge() {
    for token in [None, Some("a-token-that-nobody-was-given")] {
        let client = shared().client().with_token(token);
        for path in ["/Users", "/Groups/1", "/ServiceProviderConfig"] {
            let answer = client.send("GET", path, &[], None);
            if path == "/ServiceProviderConfig" && answer.status == 200 {
                continue;
            }
            assert_error(&answer, 401);
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        }
    }
}

#[test]
fn the_scheme_is_taken_in_any_letter_case() {
    let client = shared().client().with_token(None);
    let value = format!("bEARER {}", shared().token());
    let answer = client.send("GET", "/Users", &[("authorization", &value)], None);
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn broken_json_is_400() {
    let answer = shared().client().send_text("POST", "/Users", &[], Some("{\"userName\": "));
    assert_error(&answer, 400);
    assert_eq!(answer.body["scimType"], "invalidSyntax");
}

#[test]
fn another_media_type_is_415() {
    let headers = [("content-type", "text/plain")];
    let answer = shared().client().send_text("POST", "/Users", &headers, Some("{}"));
    assert_error(&answer, 415);
}

#[test]
fn a_body_over_one_mebibyte_is_413() {
    let client = shared().client();
    for size in [1024 * 1024 + 1, 4 * 1024 * 1024] {
        let body = format!("{{\"userName\":\"{}\"}}", "x".repeat(size - 15));
        assert_error(&client.send_text("POST", "/Users", &[], Some(&body)), 413);
    }
}

#[test]
fn unknown_paths_are_404() {
    for path in ["/Nothing", "/Users/none/of/these", "/Users/00000000-0000-0000-0000-000000000000"]
    {
        assert_error(&shared().client().send("GET", path, &[], None), 404);
    }
}

#[test]
fn a_method_that_a_path_lacks_is_405_with_allow() {
    let body = json!({});
    for (method, path) in [("PUT", "/Users"), ("POST", "/Schemas")] {
        let answer = shared().client().send(method, path, &[], Some(&body));
        assert_error(&answer, 405);
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")));
    }
}

/// Sends bytes that no client library sends.
fn raw(request: &[u8]) -> String {
    let mut stream = TcpStream::connect(shared().authority()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_header_that_is_not_utf_8_does_not_hurt() {
    let mut request = b"GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nX-Name: \xff\xfe\r\n".to_vec();
    request.extend(format!("Authorization: Bearer {}\r\n", shared().token()).bytes());
    request.extend(b"Connection: close\r\n\r\n");
    let answer = raw(&request);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_credential_that_is_not_utf_8_is_401() {
    let answer = raw(b"GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n\
        Authorization: Bearer \xff\xfe\xff\xfe\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn a_doubled_slash_is_forgiven() {
    let answer = shared().client().send("GET", "//Users", &[], None);
    assert_eq!(answer.status, 200, "{}", answer.text);
}
