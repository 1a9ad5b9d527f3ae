//! Keys are fetched as their issuer says, and from nowhere else.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::cell::RefCell;

use serde_json::{Value, json};

use super::{FetchError, fetch};
use crate::auth::{Issuer, Providers};
use crate::port::Http;
use crate::port::http::{Call, NoReply, Reply};

const KEYS: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, {"kty": "AKP", "kid": "2"}]}"#;

/// A world of servers: replies by address. What is called is kept.
struct World {
    replies: Vec<(String, Reply)>,
    called: RefCell<Vec<String>>,
}

impl Http for World {
    async fn send(&self, call: Call, seconds: u64, _bytes: usize) -> Result<Reply, NoReply> {
        assert_eq!((call.method, seconds), ("GET", 5));
        let scheme = if call.secure { "https" } else { "http" };
        let url = format!("{scheme}://{}{}", call.authority, call.path);
        self.called.borrow_mut().push(url.clone());
        let reply = self.replies.iter().find(|(known, _)| *known == url);
        reply.map(|(_, reply)| reply.clone()).ok_or(NoReply)
    }
}

fn reply(status: u16, body: &str) -> Reply {
    let headers = vec![("cache-control".into(), "public, max-age=600".into())];
    Reply { status, headers, body: body.into() }
}

fn issuer(extra: &Value) -> Issuer {
    let mut provider = json!({"name": "a", "kind": "oidc", "issuer": "https://login.example/a",
                              "client_id": "b"});
    for (name, value) in extra.as_object().unwrap() {
        provider[name] = value.clone();
    }
    let providers = Providers::from_json(&json!([provider])).unwrap();
    providers.all()[0].issuer.clone().unwrap()
}

fn outcome(extra: &Value, replies: &[(&str, Reply)]) -> (Result<u64, FetchError>, String) {
    let replies = replies.iter().map(|(url, reply)| (url.to_string(), reply.clone())).collect();
    let world = World { replies, called: RefCell::default() };
    let found = pollster::block_on(fetch(&world, &issuer(extra)));
    let found = found.map(|found| {
        found.map_or(0, |(keys, age)| {
            assert_eq!(keys.len(), 1);
            age.unwrap()
        })
    });
    (found, world.called.into_inner().join(" "))
}

const METADATA: &str = "https://login.example/a/.well-known/openid-configuration";

fn metadata(issuer: &str, jwks_uri: &str) -> Reply {
    reply(200, &json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string())
}

#[test]
fn keys_are_discovered_from_the_issuer() {
    let uri = "https://login.example/a/certs";
    let replies = [(METADATA, metadata("https://login.example/a", uri)), (uri, reply(200, KEYS))];
    assert_eq!(outcome(&json!({}), &replies), (Ok(600), format!("{METADATA} {uri}")));
    let (found, called) = outcome(&json!({"jwks_uri": uri}), &replies);
    assert_eq!((found, &*called), (Ok(600), uri));
    let keys: Value = serde_json::from_str(KEYS).unwrap();
    assert_eq!(outcome(&json!({"jwks": keys}), &[]), (Ok(0), String::new()));
}

#[test]
fn keys_come_from_the_issuers_host_or_an_allowed_one() {
    for uri in ["https://evil.example/certs", "https://login.example:8443/certs"] {
        let replies =
            [(METADATA, metadata("https://login.example/a", uri)), (uri, reply(200, KEYS))];
        let (found, called) = outcome(&json!({}), &replies);
        assert_eq!((found, &*called), (Err(FetchError::Address), METADATA));
        let host = uri.strip_prefix("https://").unwrap().strip_suffix("/certs").unwrap();
        let (found, _) = outcome(&json!({"allowed_hosts": [host]}), &replies);
        assert_eq!(found, Ok(600));
    }
    for uri in ["http://login.example/certs", "", "/certs", "https://login.example@evil.example/"] {
        let replies = [(METADATA, metadata("https://login.example/a", uri))];
        assert_eq!(outcome(&json!({}), &replies).0, Err(FetchError::Address), "{uri}");
    }
}

#[test]
fn answers_that_are_not_as_they_must_be_bring_no_keys() {
    let uri = "https://login.example/certs";
    let extra = json!({ "jwks_uri": uri });
    let large = format!("{}{KEYS}", " ".repeat(64 * 1024));
    for (answer, error) in [
        (reply(503, KEYS), FetchError::Status),
        (reply(302, KEYS), FetchError::Status),
        (reply(204, ""), FetchError::Status),
        (reply(200, &large), FetchError::Size),
        (reply(200, "<html>"), FetchError::Keys),
        (reply(200, r#"{"keys": []}"#), FetchError::Keys),
    ] {
        assert_eq!(outcome(&extra, &[(uri, answer)]).0, Err(error));
    }
    assert_eq!(outcome(&extra, &[]).0, Err(FetchError::NoReply));
    for answer in [metadata("https://login.example", uri), reply(200, "[]"), reply(200, "{}")] {
        let replies = [(METADATA, answer), (uri, reply(200, KEYS))];
        assert_eq!(
            outcome(&json!({}), &replies),
            (Err(FetchError::Metadata), METADATA.to_string())
        );
    }
}
