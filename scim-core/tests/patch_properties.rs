//! Properties of PATCH, of projection and of validation that hold for any input (RFC 7644 §3.5.2,
//! §3.9, RFC 7643 §2).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by a panic")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use scim_core::dialect::Dialect;
use scim_core::protocol::Notes;
use scim_core::protocol::json::Object;
use scim_core::protocol::limits::Limits;
use scim_core::protocol::patch as message;
use scim_core::resource::{Projection, Reading, Unknown, patch, read};
use scim_core::schema::{self, Mutability, ResourceType, Returned};
use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const TOKEN: &str = "properties-token-0123456789";
/// What the service alone sets.
const READ_ONLY: [&str; 4] = ["/id", "/meta/created", "/meta/resourceType", "/groups"];

// Values as clients send them: of the right type, of another type that is understood, and wrong.

fn text() -> BoxedStrategy<Value> {
    select(vec!["", "a", "A", "b@x.example", "true", "é"]).prop_map(Value::from).boxed()
}

fn boolean() -> BoxedStrategy<Value> {
    select(vec![json!(true), json!(false), json!("True"), json!("false")]).boxed()
}

fn odd() -> BoxedStrategy<Value> {
    let odd = [json!(null), json!([]), json!({}), json!(7), json!("maybe"), json!([["a"]])];
    select(odd.to_vec()).boxed()
}

fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| option::weighted(0.5, value).prop_map(move |value| (name, value)))
        .collect();
    members.prop_map(made).boxed()
}

fn made(members: Vec<(&'static str, Option<Value>)>) -> Value {
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}

fn element() -> BoxedStrategy<Value> {
    object(vec![
        ("value", text()),
        ("type", select(vec!["work", "home"]).prop_map(Value::from).boxed()),
        ("display", prop_oneof![9 => text(), 1 => odd()].boxed()),
        ("primary", prop_oneof![3 => boolean(), 1 => Just(Value::Null)].boxed()),
    ])
}

fn list(element: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop_oneof![8 => vec(element, 0..4).prop_map(Value::from), 1 => odd()].boxed()
}

fn name() -> BoxedStrategy<Value> {
    object(vec![("familyName", text()), ("GIVENNAME", text()), ("formatted", odd())])
}

fn enterprise() -> BoxedStrategy<Value> {
    let manager = object(vec![("value", text()), ("displayName", text())]);
    object(vec![
        ("department", text()),
        ("Division", text()),
        ("manager", prop_oneof![2 => manager, 1 => text(), 1 => odd()].boxed()),
    ])
}

fn address() -> BoxedStrategy<Value> {
    object(vec![("type", text()), ("locality", text()), ("primary", boolean())])
}

/// A body of a user, most of it valid.
fn user() -> BoxedStrategy<Value> {
    let read_only = json!({"id": "x", "meta": {"version": "x"}, "groups": [{"value": "x"}]});
    let body = object(vec![
        ("title", prop_oneof![9 => text(), 1 => odd()].boxed()),
        ("nickname", text()),
        ("active", prop_oneof![5 => boolean(), 1 => odd()].boxed()),
        ("name", name()),
        ("name.middleName", text()),
        ("emails", list(element())),
        ("emails.type", text()),
        ("roles", list(prop_oneof![element(), text()].boxed())),
        ("addresses", list(address())),
        (ENTERPRISE, enterprise()),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter", text()),
        ("urn:x:unknown", enterprise()),
        ("unknown", odd()),
    ]);
    (body, any::<bool>())
        .prop_map(move |(mut body, echoes)| {
            if let (true, Some(body)) = (echoes, body.as_object_mut()) {
                body.extend(read_only.as_object().unwrap().clone());
            }
            body
        })
        .boxed()
}

/// A path, and values of its attribute's type.
fn target() -> BoxedStrategy<(String, Value)> {
    let filters = ["", "[type eq \"work\"]", "[value pr]", "[primary eq true and not (type pr)]"];
    let whole = (select(vec!["emails", "roles", "photos"]), select(filters.to_vec()))
        .prop_flat_map(|(attribute, filter)| {
            let value = if filter.is_empty() { list(element()) } else { element() };
            (Just(format!("{attribute}{filter}")), value)
        });
    let part = (select(filters.to_vec()), select(vec![("value", text()), ("primary", boolean())]))
        .prop_flat_map(|(filter, (sub, value))| (Just(format!("emails{filter}.{sub}")), value));
    let single = select(vec![
        ("title", text()),
        ("ACTIVE", boolean()),
        ("name", name()),
        ("name.givenName", text()),
        ("addresses", list(address())),
        (ENTERPRISE, enterprise()),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", text()),
        ("id", text()),
        ("meta.created", text()),
        ("groups", list(element())),
        ("schemas", list(text())),
        ("userName", text()),
        ("unknown", text()),
    ])
    .prop_flat_map(|(path, value)| (Just(path.to_owned()), value));
    let path = prop_oneof![3 => whole, 3 => part, 4 => single];
    prop_oneof![
        9 => path.clone(),
        1 => (path, odd()).prop_map(|((path, _), value)| (path, value)),
    ]
    .boxed()
}

fn operation(ops: Vec<&'static str>) -> BoxedStrategy<Value> {
    let at_path = (select(ops.clone()), target())
        .prop_map(|(op, (path, value))| json!({"op": op, "path": path, "value": value}));
    let bare = target().prop_map(|(path, _)| json!({"op": "remove", "path": path}));
    let whole = (select(ops), user()).prop_map(|(op, value)| json!({"op": op, "value": value}));
    prop_oneof![6 => at_path, 1 => bare, 2 => whole].boxed()
}

fn any_operation() -> BoxedStrategy<Value> {
    operation(vec!["add", "Add", "replace", "Replace", "remove"])
}

// The service.

struct Client {
    service: Service<Memory, VirtualClock, Seeded>,
}

impl Client {
    fn new() -> Self {
        let config = Config::default().with_token(TOKEN).unwrap();
        let clock = VirtualClock::new(1_700_000_000_000);
        Self { service: Service::new(config, Memory::new(), clock, Seeded::new(1)) }
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {TOKEN}");
        let headers: [(&str, &[u8]); 2] =
            [("authorization", bearer.as_bytes()), ("content-type", b"application/scim+json")];
        let target = format!("/scim/v2{path}");
        let head = Head { method, target: &target, headers: &headers };
        let body = body.to_string().into_bytes();
        let outcome = pollster::block_on(self.service.handle(head, async |_| Ok(body)));
        (outcome.status, serde_json::from_slice(&outcome.body).unwrap_or_default())
    }

    /// A user with what is valid of `body`, in a group; its path.
    fn user(&self, body: &Value) -> Option<String> {
        let mut body = body.as_object()?.clone();
        body.insert("userName".into(), "bjensen".into());
        let (201, user) = self.send("POST", "/Users", &Value::Object(body)) else { return None };
        let id = user["id"].as_str()?;
        let group = json!({"displayName": "Guides", "members": [{"value": id}]});
        assert_eq!(self.send("POST", "/Groups", &group).0, 201);
        Some(format!("/Users/{id}"))
    }
}

fn reading(resource_type: &ResourceType, unknown: Unknown) -> Reading<'_> {
    Reading { resource_type, unknown }
}

/// What PATCH makes of a valid user; `None` if it is refused.
fn patched(before: &Object, operations: &[Value]) -> Option<Object> {
    let user = schema::user();
    let input = json!({"Operations": operations});
    let operations = message::parse(input.as_object()?, &Limits::default()).ok()?;
    let leniency = Dialect::Entra.leniency();
    let changes = patch::resolve(
        &operations,
        &reading(&user, Unknown::Ignore),
        leniency,
        &mut Notes::default(),
    )
    .ok()?;
    let mut after = before.clone();
    patch::apply(&user, &mut after, &changes).ok()?;
    Some(after)
}

/// The user as it is stored, and what the service adds to it.
fn stored(body: &Value) -> Option<Object> {
    let user = schema::user();
    let mut stored = reading(&user, Unknown::Ignore)
        .resource(body.as_object()?.clone(), &mut Notes::default())
        .ok()?;
    for (name, value) in [
        ("userName", json!("bjensen")),
        ("id", json!("2819c223")),
        ("schemas", json!([user.schema.id])),
        ("meta", json!({"resourceType": "User", "version": "W/\"1\""})),
        ("groups", json!([{"value": "e9e30dba", "type": "direct"}])),
    ] {
        stored.insert(name.into(), value);
    }
    Some(stored)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        max_global_rejects: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn patch_is_all_or_nothing_and_keeps_read_only_attributes(
        body in user(),
        operations in vec(any_operation(), 1..5),
    ) {
        let client = Client::new();
        let Some(path) = client.user(&body) else { return Ok(()) };
        let (_, before) = client.send("GET", &path, &Value::Null);
        let (status, answer) = client.send("PATCH", &path, &json!({"Operations": operations}));
        let (_, after) = client.send("GET", &path, &Value::Null);
        if status == 200 {
            prop_assert_eq!(&answer, &after);
            for pointer in READ_ONLY {
                prop_assert_eq!(before.pointer(pointer), after.pointer(pointer));
            }
        } else {
            prop_assert!(status == 400, "{status}");
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn patch_of_the_core_keeps_read_only_attributes(
        body in user(),
        operations in vec(any_operation(), 1..5),
    ) {
        let Some(before) = stored(&body) else { return Ok(()) };
        let Some(after) = patched(&before, &operations) else { return Ok(()) };
        for attribute in schema::user().core_attributes() {
            if attribute.mutability == Mutability::ReadOnly {
                prop_assert_eq!(before.get(&*attribute.name), after.get(&*attribute.name));
            }
        }
    }

    #[test]
    fn a_patched_resource_is_valid(body in user(), operations in vec(any_operation(), 1..5)) {
        let Some(before) = stored(&body) else { return Ok(()) };
        let Some(after) = patched(&before, &operations) else { return Ok(()) };
        let user = schema::user();
        let reading = reading(&user, Unknown::Refuse);
        let read = reading.resource(after.clone(), &mut Notes::default());
        prop_assert!(read.is_ok(), "{read:?}");
        let read = read.unwrap();
        let read_only = |name: &str| ["id", "meta", "schemas", "groups"].contains(&name);
        let kept = after.into_iter().filter(|(name, _)| !read_only(name));
        let kept: Object = kept.collect();
        let mut read_of_it: Object = read;
        read_of_it.remove("schemas");
        prop_assert_eq!(read_of_it, kept);
    }

    #[test]
    fn add_repeated_changes_nothing(body in user(), operation in operation(vec!["add"])) {
        // An `add` to what a filter selects can make the element another one, and be asked again.
        prop_assume!(!operation["path"].as_str().is_some_and(|path| path.contains('[')));
        // So can a list and a dotted key that then speaks of all its elements.
        prop_assume!(operation["op"] == "add" && operation["value"].get("emails.type").is_none());
        let client = Client::new();
        let Some(path) = client.user(&body) else { return Ok(()) };
        let message = json!({"Operations": [operation]});
        let (200, once) = client.send("PATCH", &path, &message) else { return Ok(()) };
        let (status, twice) = client.send("PATCH", &path, &message);
        prop_assert_eq!((status, twice), (200, once), "the version included");
    }

    #[test]
    fn what_is_validated_validates_again(body in user()) {
        let user = schema::user();
        for unknown in [Unknown::Ignore, Unknown::Refuse, Unknown::Keep] {
            let reading = reading(&user, unknown);
            let Ok(once) = reading.resource(body.as_object().unwrap().clone(), &mut Notes::default()) else { continue };
            let twice = reading.resource(once.clone(), &mut Notes::default());
            prop_assert_eq!(twice.as_ref(), Ok(&once));
            let complete = read::check_required(&user, &once).is_ok();
            prop_assert_eq!(complete, once.contains_key("userName"));
        }
    }

    #[test]
    fn projection_never_adds(
        body in user(),
        names in subsequence(NAMES.to_vec(), 0..4),
        only in any::<bool>(),
    ) {
        let Some(mut resource) = stored(&body) else { return Ok(()) };
        resource.insert("password".into(), "secret".into());
        let user = schema::user();
        let names = names.join(",");
        let (attributes, excluded) = if only { (Some(&*names), None) } else { (None, Some(&*names)) };
        let projection =
            Projection::parse(attributes, excluded, &user, &Limits::default()).unwrap();
        let seen = projection.apply(&user, resource.clone());
        prop_assert!(is_part(&Value::Object(seen.clone()), &Value::Object(resource.clone())));
        prop_assert_eq!(projection.apply(&user, seen.clone()), seen.clone());
        for attribute in user.core_attributes() {
            let name = &*attribute.name;
            match attribute.returned {
                Returned::Never => prop_assert!(!seen.contains_key(name)),
                Returned::Always => prop_assert_eq!(seen.get(name), resource.get(name)),
                Returned::Default | Returned::Request => {}
            }
        }
    }
}

const NAMES: [&str; 12] = [
    "userName",
    "NAME.familyName",
    "emails",
    "emails.value",
    "password",
    "id",
    "schemas",
    "meta.version",
    "groups",
    ENTERPRISE,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "unknown",
];

/// Whether `part` holds nothing that `whole` does not hold at the same place.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(name, value)| whole.get(name).is_some_and(|other| is_part(value, other))),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(p, w)| is_part(p, w))
        }
        _ => part == whole,
    }
}
