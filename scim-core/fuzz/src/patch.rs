//! PATCH: all or nothing, read-only attributes stay, a repeated `add` changes nothing
//! (RFC 7644 §3.5.2).

use scim_core::dialect::Dialect;
use scim_core::protocol::Notes;
use scim_core::protocol::filter::Filter;
use scim_core::protocol::json::{self, Object};
use scim_core::protocol::limits::Limits;
use scim_core::protocol::patch::{self as message, PatchOp};
use scim_core::resource::patch::{self, Change};
use scim_core::resource::{Unknown, read};
use scim_core::schema::{self, Mutability, ResourceType};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// `{"given": resource, "dialect": name, "Operations": […]}`, for a user and for a group.
pub fn patch(data: &[u8]) {
    let Ok(input) = json::parse_object(data, &Limits::default()) else { return };
    let empty = Object::new();
    let given = input.get("given").and_then(Value::as_object).unwrap_or(&empty);
    let dialect = input.get("dialect").and_then(Value::as_str).and_then(Dialect::from_name);
    let Ok(operations) = message::parse(&input, &Limits::default()) else { return };
    let dialect = dialect.or_else(|| Dialect::of_patch(&operations)).unwrap_or(Dialect::Rfc);
    for resource_type in [schema::user(), schema::group()] {
        let reading = crate::reading(&resource_type, Unknown::Ignore);
        let Some(before) = base(&resource_type, given) else { continue };
        let Ok(changes) = patch::resolve(&operations, &reading, dialect.leniency(), &mut Notes::default()) else {
            continue;
        };
        let mut after = before.clone();
        if patch::apply(&resource_type, &mut after, &changes).is_err() {
            continue;
        }
        read_only_is_untouched(&resource_type, &before, &after);
        if read::check_required(&resource_type, &after).is_ok() {
            validates_again(&resource_type, &after);
        }
        for change in changes.iter().filter(|change| repeats(change)) {
            let mut once = before.clone();
            if patch::apply(&resource_type, &mut once, core::slice::from_ref(change)).is_ok() {
                let mut twice = once.clone();
                let again = patch::apply(&resource_type, &mut twice, core::slice::from_ref(change));
                assert_eq!((again, &twice), (Ok(()), &once), "{change:?} repeated");
            }
        }
    }
    service(&input);
}

/// The given resource as it would be stored, with read-only attributes as the service sets them.
fn base(resource_type: &ResourceType, given: &Object) -> Option<Object> {
    let mut base = crate::reading(resource_type, Unknown::Ignore).resource(given.clone(), &mut Notes::default()).ok()?;
    let is_user = &*resource_type.name == "User";
    base.insert(if is_user { "userName" } else { "displayName" }.into(), "bjensen".into());
    base.insert("id".into(), "2819c223".into());
    base.insert("meta".into(), json!({"resourceType": resource_type.name, "version": "W/\"1\""}));
    base.insert("schemas".into(), json!([resource_type.schema.id]));
    if is_user {
        base.insert("groups".into(), json!([{"value": "e9e30dba", "type": "direct"}]));
        if let Some(manager) = base.get_mut(ENTERPRISE).and_then(|e| e.get_mut("manager")) {
            manager.as_object_mut()?.insert("displayName".into(), "John Smith".into());
        }
    }
    Some(base)
}

fn read_only_is_untouched(resource_type: &ResourceType, before: &Object, after: &Object) {
    for attribute in resource_type.core_attributes() {
        let name = &*attribute.name;
        if attribute.mutability == Mutability::ReadOnly || name == "schemas" {
            assert_eq!(before.get(name), after.get(name), "`{name}` is read-only");
        }
    }
    let manager = |resource: &Object| Some(resource.get(ENTERPRISE)?.get("manager")?.clone());
    // The whole manager may go or be replaced; its read-only part may not get another value.
    if let (Some(before), Some(after)) = (manager(before), manager(after))
        && let Some(name) = after.get("displayName")
    {
        assert_eq!(before.get("displayName"), Some(name));
    }
}

fn validates_again(resource_type: &ResourceType, after: &Object) {
    let reading = crate::reading(resource_type, Unknown::Refuse);
    let once = reading.resource(after.clone(), &mut Notes::default());
    let once = once.unwrap_or_else(|error| panic!("a patched resource is not valid: {error:?}"));
    assert_eq!(reading.resource(once.clone(), &mut Notes::default()).as_ref(), Ok(&once));
}

/// Whether the law of repetition speaks of this change: an `add` that does not make its own filter
/// select something else than before.
fn repeats(change: &Change) -> bool {
    if change.op != PatchOp::Add {
        return false;
    }
    let Some(filter) = &change.filter else { return true };
    let mut named = Vec::new();
    names(filter, &mut named);
    let touches = |name: &str| named.iter().any(|other| other == name);
    // Another element's `primary` changes along with one that becomes primary.
    !touches("primary")
        && match (&change.sub, &change.value) {
            (Some(sub), _) => !touches(sub),
            (None, Some(Value::Object(object))) => !object.keys().any(|name| touches(name)),
            (None, _) => false,
        }
}

fn names(filter: &Filter, out: &mut Vec<String>) {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().for_each(|term| names(term, out)),
        Filter::Not(inner) | Filter::ValuePath { filter: inner, .. } => names(inner, out),
        Filter::Compare { path, .. } | Filter::Present(path) => out.push(path.name.clone()),
    }
}

/// The same through the service: an error leaves the user as it was, version included.
fn service(input: &Object) {
    let service = crate::service::Harness::new("{}");
    let mut user = input.get("given").and_then(Value::as_object).cloned().unwrap_or_default();
    user.retain(|key, _| !key.eq_ignore_ascii_case("userName") && !key.contains(':'));
    user.insert("userName".into(), "bjensen".into());
    user.remove("schemas");
    let (status, created) = service.send("POST", "/Users", Some(&Value::Object(user)));
    let (201, Some(id)) = (status, created["id"].as_str()) else { return };
    let path = format!("/Users/{id}");
    let (_, before) = service.send("GET", &path, None);
    let message = json!({"Operations": input.get("Operations")});
    let (status, _) = service.send("PATCH", &path, Some(&message));
    let (_, after) = service.send("GET", &path, None);
    match status {
        200 | 204 => {
            for pointer in ["/id", "/meta/created", "/meta/resourceType", "/groups"] {
                assert_eq!(before.pointer(pointer), after.pointer(pointer));
            }
        }
        400 | 409 | 412 | 413 => assert_eq!(before, after, "a refused PATCH changed something"),
        other => panic!("PATCH answered {other}"),
    }
}
