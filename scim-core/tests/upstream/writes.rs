//! Writes that an application cannot make as they are asked for.

use scim_core::upstream::{Policy, ReactivateBy, profile::Delete};
use serde_json::{Value, json};

use crate::entry::{id, world};

const PROFILES: [&str; 4] = ["rfc", "bitwarden", "openproject", "authentik-source"];

fn patch(operations: &Value) -> Value {
    json!({"Operations": operations})
}

/// X-01, BW-10: Entra's `"False"` switches a user off, also one that is off already.
#[test]
fn entras_false_switches_off() {
    for profile in PROFILES {
        let world = world(profile);
        let user = world.user("ada");
        let line = format!("PATCH /Users/{user}");
        for (value, active) in [
            (json!({"op": "Replace", "path": "active", "value": "False"}), false),
            (json!({"op": "Replace", "path": "active", "value": "False"}), false),
            (json!({"op": "Replace", "value": {"active": "False"}}), false),
            (json!({"op": "replace", "path": "active", "value": "True"}), true),
            (json!({"op": "Add", "path": "active", "value": false}), false),
            (json!({"op": "replace", "value": {"active": true}}), true),
        ] {
            world.done("entra", &line, &patch(&json!([value])));
            assert_eq!(world.kept("active"), active, "{profile}: {value}");
            let shown = world.done("rfc", &format!("GET /Users/{user}"), &Value::Null);
            assert_eq!(shown["active"], active, "{profile}: {value}");
        }
    }
}

/// each form of taking a member out takes out that one.
#[test]
fn one_member_leaves_and_the_others_stay() {
    for profile in PROFILES {
        for (dialect, remove) in [
            (
                "okta",
                (|id: &str| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")}))
                    as fn(&str) -> Value,
            ),
            (
                "authentik",
                |id| json!({"op": "remove", "path": "members", "value": [{"value": id}]}),
            ),
            (
                "entra",
                |id| json!({"op": "Remove", "path": "members", "value": [{"$ref": null, "value": id}]}),
            ),
        ] {
            let world = world(profile);
            let users = ["ada", "bob", "cyd"].map(|name| world.user(name));
            let group = world.group("staff", &[&users[0], &users[1], &users[2]]);
            let line = format!("PATCH /Groups/{group}");
            world.done(dialect, &line, &patch(&json!([remove(&users[1])])));
            assert_eq!(
                world.members(),
                [users[0].clone(), users[2].clone()],
                "{profile}: {dialect}"
            );
            // It is gone already: nothing more happens, and it is no error.
            let again = world.send(dialect, &line, &patch(&json!([remove(&users[1])])));
            assert!(again.status < 300 || profile == "rfc", "{profile}: {again:?}");
            assert_eq!(world.members().len(), 2, "{profile}: {dialect}");
        }
    }
}

#[test]
fn members_come_and_are_replaced() {
    for profile in PROFILES {
        let world = world(profile);
        let users = ["ada", "bob", "cyd"].map(|name| world.user(name));
        let group = world.group("staff", &[]);
        let line = format!("PATCH /Groups/{group}");
        let value = |ids: &[&String]| {
            let items: Vec<Value> =
                ids.iter().map(|id| json!({"value": id, "$ref": null})).collect();
            Value::Array(items)
        };
        world.done(
            "entra",
            &line,
            &patch(&json!([{"op": "Add", "path": "members", "value": value(&[&users[0]])}])),
        );
        assert_eq!(world.members(), [users[0].clone()], "{profile}");
        let all = value(&[&users[1], &users[2]]);
        world.done(
            "okta",
            &line,
            &patch(&json!([{"op": "replace", "path": "members", "value": all}])),
        );
        let mut members = world.members();
        members.sort();
        assert_eq!(members, [users[1].clone(), users[2].clone()], "{profile}");
        // Okta's rename comes with the id, and with one operation for both.
        let rename = json!([{"op": "replace", "value": {"id": group, "displayName": "crew", "externalId": "x2"}}]);
        world.done("okta", &line, &patch(&rename));
        let shown = world.done("rfc", &format!("GET /Groups/{group}"), &Value::Null);
        assert_eq!(
            (&shown["displayName"], &shown["externalId"]),
            (&json!("crew"), &json!("x2")),
            "{profile}"
        );
        // Keycloak's way to say that nobody is left.
        world.done("keycloak", &line, &patch(&json!([{"op": "remove", "path": "members"}])));
        assert!(world.members().is_empty(), "{profile}: {:?}", world.members());
        let refused =
            world.send("entra", &line, &patch(&json!([{"op": "Remove", "path": "members"}])));
        assert_eq!(refused.status, 400, "{profile}");
    }
}

/// With a strict server, too, Entra's replacement of an address that is not there makes it.
#[test]
fn entra_replaces_what_is_not_there() {
    for profile in ["rfc", "authentik-source"] {
        let world = world(profile);
        let user = world.user("ada");
        let line = format!("PATCH /Users/{user}");
        let path = "phoneNumbers[type eq \"mobile\"].value";
        for number in ["+1", "+2"] {
            let body = patch(&json!([{"op": "Replace", "path": path, "value": number}]));
            world.done("entra", &line, &body);
            assert_eq!(
                world.kept("phoneNumbers"),
                json!([{"type": "mobile", "value": number}]),
                "{profile}"
            );
        }
        let strict = world.send(
            "rfc",
            &line,
            &patch(&json!([
                {"op": "replace", "path": "phoneNumbers[type eq \"fax\"].value", "value": "+3"}
            ])),
        );
        assert_eq!(strict.body.expect("an error")["scimType"], "noTarget", "{profile}");
    }
}

/// BW-15: a PUT that says nothing of `active` changes nothing of it.
#[test]
fn put_without_active_revokes_nobody() {
    for profile in PROFILES {
        let world = world(profile);
        let user = world.user("ada");
        let body = json!({"userName": "ada@mill.example", "externalId": "ext-ada",
            "name": {"givenName": "A", "familyName": "ada"},
            "emails": [{"value": "ada@mill.example", "type": "work", "primary": true}]});
        world.done("authentik", &format!("PUT /Users/{user}"), &body);
        assert_ne!(world.kept("active"), false, "{profile}");
        let mut off = body.clone();
        off["active"] = json!(false);
        world.done("keycloak", &format!("PUT /Users/{user}"), &off);
        assert_eq!(world.kept("active"), false, "{profile}");
        if profile != "rfc" {
            world.done("authentik", &format!("PUT /Users/{user}"), &body);
            assert_eq!(world.kept("active"), false, "{profile}");
        }
    }
}

#[test]
fn put_of_a_group_replaces_name_and_members() {
    for profile in PROFILES {
        let world = world(profile);
        let users = ["ada", "bob"].map(|name| world.user(name));
        let group = world.group("staff", &[&users[0]]);
        let line = format!("PUT /Groups/{group}");
        let reference = format!("Users/{}", users[1]);
        let body = json!({"displayName": "crew", "externalId": "x9", "members": [{"value": users[1], "$ref": reference}]});
        let shown = world.done("keycloak", &line, &body);
        assert_eq!(
            (&shown["displayName"], &shown["externalId"]),
            (&json!("crew"), &json!("x9")),
            "{profile}"
        );
        assert_eq!(world.members(), [users[1].clone()], "{profile}");
        // Keycloak leaves an empty list out.
        world.done("keycloak", &line, &json!({"displayName": "crew", "externalId": "x9"}));
        assert!(world.members().is_empty(), "{profile}");
    }
}

/// BW-16, OP-22, and R7: what a create needs is filled in, what an answer needs is there.
#[test]
fn creates_are_filled_in() {
    for profile in PROFILES {
        let world = world(profile);
        let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "cher@mill.example", "externalId": "c1", "name": {"formatted": "Cher"}, "active": true});
        let answer = world.send("authentik", "POST /Users", &body);
        assert_eq!(answer.status, 201, "{profile}: {answer:?}");
        let shown = answer.body.expect("a body");
        let location =
            answer.headers.iter().find(|(name, _)| *name == "location").expect("a location");
        assert_eq!(location.1, format!("https://gate.example/scim/v2/Users/{}", id(&shown)));
        assert_eq!(shown["meta"]["location"], location.1.as_str());
        assert_eq!(shown["userName"], "cher@mill.example", "{profile}");
        assert_eq!(shown["active"], true, "{profile}");
        if profile == "openproject" || profile == "bitwarden" {
            assert!(shown["displayName"].is_string() || profile == "bitwarden");
        }
        assert!(!shown.to_string().contains("null"), "{profile}: {shown}");
        let again = world.send("rfc", "POST /Users", &body);
        assert_eq!(
            (again.status, &again.body.unwrap()["scimType"]),
            (409, &json!("uniqueness")),
            "{profile}"
        );
    }
}

/// R8: an application that knows no inactive user at its creation gets it in two steps.
#[test]
fn an_inactive_user_is_never_left_active() {
    for profile in PROFILES {
        let user = json!({"userName": "ada@mill.example", "externalId": "a1", "active": false,
            "name": {"givenName": "A", "familyName": "L"},
            "emails": [{"value": "ada@mill.example", "type": "work", "primary": true}]});
        let world = world(profile);
        let shown = world.done("rfc", "POST /Users", &user);
        assert_eq!(
            (&shown["active"], world.kept("active")),
            (&json!(false), json!(false)),
            "{profile}"
        );
    }
    // The second step fails for good: the account goes.
    let user = json!({"userName": "ada@mill.example", "emails": [{"value": "ada@mill.example"}], "active": false});
    let world = world("bitwarden");
    world.dies_at.set(2);
    let answer = world.send("rfc", "POST /Users", &user);
    assert_eq!(answer.status, 503);
    let steps: Vec<&str> = answer.steps.iter().map(|step| step.what).collect();
    assert_eq!(steps, ["create", "patch", "patch", "undo"]);
}

#[test]
fn deleting_is_what_the_policy_says() {
    for profile in PROFILES {
        let mut world = world(profile);
        let user = world.user("ada");
        world.gateway.policy = Policy { delete: Some(Delete::Refuse), reactivate_by: None };
        assert_eq!(world.send("rfc", &format!("DELETE /Users/{user}"), &Value::Null).status, 403);
        world.gateway.policy = Policy {
            delete: Some(Delete::Deactivate),
            reactivate_by: Some(ReactivateBy::ExternalId),
        };
        let gone = world.send("rfc", &format!("DELETE /Users/{user}"), &Value::Null);
        assert_eq!((gone.status, world.kept("active")), (204, json!(false)), "{profile}");
        // VG-07: the same one comes back as what it was; another one is not let in.
        let body = |external: &str| {
            json!({"userName": "ada@mill.example", "externalId": external, "active": true,
            "name": {"givenName": "A", "familyName": "L"},
            "emails": [{"value": "ada@mill.example", "type": "work", "primary": true}]})
        };
        let foreign = world.send("okta", "POST /Users", &body("someone-else"));
        assert_eq!((foreign.status, world.kept("active")), (409, json!(false)), "{profile}");
        let back = world.send("okta", "POST /Users", &body("ext-ada"));
        assert_eq!(back.status, 201, "{profile}: {back:?}");
        assert_eq!(
            (id(&back.body.unwrap()), world.kept("active")),
            (user.clone(), json!(true)),
            "{profile}"
        );
        let active = world.send("okta", "POST /Users", &body("ext-ada"));
        assert_eq!(active.status, 409, "{profile}: an active one is not taken over");
        world.gateway.policy = Policy::default();
        assert_eq!(world.send("rfc", &format!("DELETE /Users/{user}"), &Value::Null).status, 204);
        assert_eq!(world.send("rfc", &format!("GET /Users/{user}"), &Value::Null).status, 404);
    }
}

#[test]
fn bulk_is_done_one_by_one() {
    for profile in PROFILES {
        let world = world(profile);
        let user = json!({"userName": "ada@mill.example", "externalId": "a1", "active": true,
            "name": {"givenName": "A", "familyName": "L"},
            "emails": [{"value": "ada@mill.example", "type": "work", "primary": true}]});
        let body = json!({"failOnErrors": 1, "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "u", "data": user},
            {"method": "POST", "path": "/Groups", "bulkId": "g",
             "data": {"displayName": "staff", "members": [{"value": "bulkId:u"}]}},
            {"method": "PATCH", "path": "/Users/bulkId:u",
             "data": {"Operations": [{"op": "replace", "path": "active", "value": "False"}]}},
            {"method": "DELETE", "path": "/Users/none"},
            {"method": "DELETE", "path": "/Users/never-reached"},
        ]});
        let done = world.done("entra", "POST /Bulk", &body);
        let statuses: Vec<&str> = done["Operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| o["status"].as_str().unwrap())
            .collect();
        assert_eq!(statuses[..2], ["201", "201"], "{profile}: {done}");
        assert!(
            statuses[2].starts_with('2') && statuses[3] == "404" && statuses.len() == 4,
            "{profile}: {done}"
        );
        assert_eq!((world.members().len(), world.kept("active")), (1, json!(false)), "{profile}");
    }
}

/// Another writer comes between reading and writing: nothing of either is lost.
#[test]
fn a_lost_write_is_made_again() {
    let world = world("rfc");
    let user = world.user("ada");
    // With an entity tag the client's own condition decides.
    let stale = [("if-match".to_owned(), "W/\"7\"".to_owned())];
    let target = format!("/scim/v2/Users/{user}");
    let body = json!({"Operations": [{"op": "replace", "path": "title", "value": "x"}]});
    let answer =
        crate::entry::send(&world.gateway, &world, None, ("PATCH", &target), &stale, &body);
    assert_eq!(answer.status, 412);
    assert_eq!(world.kept("title"), Value::Null);
}

#[test]
fn what_cannot_be_changed_is_noted_or_refused() {
    let mut world = world("bitwarden");
    let user = world.user("ada");
    let line = format!("PATCH /Users/{user}");
    let body = patch(
        &json!([{"op": "replace", "path": "title", "value": "x"}, {"op": "replace", "path": "active", "value": false}]),
    );
    let answer = world.send("rfc", &line, &body);
    assert_eq!((answer.status, world.kept("active")), (204, json!(false)));
    let ignored = answer.steps.iter().find(|step| step.what == "ignored").expect("a note");
    assert_eq!(ignored.attribute.as_deref(), Some("title"));
    let own = json!({"extends": "bitwarden", "unsupported": "refuse"});
    world.gateway.profile = scim_core::upstream::Profile::from_json(&own).expect("it is right");
    let answer = world.send("rfc", &line, &body);
    assert_eq!((answer.status, &answer.body.unwrap()["scimType"]), (400, &json!("mutability")));
}
