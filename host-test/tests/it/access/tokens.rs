//! Static tokens (OP-06 to OP-11, VG-02, VG-03, VG-16).

use serde_json::{Value, json};

use super::World;
use crate::client::Client;

const TOKENS: &str = "/tenants/default/clients/okta/tokens";
const DAY_S: u64 = 86_400;

fn status(client: &Client, token: &Value) -> u16 {
    client.with_token(token["token"].as_str()).send("GET", "/Users", &[], None).status
}

/// A time so many days ago.
fn days_ago(days: u64) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    scim_core::protocol::datetime::format_ms((now - days * DAY_S) * 1000)
}

#[track_caller]
fn state<'a>(list: &'a Value, token: &Value) -> &'a Value {
    let tokens = list["tokens"].as_array().unwrap();
    &tokens.iter().find(|known| known["id"] == token["id"]).unwrap()["state"]
}

/// OP-06, VG-02: a token is shown once; what is kept is its hash.
#[test]
fn a_token_is_shown_once() {
    let world = World::start(&json!({}));
    let (client, made) = world.client("default", "okta", &json!({}));
    assert_eq!(client.send("GET", "/Users", &[], None).status, 200);
    let token = made["token"].as_str().unwrap();
    // Behind the prefix and the public id; either may hold an underscore.
    let secret = &token[18..61];
    for path in ["/tenants/default/clients", "/tenants/default/clients/okta", TOKENS] {
        let shown = world.ask("GET", path, None).to_string();
        assert!(!shown.contains(secret) && !shown.contains("sha256"), "{path}: {shown}");
    }
    let log = world.ask("GET", "/tenants/default/log", None).to_string();
    assert!(!log.contains(secret), "{log}");
}

/// OP-07, OP-08, OP-11: a year, less a day and a day more; the list tells the states apart.
#[test]
fn a_token_is_valid_for_a_year() {
    let world = World::start(&json!({}));
    let (client, made) = world.client("default", "okta", &json!({}));
    let young = world.ask("POST", TOKENS, Some(&json!({"issued": days_ago(364)})));
    let old = world.ask("POST", TOKENS, Some(&json!({"issued": days_ago(366)})));
    assert_eq!((status(&client, &young), status(&client, &old)), (200, 401));
    let refused = client.with_token(old["token"].as_str()).send("GET", "/Users", &[], None);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("invalid_token"), "{challenge}");
    let revoked = format!("{TOKENS}/{}", made["token_id"].as_str().unwrap());
    world.ask("DELETE", &revoked, None);
    let list = world.ask("GET", TOKENS, None);
    assert_eq!(state(&list, &young), "active");
    assert_eq!(state(&list, &old), "expired");
    assert_eq!(state(&list, &json!({"id": made["token_id"]})), "revoked");
    for over in [revoked, format!("{TOKENS}/{}", old["id"].as_str().unwrap())] {
        assert_eq!(world.admin().send("DELETE", &over, &[], None).status, 409, "{over}");
    }
    let future =
        world.admin().send("POST", TOKENS, &[], Some(&json!({"issued": "2999-01-01T00:00:00Z"})));
    assert_eq!(future.status, 400, "{}", future.text);
    let log = world.stop();
    assert!(log.contains("\"reason\":\"token_expired\""), "{log}");
}

/// OP-09, OP-10: tokens live and die each for itself.
#[test]
fn a_further_token_works_until_it_is_revoked() {
    let world = World::start(&json!({}));
    let (client, made) = world.client("default", "okta", &json!({}));
    let further = world.ask("POST", TOKENS, Some(&json!({})));
    assert_eq!((status(&client, &made), status(&client, &further)), (200, 200));
    world.ask("DELETE", &format!("{TOKENS}/{}", further["id"].as_str().unwrap()), None);
    assert_eq!((status(&client, &made), status(&client, &further)), (200, 401));
}

/// VG-03, VG-16: by default the old key is dead at once; an overlap is asked for.
#[test]
fn a_token_is_rotated() {
    let world = World::start(&json!({}));
    let (client, first) = world.client("default", "okta", &json!({}));
    let rotate = "/tenants/default/clients/okta/rotate";
    let second = world.ask("POST", rotate, Some(&json!({})));
    assert_eq!((status(&client, &first), status(&client, &second)), (401, 200));
    let third = world.ask("POST", rotate, Some(&json!({"overlap_seconds": 3600})));
    assert_eq!((status(&client, &second), status(&client, &third)), (200, 200));
    let fourth = world.ask("POST", rotate, Some(&json!({"overlap_seconds": 0})));
    assert_eq!((status(&client, &second), status(&client, &third)), (401, 401));
    assert_eq!(status(&client, &fourth), 200);
}

/// A GET writes nothing; the day of use is written by the next change.
#[test]
fn the_last_use_is_carried_by_the_next_write() {
    let world = World::start(&json!({}));
    let (client, made) = world.client("default", "okta", &json!({}));
    let used = |world: &World| world.ask("GET", TOKENS, None)["tokens"][0]["last_used"].clone();
    assert_eq!(client.send("GET", "/Users", &[], None).status, 200);
    assert_eq!(used(&world), Value::Null);
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "a"});
    assert_eq!(client.send("POST", "/Users", &[], Some(&body)).status, 201);
    assert_eq!(used(&world), days_ago(0)[..10].to_owned(), "{made}");
}
