//! Filters and pages over applications that have few of them.

use scim_core::upstream::Bounds;
use serde_json::{Value, json};

use crate::entry::{World, id, world};

const PROFILES: [&str; 4] = ["rfc", "bitwarden", "openproject", "authentik-source"];

fn filled(profile: &str, users: usize) -> World {
    let world = world(profile);
    for number in 1..=users {
        world.user(&format!("user{number:03}"));
    }
    world
}

fn list(world: &World, query: &str) -> Value {
    world.done("rfc", &format!("GET /Users?{query}"), &Value::Null)
}

/// BW-13: filters that the application lacks find the same users everywhere.
#[test]
fn every_filter_works_over_every_application() {
    for profile in PROFILES {
        let world = filled(profile, 25);
        let first = id(&list(&world, "count=1")["Resources"][0]);
        for (filter, found) in [
            ("userName eq \"user007@mill.example\"", 1),
            ("userName eq \"user007\"", 0),
            ("userName eq \"nobody@mill.example\"", 0),
            ("externalId eq \"ext-user007\"", 1),
            ("externalId eq \"EXT-user007\"", 0),
            ("emails.value eq \"user007@mill.example\"", 1),
            ("emails[type eq \"work\"].value eq \"user007@mill.example\"", 1),
            ("emails[type eq \"work\" and value sw \"user00\"]", 9),
            ("emails[type eq \"home\" and value sw \"user00\"]", 0),
            ("userName sw \"user01\"", 10),
            ("userName sw \"user01\" and active eq true", 10),
            ("userName sw \"user01\" and externalId eq \"ext-user012\"", 1),
            ("not (userName sw \"user0\")", 0),
            ("externalId eq \"ext-user001\" or externalId eq \"ext-user002\"", 2),
            ("externalId pr", 25),
            ("active eq false", 0),
            (&format!("id eq \"{first}\""), 1),
            (&format!("id eq \"{first}\" and userName co \"@\""), 1),
            ("id eq \"none\"", 0),
        ] {
            // A complete server gets them as they are (vectors/upstream/rfc); its stub reads no
            // brackets.
            if profile == "rfc" && ["[", "not", " or "].iter().any(|part| filter.contains(part)) {
                continue;
            }
            let page =
                list(&world, &format!("filter={}", filter.replace(' ', "%20").replace('"', "%22")));
            assert_eq!(page["totalResults"], found, "{profile}: {filter}");
        }
        let bad = world.send("rfc", "GET /Users?filter=nonsense", &Value::Null);
        assert_eq!((bad.status, &bad.body.unwrap()["scimType"]), (400, &json!("invalidFilter")));
    }
}

/// pages are what the client asked for, whatever the application's own are.
#[test]
fn pages_are_cut_as_asked() {
    for profile in PROFILES {
        let world = filled(profile, 45);
        let all = list(&world, "count=100");
        assert_eq!(all["Resources"].as_array().map(Vec::len), Some(45), "{profile}");
        for (start, count, seen) in [
            (1, 20, 20),
            (1, 0, 0),
            (21, 20, 20),
            (15, 10, 10),
            (41, 20, 5),
            (45, 1, 1),
            (46, 5, 0),
            (500, 5, 0),
            (0, 3, 3),
        ] {
            let page = list(&world, &format!("startIndex={start}&count={count}"));
            let from = usize::try_from(start).unwrap().max(1) - 1;
            let wanted: Vec<&Value> =
                all["Resources"].as_array().unwrap().iter().skip(from).take(seen).collect();
            let got: Vec<&Value> = page["Resources"].as_array().unwrap().iter().collect();
            assert_eq!(got, wanted, "{profile}: {start}, {count}");
            assert_eq!(page["totalResults"], 45, "{profile}: {start}, {count}");
        }
        let bad = world.send("rfc", "GET /Users?count=many", &Value::Null);
        assert_eq!(bad.status, 400);
    }
}

/// AK-19: a client that pages without `count` comes to the end.
#[test]
fn discovery_without_count_comes_to_the_end() {
    for profile in PROFILES {
        let world = filled(profile, 230);
        let mut seen = 0;
        loop {
            let page = list(&world, &format!("startIndex={}", seen + 1));
            let new = page["Resources"].as_array().map_or(0, Vec::len);
            seen += new;
            if page["totalResults"].as_u64() == Some(seen as u64) {
                break;
            }
            assert!(new > 0, "{profile}: an empty page while more is promised");
        }
        assert_eq!(seen, 230);
    }
}

#[test]
fn a_scan_is_bounded() {
    let mut world = filled("bitwarden", 60);
    world.gateway.bounds = Bounds { scan_resources: 50, ..Bounds::default() };
    let answer = world.send("rfc", "GET /Users?filter=active%20eq%20true", &Value::Null);
    assert_eq!((answer.status, &answer.body.unwrap()["scimType"]), (400, &json!("tooMany")));
    assert_eq!(world.calls.get(), 1);
    let mut world = filled("authentik-source", 60);
    world.gateway.bounds = Bounds { calls: 2, ..Bounds::default() };
    let answer = world.send("rfc", "GET /Users?filter=emails.value%20pr", &Value::Null);
    assert_eq!(answer.body.unwrap()["scimType"], "tooMany");
}

/// Bitwarden does not tell members: no answer may say that there are none.
#[test]
fn what_an_application_does_not_tell_is_not_made_up() {
    let world = world("bitwarden");
    let user = world.user("ada");
    let group = world.group("staff", &[&user]);
    let shown = world.done("rfc", &format!("GET /Groups/{group}"), &Value::Null);
    assert!(shown.get("members").is_none());
    let filter = format!("id%20eq%20%22{group}%22%20and%20members%20eq%20%22{user}%22");
    let answer = world.send("entra", &format!("GET /Groups?filter={filter}"), &Value::Null);
    assert_eq!(answer.status, 400);
}

#[test]
fn attributes_are_cut_where_the_application_does_not() {
    for profile in PROFILES {
        let world = filled(profile, 1);
        let page = list(&world, "attributes=userName");
        let user = &page["Resources"][0];
        assert_eq!(user["userName"], "user001@mill.example", "{profile}");
        assert!(user.get("emails").is_none() && user.get("id").is_some(), "{profile}: {user}");
        let page = list(&world, "excludedAttributes=emails");
        assert!(page["Resources"][0].get("emails").is_none(), "{profile}");
        assert!(page["Resources"][0].get("userName").is_some(), "{profile}");
        let search = json!({"filter": "userName sw \"user\"", "attributes": ["id"]});
        let found = world.done("rfc", "POST /Users/.search", &search);
        assert_eq!(found["totalResults"], 1, "{profile}");
    }
}

/// AK-13 (A2): what a client reads first is complete, whatever the application has.
#[test]
fn discovery_documents_are_complete() {
    for profile in PROFILES {
        let world = world(profile);
        let config = world.done("authentik", "GET /ServiceProviderConfig", &Value::Null);
        for name in ["patch", "filter", "bulk"] {
            assert_eq!(config[name]["supported"], true, "{profile}: {name}");
        }
        assert!(
            config["bulk"]["maxOperations"].is_u64() && config["bulk"]["maxPayloadSize"].is_u64()
        );
        assert!(config["authenticationSchemes"][0]["description"].is_string());
        assert_eq!(config["etag"]["supported"], profile == "rfc");
        let types = world.done("rfc", "GET /ResourceTypes", &Value::Null);
        assert_eq!(types["totalResults"], 2, "{profile}");
        let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
        let schema = world.done("rfc", &format!("GET /Schemas/{schema}"), &Value::Null);
        assert_eq!(schema["name"], "User");
        assert_eq!(world.send("rfc", "GET /Schemas/urn:none", &Value::Null).status, 404);
    }
}
