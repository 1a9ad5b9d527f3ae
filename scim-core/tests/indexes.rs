//! Indexes of a store whose configuration changes: a look-up never lies (`docs/decisions`, 0014).
//!
//! `SCIM_INDEX_STEPS` is the number of steps (400), `SCIM_INDEX_SEED` the seed (1).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what is wrong")]

use pollster::block_on;
use scim_core::protocol::filter;
use scim_core::protocol::limits::Limits;
use scim_core::resource::matching;
use scim_core::service::{Config, Head, Service, reindex};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use scim_core::store::{Options, Store};
use serde_json::{Value, json};

type TestService = Service<Memory, VirtualClock, Seeded>;

const TOKEN: &str = "token-for-the-tests";

/// A configuration and a service with it, on the one store.
struct Half {
    config: Config,
    service: TestService,
}

fn half(memory: &Memory, clock: &VirtualClock, seed: u64, config: &Value) -> Half {
    let config = Config::parse(&config.to_string()).unwrap().with_token(TOKEN).unwrap();
    let service = Service::new(config.clone(), memory.clone(), clock.clone(), Seeded::new(seed));
    Half { config, service }
}

fn send(half: &Half, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let target = format!("/scim/v2{path}").replace(' ', "%20").replace('"', "%22");
    let authorization = format!("Bearer {TOKEN}");
    let headers: [(&str, &[u8]); 2] =
        [("authorization", authorization.as_bytes()), ("content-type", b"application/scim+json")];
    let head = Head { method, target: &target, headers: &headers };
    let body = async |_| Ok(body.to_string().into_bytes());
    let outcome = block_on(half.service.handle(head, body));
    (outcome.status, serde_json::from_slice(&outcome.body).unwrap_or_default())
}

fn things(code: &Value, indexes: &Value) -> Value {
    json!({
        "schemas": [{"id": "urn:example:Thing", "attributes": [{"name": "label"}, code]}],
        "resource_types": [{"name": "Thing", "endpoint": "/Things", "schema": "urn:example:Thing"}],
        "indexes": indexes,
    })
}

fn all(half: &Half, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let (_, page) =
            send(half, "GET", &format!("{path}?startIndex={}", all.len() + 1), &Value::Null);
        let resources = page["Resources"].as_array().unwrap();
        if resources.is_empty() {
            return all;
        }
        all.extend(resources.iter().cloned());
    }
}

/// Every look-up is what a look at all resources says.
fn check(half: &Half, what: &str) {
    for (path, name, filters) in [
        ("/Users", "User", &["title eq \"B\"", "title sw \"\"", "displayName gt \"a\""][..]),
        (
            "/Things",
            "Thing",
            &["code eq \"A\"", "code eq \"b\"", "code sw \"a\" or label eq \"c\""],
        ),
    ] {
        let resource_type = half.config.catalog.by_name(name).unwrap();
        let shown = all(half, path);
        for text in filters {
            let parsed = filter::parse(text, &Limits::default()).unwrap();
            let resolved = matching::resolve(parsed, resource_type).unwrap();
            let matches = |one: &&Value| matching::matches(&resolved, resource_type, one);
            let expected = shown.iter().filter(matches).count();
            let path = format!("{path}?filter={text}&sortBy=id&count=1");
            let (_, found) = send(half, "GET", &path, &Value::Null);
            assert_eq!(found["totalResults"], expected, "{what}: {text}");
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn no_change_of_the_configuration_makes_an_index_lie() {
    let seed = number("SCIM_INDEX_SEED", 1);
    let (memory, clock, random) = (Memory::new(), VirtualClock::new(1_000_000), Seeded::new(seed));
    let below = |limit: u64| usize::try_from(random.next() % limit).unwrap();
    let halves: Vec<Half> = [
        things(&json!({"name": "code"}), &json!({})),
        things(&json!({"name": "code"}), &json!({"User": ["title"], "Thing": ["code", "label"]})),
        things(
            &json!({"name": "code", "caseExact": true}),
            &json!({"Thing": ["code"], "User": []}),
        ),
        things(&json!({"name": "code", "uniqueness": "server"}), &json!({"User": ["title"]})),
    ]
    .iter()
    .zip(1..)
    .map(|(config, number)| half(&memory, &clock, seed * 100 + number, config))
    .collect();
    let mut paths: Vec<String> = Vec::new();
    for step in 0..number("SCIM_INDEX_STEPS", 400) {
        let which = if step < 150 { below(2) } else { below(4) };
        let half = &halves[which];
        let text = ["a", "A", "b", "B", "c"][below(5)];
        let (path, body) = if below(2) == 0 {
            ("/Users", json!({"userName": format!("u{step}"), "title": text, "displayName": text}))
        } else {
            (
                "/Things",
                json!({"code": format!("{text}{}", below(3)).trim_end_matches('0'), "label": text}),
            )
        };
        let what = match below(if step < 150 { 2 } else { 8 }) {
            0..=3 => {
                let (status, answer) = send(half, "POST", path, &body);
                if let Some(location) = answer["meta"]["location"].as_str() {
                    paths.push(location.split_once("/scim/v2").unwrap().1.to_string());
                }
                format!("POST {status}")
            }
            4 | 5 => {
                let path = paths[below(paths.len() as u64)].clone();
                let body = if path.starts_with("/Users") {
                    json!({"userName": path, "title": text})
                } else {
                    json!({"code": text})
                };
                format!("PUT {}", send(half, "PUT", &path, &body).0)
            }
            6 => {
                let path = paths.swap_remove(below(paths.len() as u64));
                format!("DELETE {}", send(half, "DELETE", &path, &Value::Null).0)
            }
            _ => {
                let store =
                    Store::new(memory.clone(), clock.clone(), random.clone(), Options::default());
                block_on(reindex(&store, half.config.catalog.types(), || {})).unwrap();
                "reindex".to_string()
            }
        };
        if step % 5 == 0 {
            for (number, half) in halves.iter().enumerate() {
                check(
                    half,
                    &format!("seed {seed}, step {step}, {what} by {which}, seen by {number}"),
                );
            }
        }
    }
}

#[test]
fn a_new_index_is_filled_by_writes_and_used_when_it_is_complete() {
    let (memory, clock) = (Memory::new(), VirtualClock::new(1_000_000));
    let limits = json!({"scan_resources": 10});
    let before = half(&memory, &clock, 1, &json!({"limits": limits}));
    for number in 0..150 {
        let user =
            json!({"userName": format!("u{number:03}"), "title": format!("t{}", number % 3)});
        assert_eq!(send(&before, "POST", "/Users", &user).0, 201);
    }
    let indexes = json!({"User": ["title", "displayName"]});
    let config = json!({"limits": limits, "indexes": indexes});
    let after = half(&memory, &clock, 2, &config);
    let found =
        |half: &Half| send(half, "GET", "/Users?filter=title eq \"T1\"&count=0", &Value::Null);
    // A read changes nothing, so nothing is filled by it.
    let mut writes = 0;
    while found(&after).0 == 400 {
        assert_eq!(found(&after).1["scimType"], "tooMany");
        let user = json!({"userName": format!("more{writes}"), "title": "t1"});
        assert_eq!(send(&after, "POST", "/Users", &user).0, 201);
        writes += 1;
    }
    // The first write begins the index, and each puts 64 resources into it.
    assert_eq!(writes, 3);
    assert_eq!(found(&after).1["totalResults"], 53);
    // An older process goes on to keep what it finds.
    assert_eq!(send(&before, "POST", "/Users", &json!({"userName": "old", "title": "T1"})).0, 201);
    assert_eq!(found(&after).1["totalResults"], 54);
    assert_eq!(found(&before).1["totalResults"], 54);
    // Until it is removed.
    let store = Store::new(memory.clone(), clock.clone(), Seeded::new(3), Options::default());
    let mut commits = 0;
    block_on(reindex(&store, before.config.catalog.types(), || commits += 1)).unwrap();
    assert!(commits > 0);
    assert_eq!(found(&before).0, 400);
    block_on(reindex(&store, after.config.catalog.types(), || {})).unwrap();
    assert_eq!(found(&after).1["totalResults"], 54);
}

#[test]
fn a_wrong_list_of_indexes_is_refused_by_the_path_of_the_field() {
    for (indexes, field) in [
        (json!([]), "indexes"),
        (json!({"Device": []}), "indexes.Device"),
        (json!({"User": "title"}), "indexes.User"),
        (json!({"User": ["title", "nothing"]}), "indexes.User[1]"),
        (json!({"User": ["password"]}), "indexes.User[0]"),
        (json!({"User": ["name"]}), "indexes.User[0]"),
        (json!({"User": ["x509Certificates.value"]}), "indexes.User[0]"),
        (json!({"User": vec!["title"; 17]}), "indexes.User"),
    ] {
        let error = Config::parse(&json!({"indexes": indexes}).to_string()).unwrap_err();
        assert_eq!(error.field, field, "{}", error.message);
    }
    let all = json!({"indexes": {"User": ["userName", "externalId", "meta.lastModified", "Active",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "phoneNumbers"]}});
    assert!(Config::parse(&all.to_string()).is_ok());
}
