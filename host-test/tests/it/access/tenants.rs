//! Tenants by path and by host (BW-01 to BW-04).

use serde_json::json;

use super::{World, outside, user};
use crate::client::Client;

/// BW-01: the key of one tenant opens no other, and who is refused learns nothing.
#[test]
fn a_key_opens_its_own_tenant_only() {
    let world = World::start(&json!({}));
    world.ask("POST", "/tenants", Some(&json!({"name": "acme"})));
    world.ask("POST", "/tenants", Some(&json!({"name": "other"})));
    let (acme, made) = world.client("acme", "okta", &json!({}));
    assert_eq!(made["base_url"], format!("{}/v2/acme", world.root()));
    let (other, _) = world.client("other", "okta", &json!({}));
    let id = user(&acme, "ada@acme.example");
    assert_eq!(other.send("GET", &format!("/Users/{id}"), &[], None).status, 404);

    let token = made["token"].as_str();
    let at = |path: &str| Client::new(&format!("{}{path}", world.root()), token);
    let wrong = Client::new(&format!("{}/v2/acme", world.root()), Some("scimedge_wrong_token"));
    let refused = outside(&wrong.send("GET", "/Users", &[], None));
    assert_eq!(refused.0, 401);
    for (name, base) in
        [("another tenant", "/v2/other"), ("no tenant", "/v2/nobody"), ("default", "/scim/v2")]
    {
        let answer = at(base).send("GET", "/Users", &[], None);
        assert_eq!(outside(&answer), refused, "{name}");
    }
    // The operator's own token is the default tenant's.
    let operator = world.service.client();
    assert_eq!(operator.send("GET", "/Users", &[], None).status, 200);
    let base = format!("{}/v2/acme", world.root());
    let answer = Client::new(&base, Some(world.service.token())).send("GET", "/Users", &[], None);
    assert_eq!(outside(&answer), refused);
}

/// BW-02: a tenant that is switched off keeps its data, and looks as if it were not there.
#[test]
fn a_tenant_is_switched_off_and_on() {
    let world = World::start(&json!({}));
    world.ask("POST", "/tenants", Some(&json!({"name": "acme"})));
    let (client, _) = world.client("acme", "okta", &json!({}));
    let id = user(&client, "ada");
    let shown = world.ask("PATCH", "/tenants/acme", Some(&json!({"enabled": false})));
    assert_eq!(shown["enabled"], false);
    let path = format!("/Users/{id}");
    let off = outside(&client.send("GET", &path, &[], None));
    let nowhere = Client::new(&format!("{}/v2/nobody", world.root()), Some("a-wrong-token-123"));
    assert_eq!(off, outside(&nowhere.send("GET", &path, &[], None)));
    world.ask("PATCH", "/tenants/acme", Some(&json!({"enabled": true})));
    assert_eq!(client.send("GET", &path, &[], None).status, 200);
}

/// Hosts name tenants by a template; a path that names another one is refused.
#[test]
fn a_host_names_a_tenant() {
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let world = World::start(&json!({
        "tenants": [{"name": "acme"}],
        "hosts": ["{tenant}.scim.example"],
        "clients": [{"name": "okta", "tenant": "acme", "tokens": [{"sha256": hash}]}],
    }));
    let client = Client::new(&format!("{}/scim/v2", world.root()), Some("abc"));
    let by_host = [("host", "acme.scim.example")];
    assert_eq!(client.send("GET", "/Users", &by_host, None).status, 200);
    let forwarded = [("x-forwarded-host", "acme.scim.example")];
    assert_eq!(client.send("GET", "/Users", &forwarded, None).status, 401);
    assert_eq!(client.send("GET", "/Users", &[], None).status, 401);
    let other = Client::new(&format!("{}/v2/other", world.root()), Some("abc"));
    assert_eq!(other.send("GET", "/Users", &by_host, None).status, 401);
    let acme = Client::new(&format!("{}/v2/acme", world.root()), Some("abc"));
    assert_eq!(acme.send("GET", "/Users", &[], None).status, 200);
}

/// BW-04: who asks whether the service runs needs no credential; nothing else is open.
#[test]
fn alive_alone_is_open() {
    let world = World::start(&json!({}));
    let nobody = Client::new(&world.root(), None);
    let answer = nobody.send("GET", "/alive", &[], None);
    assert_eq!(answer.status, 200);
    assert!(answer.body["time"].is_string());
    for path in ["/scim/v2/Users", "/v2/acme/Users", "/admin/v1/tenants", "/admin/v1/openapi.json"]
    {
        assert_eq!(nobody.send("GET", path, &[], None).status, 401, "{path}");
    }
}

/// VG-12: what still holds something is not removed by accident.
#[test]
fn a_tenant_is_removed_when_it_is_empty_or_by_force() {
    let world = World::start(&json!({}));
    world.ask("POST", "/tenants", Some(&json!({"name": "acme"})));
    let (client, _) = world.client("acme", "okta", &json!({}));
    user(&client, "ada");
    let refused = world.admin().send("DELETE", "/tenants/acme", &[], None);
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(refused.body["resources"]["User"]["count"], 1);
    assert_eq!(refused.body["clients"], json!(["okta"]));
    world.ask("DELETE", "/tenants/acme?force=true", None);
    assert_eq!(client.send("GET", "/Users", &[], None).status, 401);
    assert_eq!(world.admin().send("GET", "/tenants/acme", &[], None).status, 404);
    // The name is free again, and nothing of the old tenant is left.
    world.ask("POST", "/tenants", Some(&json!({"name": "acme"})));
    let (client, _) = world.client("acme", "okta", &json!({}));
    assert_eq!(client.send("GET", "/Users", &[], None).body["totalResults"], 0);
}
