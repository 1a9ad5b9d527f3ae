//! `vectors/filter` and `vectors/path` against the component: what matches is found, and whatever
//! the core refuses, the component refuses by the same words.

use scim_core::protocol::filter::{self, FilterError};
use scim_core::protocol::limits::Limits;
use scim_core::protocol::path::PatchPath;
use scim_core::protocol::{Error, Notes};
use scim_core::resource::{Projection, Reading, Unknown, matching};
use scim_core::{dialect, schema};
use serde_json::{Value, json};

use crate::client::{self, Client};
use crate::harness::Service;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// What a client can set, under the names that are no client's but the schema's.
const SETTABLE: [&str; 20] = [
    "userName",
    "externalId",
    "name",
    "displayName",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "active",
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "entitlements",
    "roles",
    ENTERPRISE,
];

fn vectors(file: &str) -> Vec<Value> {
    let files = client::vector_files(file.split('/').next().unwrap());
    let (_, text) = files.iter().find(|(name, _)| name == file).unwrap();
    serde_json::from_str(text).unwrap()
}

fn search(client: &Client, endpoint: &str, member: &str, value: Value) -> client::Answer {
    let mut body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]});
    body[member] = value;
    client.send("POST", &format!("{endpoint}/.search"), &[], Some(&body))
}

/// Whether an answer is the refusal that the core has, or a success where it has none.
fn check(failures: &mut Vec<String>, name: &str, answer: &client::Answer, core: Option<&Error>) {
    let found = (answer.status, answer.body["scimType"].as_str(), answer.body["detail"].as_str());
    let wanted = core.map_or((200, None, None), |error| {
        (
            error.status(),
            error.scim_type().map(scim_core::protocol::ScimType::as_str),
            Some(error.detail()),
        )
    });
    if found != wanted {
        failures.push(format!("{name}: {found:?}, wanted {wanted:?}"));
    }
}

#[test]
fn filters_find_what_they_match() {
    let service = Service::fresh();
    let client = service.client();
    let (mut failures, mut matched, mut refused) = (Vec::new(), 0, 0);
    for vector in vectors("filter/semantics.json") {
        let name = vector["name"].as_str().unwrap();
        let filter = vector["filter"].as_str().unwrap();
        let endpoint = if vector["type"] == "Group" { "/Groups" } else { "/Users" };
        if let Some(named) = vector["refused"].as_str() {
            let answer = search(&client, endpoint, "filter", filter.into());
            let detail = answer.body["detail"].as_str().unwrap_or_default();
            let is_right = answer.status == 400 && answer.body["scimType"] == "invalidFilter";
            if !is_right || !detail.contains(&format!("`{named}`")) {
                failures.push(format!("{name}: {} {}", answer.status, answer.body));
            }
            refused += 1;
            continue;
        }
        let resources = vector["resources"].as_array().unwrap();
        for (resource, wanted) in resources.iter().zip(vector["matches"].as_array().unwrap()) {
            let Some(made) = create(&client, endpoint, filter, resource) else { continue };
            let answer = search(&client, endpoint, "filter", filter.into());
            let found = answer.body["totalResults"] == 1;
            let is_it = answer.body["Resources"][0]["id"] == made["id"];
            if answer.status != 200 || found != *wanted || found && !is_it {
                failures.push(format!("{name}: {resource}: {} {}", answer.status, answer.body));
            }
            matched += 1;
            delete(&client, endpoint, &made);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // Some resources hold what only the service sets, or what no client can send.
    assert!(matched >= 100 && refused >= 10, "only {matched} matched, {refused} refused");
}

/// The resource on the service, if a client can make it what the vector has; what the service sets
/// itself, and a boolean that comes as text, cannot be asked for.
fn create(client: &Client, endpoint: &str, filter: &str, resource: &Value) -> Option<Value> {
    let mut body = resource.as_object().unwrap().clone();
    let is_settable = body.keys().all(|name| SETTABLE.contains(&name.as_str()))
        && resource[ENTERPRISE]["manager"].get("displayName").is_none()
        && !filter.contains("meta.");
    if !is_settable {
        return None;
    }
    let required = if endpoint == "/Groups" { "displayName" } else { "userName" };
    if !body.contains_key(required) {
        if filter.to_lowercase().contains(&required.to_lowercase()) {
            return None;
        }
        body.insert(required.into(), client::unique("corpus").into());
    }
    let made = client.send("POST", endpoint, &[], Some(&Value::Object(body.clone())));
    let is_kept = |(name, sent): (&String, &Value)| match &made.body[name] {
        Value::Null => !sent.is_string() && !sent.is_boolean(),
        kept => kept == sent,
    };
    if made.status != 201 {
        return None;
    }
    if body.iter().all(is_kept) {
        return Some(made.body);
    }
    delete(client, endpoint, &made.body);
    None
}

fn delete(client: &Client, endpoint: &str, resource: &Value) {
    let path = format!("{endpoint}/{}", resource["id"].as_str().unwrap());
    assert_eq!(client.send("DELETE", &path, &[], None).status, 204);
}

#[test]
fn filters_are_read_as_the_core_reads_them() {
    let service = Service::fresh();
    let client = service.client();
    let user = schema::user();
    let (mut failures, mut count) = (Vec::new(), 0);
    for file in ["filter/valid.json", "filter/invalid.json"] {
        for vector in vectors(file) {
            let filter = vector["filter"].as_str().unwrap();
            // A blank filter is none.
            if filter.trim().is_empty() {
                continue;
            }
            let core = filter::parse(filter, &Limits::default()).map_err(FilterError::in_filter);
            let core = core.and_then(|parsed| matching::resolve(parsed, &user)).err();
            let answer = search(&client, "/Users", "filter", filter.into());
            check(&mut failures, vector["name"].as_str().unwrap(), &answer, core.as_ref());
            count += 1;
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 150);
}

#[test]
fn paths_are_read_as_the_core_reads_them() {
    let service = Service::fresh();
    let client = service.client();
    let user = schema::user();
    let reading = Reading { resource_type: &user, unknown: Unknown::Ignore };
    let limits = Limits::default();
    let body = json!({"schemas": [USER], "userName": "corpus"});
    let made = client.send("POST", "/Users", &[], Some(&body));
    let path = format!("/Users/{}", made.body["id"].as_str().unwrap());
    let (mut failures, mut count) = (Vec::new(), 0);
    for vector in vectors("path/patch.json") {
        let (name, text) = (vector["name"].as_str().unwrap(), vector["path"].as_str().unwrap());
        // A blank path means the resource itself.
        if text.trim().is_empty() {
            continue;
        }
        let is_path = PatchPath::parse(text, &limits).is_ok();
        assert_eq!(is_path, vector.get("tree").is_some(), "{name}");
        let message = json!({"Operations": [{"op": "replace", "path": text, "value": "x"}]});
        let notes = &mut Notes::default();
        let core =
            dialect::modification(message.as_object().unwrap(), &reading, None, &limits, notes);
        let answer = client.send("PATCH", &path, &[], Some(&message));
        let kind = answer.body["scimType"].as_str();
        match core {
            Err(error) => check(&mut failures, name, &answer, Some(&error)),
            // A path that leads nowhere in this user, or would make it an invalid one.
            Ok(_) if answer.status == 400 && kind != Some("invalidPath") => {}
            Ok(_) => check(&mut failures, name, &answer, None),
        }
        count += 1;
    }
    for vector in vectors("path/attribute.json") {
        let text = vector["path"].as_str().unwrap();
        let query = [("attributes".to_owned(), text.to_owned())];
        let core = Projection::of_query(&query, &user, &limits).err();
        let answer = search(&client, "/Users", "attributes", json!([text]));
        check(&mut failures, vector["name"].as_str().unwrap(), &answer, core.as_ref());
        count += 1;
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= 60);
}
