//! Lists are what a naive evaluation of filter and order says, whatever index serves them
//! (RFC 7644 §3.4.2).
//!
//! `SCIM_LISTS` is the number of queries per configuration (150), `SCIM_LIST_SEED` the first seed.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what is wrong")]

use std::collections::BTreeMap;

use pollster::block_on;
use scim_core::protocol::filter;
use scim_core::protocol::limits::Limits;
use scim_core::resource::matching;
use scim_core::schema::Catalog;
use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use serde_json::{Value, json};

type TestService = Service<Memory, VirtualClock, Seeded>;

const TOKEN: &str = "token-for-the-tests";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn send(service: &TestService, method: &str, path: &str, body: &Value) -> Value {
    let target = format!("/scim/v2{path}");
    let authorization = format!("Bearer {TOKEN}");
    let headers: [(&str, &[u8]); 2] =
        [("authorization", authorization.as_bytes()), ("content-type", b"application/scim+json")];
    let head = Head { method, target: &target, headers: &headers };
    let body = async |_| Ok(body.to_string().into_bytes());
    let outcome = block_on(service.handle(head, body));
    let answer = serde_json::from_slice(&outcome.body).unwrap_or_default();
    assert!(outcome.status < 300, "{method} {path} {} {answer}", outcome.status);
    answer
}

fn pick<'a, T>(random: &Seeded, all: &'a [T]) -> &'a T {
    &all[usize::try_from(random.next() % all.len() as u64).unwrap()]
}

fn encoded(text: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(encode).collect()
}

fn long(end: &str) -> String {
    "ä".repeat(85) + end
}

fn names() -> Vec<String> {
    let short =
        ["a", "A", "ab", "AC", "b", "Ä", "äb", "ß", "x y", "z\u{0}1", "z\u{0}", "\u{10ffff}"];
    let mut names: Vec<String> = short.iter().map(ToString::to_string).collect();
    names.extend([long("1"), long("2"), long("")]);
    names
}

fn user(random: &Seeded, number: u64) -> Value {
    let names = names();
    let mut user = json!({"userName": format!("{}{number}", pick(random, &["ann", "Bo", "cy"]))});
    let mut maybe = |name: &str, value: Value| {
        if !random.next().is_multiple_of(4) {
            user[name] = value;
        }
    };
    maybe("displayName", pick(random, &names).as_str().into());
    maybe("title", pick(random, &names).as_str().into());
    maybe("active", random.next().is_multiple_of(2).into());
    maybe("externalId", format!("x{}", random.next() % 9).into());
    maybe("name", json!({"familyName": pick(random, &names)}));
    maybe(ENTERPRISE, json!({"employeeNumber": format!("{}", random.next() % 12)}));
    let email = |_| {
        json!({"value": format!("{}@e.org", pick(random, &["a", "b", "ab", "B"])),
        "type": pick(random, &["work", "home"])})
    };
    let mut emails: Vec<Value> = (0..random.next() % 3).map(email).collect();
    emails.dedup_by(|a, b| a["type"] == b["type"]);
    if !emails.is_empty() {
        user["emails"] = emails.into();
    }
    user
}

/// Users, groups, and the resources as the service shows them.
struct World {
    service: TestService,
    shown: BTreeMap<&'static str, Vec<Value>>,
}

fn world(config: &Value, seed: u64) -> World {
    let random = Seeded::new(seed);
    let clock = VirtualClock::new(1_700_000_000_000);
    let config = Config::parse(&config.to_string()).unwrap().with_token(TOKEN).unwrap();
    let service = Service::new(config, Memory::new(), clock.clone(), Seeded::new(seed));
    let mut users = Vec::new();
    for number in 0..60 {
        clock.advance(random.next() % 3);
        users.push(send(&service, "POST", "/Users", &user(&random, number))["id"].clone());
    }
    for _ in 0..20 {
        let mut group = json!({"displayName": pick(&random, &names())});
        let members = (0..random.next() % 4).map(|_| json!({"value": pick(&random, &users)}));
        group["members"] = members.collect();
        send(&service, "POST", "/Groups", &group);
    }
    for (number, id) in users.iter().enumerate() {
        clock.advance(random.next() % 3);
        let path = format!("/Users/{}", id.as_str().unwrap());
        match random.next() % 4 {
            0 => drop(send(&service, "PUT", &path, &user(&random, number as u64))),
            1 => {
                let value = json!({"op": "remove", "path": "displayName"});
                send(&service, "PATCH", &path, &json!({"Operations": [value]}));
            }
            2 if number % 3 == 0 => drop(send(&service, "DELETE", &path, &Value::Null)),
            _ => {}
        }
    }
    let mut shown = BTreeMap::new();
    for (path, name) in [("/Users", "User"), ("/Groups", "Group")] {
        let list = send(&service, "GET", &format!("{path}?count=200"), &Value::Null);
        shown.insert(name, list["Resources"].as_array().unwrap().clone());
    }
    World { service, shown }
}

fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

fn term(random: &Seeded, world: &World, name: &str) -> String {
    let text_op = || *pick(random, &["eq", "ne", "sw", "sw", "co", "ew", "gt", "ge", "lt", "le"]);
    let order_op = || *pick(random, &["eq", "ne", "gt", "ge", "lt", "le"]);
    let names = names();
    let one = pick(random, &world.shown[name]);
    let id = |name: &str| literal(pick(random, &world.shown[name])["id"].as_str().unwrap());
    match (name, random.next() % 12) {
        (_, 0 | 1) => {
            let value = pick(random, &names);
            let cut: String =
                value.chars().take(1 + usize::try_from(random.next() % 90).unwrap()).collect();
            format!("displayName {} {}", text_op(), literal(&cut))
        }
        (_, 2) => format!(
            "meta.lastModified {} {}",
            order_op(),
            literal(one["meta"]["lastModified"].as_str().unwrap())
        ),
        (_, 3) => format!("id eq {}", id(name)),
        (_, 4) => format!("displayName {}", pick(random, &["pr", "eq \"\"", "eq null"])),
        ("Group", 5) => format!("members[value eq {} and type eq \"User\"]", id("User")),
        ("Group", 6) => "members pr".to_string(),
        ("Group", _) => format!("members.value eq {}", id("User")),
        (_, 5) => {
            format!("emails.value {} \"{}\"", text_op(), pick(random, &["a", "b@", "A@e.org"]))
        }
        (_, 6) => format!(
            "emails[value {} \"{}\" and type eq \"work\"]",
            text_op(),
            pick(random, &["a", "b@e.org"])
        ),
        (_, 7) => format!("{ENTERPRISE}:employeeNumber {} \"{}\"", text_op(), random.next() % 12),
        (_, 8) => format!("externalId {} \"x{}\"", text_op(), random.next() % 9),
        (_, 9) => {
            format!("userName {} \"{}\"", text_op(), pick(random, &["ANN", "b", "cy1", "bo59"]))
        }
        (_, 10) => format!("groups.value eq {}", id("Group")),
        _ => format!("title {} {}", text_op(), literal(pick::<String>(random, &names))),
    }
}

fn any_filter(random: &Seeded, world: &World, name: &str, depth: u32) -> String {
    let inner = |depth| any_filter(random, world, name, depth);
    match random.next() % 8 {
        0..=2 if depth > 0 => format!("({}) and ({})", inner(depth - 1), inner(depth - 1)),
        3 | 4 if depth > 0 => format!("({}) or ({})", inner(depth - 1), inner(depth - 1)),
        5 if depth > 0 => format!("not ({})", inner(depth - 1)),
        _ => term(random, world, name),
    }
}

/// The text that a resource is sorted by; one without a value comes last.
fn sort_key(resource: &Value, path: &str) -> (bool, String) {
    let mut value = resource;
    match path.strip_prefix(ENTERPRISE) {
        Some(rest) => value = &value[ENTERPRISE][rest.trim_start_matches(':')],
        None => path.split('.').for_each(|part| value = &value[part]),
    }
    let text = match value {
        Value::Bool(flag) => Some(flag.to_string()),
        value => value.as_str().map(matching::fold_case),
    };
    (text.is_none(), text.unwrap_or_default())
}

fn check(world: &World, random: &Seeded, name: &str, seed: u64) {
    let path = if name == "User" { "/Users" } else { "/Groups" };
    let employee = format!("{ENTERPRISE}:employeeNumber");
    let sort_by: &str = match name {
        _ if random.next().is_multiple_of(3) => "",
        "User" => pick::<&str>(
            random,
            &[
                "userName",
                "displayName",
                "id",
                "meta.lastModified",
                "title",
                "active",
                "name.familyName",
                &employee,
            ],
        ),
        _ => pick::<&str>(random, &["displayName", "meta.lastModified", "meta.created"]),
    };
    let text = any_filter(random, world, name, 2);
    let descending = random.next().is_multiple_of(2);
    let catalog = Catalog::default();
    let resource_type = catalog.by_name(name).unwrap();
    let parsed = filter::parse(&text, &Limits::default()).unwrap();
    let resolved = matching::resolve(parsed, resource_type).unwrap();
    let mut expected: Vec<&Value> = world.shown[name]
        .iter()
        .filter(|resource| matching::matches(&resolved, resource_type, resource))
        .collect();
    // What all names are cut to in an index is nothing that a test should know: equal keys are in
    // any order, and so are keys that begin with the same 160 bytes.
    let cut = |resource: &Value| {
        let (is_missing, mut text) = sort_key(resource, sort_by);
        if !text.is_ascii() && text.len() > 160 {
            text = long("").to_lowercase();
        }
        (is_missing, text)
    };
    if !sort_by.is_empty() {
        expected.sort_by_key(|resource| cut(resource));
        if descending {
            expected.reverse();
        }
    }
    let mut query = format!("{path}?filter={}", encoded(&text));
    if !sort_by.is_empty() {
        let order = if descending { "descending" } else { "ascending" };
        query = format!("{query}&sortBy={}&sortOrder={order}", encoded(sort_by));
    }
    let size = 1 + random.next() % 9;
    for by_cursor in [false, true] {
        let (mut found, mut cursor): (Vec<Value>, String) = (Vec::new(), String::new());
        loop {
            let place = if by_cursor {
                format!("cursor={cursor}")
            } else {
                format!("startIndex={}", found.len() + 1)
            };
            let page =
                send(&world.service, "GET", &format!("{query}&count={size}&{place}"), &Value::Null);
            assert_eq!(page["totalResults"], expected.len(), "{seed}: {query}\n{text}");
            let resources = page["Resources"].as_array().unwrap();
            found.extend(resources.iter().cloned());
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) if by_cursor => cursor = next.to_string(),
                None if !by_cursor && !resources.is_empty() => {}
                _ => break,
            }
        }
        if !sort_by.is_empty() {
            let keys = |all: &[&Value]| all.iter().map(|one| cut(one)).collect::<Vec<_>>();
            assert_eq!(keys(&found.iter().collect::<Vec<_>>()), keys(&expected), "{seed}: {text}");
        }
        let ids = |all: &[&Value]| {
            let mut ids: Vec<String> = all.iter().map(|one| one["id"].to_string()).collect();
            ids.sort();
            ids
        };
        assert_eq!(ids(&found.iter().collect::<Vec<_>>()), ids(&expected), "{seed}: {text}");
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn lists_are_what_a_naive_evaluation_says() {
    let (first, count) = (number("SCIM_LIST_SEED", 1), number("SCIM_LISTS", 150));
    let more = json!({"indexes": {
        "User": ["title", "active", "name.familyName", format!("{ENTERPRISE}:employeeNumber"), "emails"],
        "Group": ["displayName"],
    }});
    for config in [json!({}), json!({"indexes": {"User": [], "Group": []}}), more] {
        let world = world(&config, first);
        for seed in first..first + count {
            let random = Seeded::new(seed);
            check(&world, &random, if seed % 3 == 0 { "Group" } else { "User" }, seed);
        }
    }
}
