//! SCIM clients: how they are made, and what they may do (OP-03 to OP-05, OP-13, OP-18, OP-23,
//! OP-24, OP-26, VG-12).

use serde_json::{Value, json};

use super::{World, user};
use crate::client::Client;

const CLIENTS: &str = "/tenants/default/clients";

#[track_caller]
fn refused(world: &World, method: &str, path: &str, body: &Value, status: u16) {
    let answer = world.admin().send(method, path, &[], Some(body));
    assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
}

/// OP-04, OP-05, OP-18, OP-23: a client needs a name, a provider that exists, and a method.
#[test]
fn a_client_is_made_of_name_provider_and_method() {
    let world = World::start(&json!({}));
    let make = |body: &Value| world.ask("POST", CLIENTS, Some(body));
    refused(&world, "POST", CLIENTS, &json!({"provider": "p", "method": "static"}), 400);
    refused(&world, "POST", CLIENTS, &json!({"name": "a", "method": "static"}), 400);
    let good = json!({"name": "a", "provider": "saml", "method": "static"});
    refused(&world, "POST", CLIENTS, &good, 400);
    let providers = "/tenants/default/providers";
    world.ask("POST", providers, Some(&json!({"name": "saml", "kind": "saml"})));
    let oidc = json!({"name": "oidc", "kind": "oidc", "issuer": "https://login.example",
        "client_id": "scim-edge"});
    world.ask("POST", providers, Some(&oidc));
    make(&good);
    refused(&world, "POST", CLIENTS, &good, 409);
    let jwt = |name: &str, provider: &str| json!({"name": name, "provider": provider, "method": "jwt", "subject": "s-1"});
    refused(&world, "POST", CLIENTS, &jwt("b", "saml"), 400);
    make(&jwt("b", "oidc"));
    refused(&world, "POST", CLIENTS, &jwt("c", "oidc"), 409);
    let list = world.ask("GET", CLIENTS, None);
    let names: Vec<_> = list["clients"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["default", "a", "b"]);

    let edit = json!({"name": "renamed", "provider": "oidc"});
    let edited = world.ask("PATCH", &format!("{CLIENTS}/a"), Some(&edit));
    assert_eq!((&edited["name"], &edited["provider"]), (&json!("renamed"), &json!("oidc")));
    refused(&world, "PATCH", &format!("{CLIENTS}/renamed"), &json!({"method": "oauth"}), 400);
    refused(&world, "PATCH", &format!("{CLIENTS}/default"), &json!({"dialect": "okta"}), 409);
    let gone = world.admin().send("DELETE", "/tenants/default/providers/oidc", &[], None);
    assert_eq!(gone.status, 409, "{}", gone.text);
}

/// OP-13: what the scopes do not permit is 403 with a challenge, also within a Bulk request.
#[test]
fn scopes_are_enforced() {
    let world = World::start(&json!({}));
    let (client, _) = world.client("default", "a", &json!({"scopes": ["read", "write:Users"]}));
    let id = user(&client, "ada");
    assert_eq!(client.send("GET", "/Groups", &[], None).status, 200);
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "g"});
    let answer = client.send("POST", "/Groups", &[], Some(&group));
    assert_eq!(answer.status, 403, "{}", answer.text);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "POST", "path": "/Groups", "bulkId": "g", "data": group},
            {"method": "DELETE", "path": format!("/Users/{id}")}]});
    let answer = client.send("POST", "/Bulk", &[], Some(&bulk));
    let statuses =
        [&answer.body["Operations"][0]["status"], &answer.body["Operations"][1]["status"]];
    assert_eq!(statuses, ["403", "204"], "{}", answer.text);

    let (writer, _) = world.client("default", "b", &json!({"scopes": ["write"]}));
    assert_eq!(writer.send("GET", "/Users", &[], None).status, 403);
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]});
    assert_eq!(writer.send("POST", "/Users/.search", &[], Some(&search)).status, 403);
    assert_eq!(writer.send("GET", "/ServiceProviderConfig", &[], None).status, 200);
}

/// OP-03, VG-07: a deletion deletes, deactivates, or is refused.
#[test]
fn a_deletion_means_what_the_policy_says() {
    let world = World::start(&json!({}));
    let (allowed, _) = world.client("default", "a", &json!({}));
    let (refused, _) = world.client("default", "b", &json!({"delete": "refuse"}));
    let (careful, _) = world.client("default", "c", &json!({"delete": "deactivate"}));
    let path = format!("/Users/{}", user(&allowed, "ada"));
    let answer = refused.send("DELETE", &path, &[], None);
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(answer.body["status"], "403");
    assert_eq!(careful.send("DELETE", &path, &[], None).status, 204);
    let shown = careful.send("GET", &path, &[], None);
    assert_eq!((shown.status, &shown.body["active"]), (200, &json!(false)));
    assert_eq!(allowed.send("DELETE", &path, &[], None).status, 204);
    assert_eq!(allowed.send("GET", &path, &[], None).status, 404);
}

/// OP-24: the configuration's clients are there however often it is applied, and stay as they are.
#[test]
fn the_configuration_is_applied_again_and_again() {
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let config = json!({"clients": [{"name": "abc", "tokens": [{"sha256": hash}]}]});
    let world = World::start(&config);
    let before = world.ask("GET", CLIENTS, None);
    let again = World::start(&config);
    let comparable = |value: &Value, root: &str| value.to_string().replace(root, "");
    let after = again.ask("GET", CLIENTS, None);
    assert_eq!(comparable(&before, &world.root()), comparable(&after, &again.root()));
    let client = Client::new(&format!("{}/scim/v2", again.root()), Some("abc"));
    assert_eq!(client.send("GET", "/Users", &[], None).status, 200);
}

/// OP-26: an externalId is its provider's: two clients may give the same one.
#[test]
fn an_external_id_belongs_to_a_provider() {
    let world = World::start(&json!({}));
    let (first, _) = world.client("default", "a", &json!({}));
    let (second, _) = world.client("default", "b", &json!({}));
    user(&first, "ada");
    let filter = "/Users?filter=externalId%20eq%20%22ada%22";
    assert_eq!(first.send("GET", filter, &[], None).body["totalResults"], 1);
    assert_eq!(second.send("GET", filter, &[], None).body["totalResults"], 0);
}

/// VG-12: a client that still manages resources is not removed by accident.
#[test]
fn a_client_that_manages_resources_stays() {
    let world = World::start(&json!({}));
    let (client, _) = world.client("default", "a", &json!({}));
    user(&client, "ada");
    let refused = world.admin().send("DELETE", &format!("{CLIENTS}/a"), &[], None);
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(refused.body["resources"]["User"]["count"], 1);
    assert_eq!(client.send("GET", "/Users", &[], None).status, 200);
    world.ask("DELETE", &format!("{CLIENTS}/a?force=true"), None);
    assert_eq!(client.send("GET", "/Users", &[], None).status, 401);
    let (unused, _) = world.client("default", "b", &json!({}));
    world.ask("DELETE", &format!("{CLIENTS}/b"), None);
    assert_eq!(unused.send("GET", "/Users", &[], None).status, 401);
}

/// A service that is switched off says so to those it knows.
#[test]
fn scim_is_switched_off() {
    let world = World::start(&json!({"enabled": false}));
    let answer = world.service.client().send("GET", "/Users", &[], None);
    assert_eq!((answer.status, &answer.body["status"]), (403, &json!("403")));
    let nobody = world.service.client().with_token(None);
    assert_eq!(nobody.send("GET", "/Users", &[], None).status, 401);
}

/// AK-05: above its rate limit a client is told when to come back; others are not touched.
#[test]
fn a_rate_limit_is_kept() {
    let world = World::start(&json!({}));
    let limit = json!({"rate_limit": {"requests": 5, "seconds": 1_000_000}});
    let (client, _) = world.client("default", "a", &limit);
    let statuses: Vec<u16> =
        (0..7).map(|_| client.send("GET", "/Users", &[], None).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
    let answer = client.send("GET", "/Users", &[], None);
    assert_eq!(answer.body["status"], "429");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=1_000_000).contains(&wait));
    assert_eq!(world.service.client().send("GET", "/Users", &[], None).status, 200);
}
