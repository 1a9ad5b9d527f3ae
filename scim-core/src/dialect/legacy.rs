//! SCIM 1.1's names in a body for SCIM 2.0, as OneLogin's templates write them (RFC 7643 §4).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::protocol::json::{self, Object};
use crate::protocol::{Notes, Rule, urn};

/// SCIM 1.1's URNs, and what stands for them in SCIM 2.0.
const URNS: [(&str, &str); 3] = [
    ("urn:scim:schemas:core:1.0", urn::USER),
    ("urn:scim:schemas:extension:enterprise:1.0", urn::ENTERPRISE_USER),
    ("urn:scim:schemas:extension:enterprise:2.0:User", urn::ENTERPRISE_USER),
];

/// The body with SCIM 2.0's names in place of SCIM 1.1's: URNs in `schemas` and as members, and
/// `manager.managerId`. A name that is there already in its new form wins.
///
/// `schema` is the URN of the resource's own schema: SCIM 1.1 had one for all resources.
#[must_use]
pub fn modernize(mut body: Object, schema: &str, notes: &mut Notes) -> Object {
    let listed = json::member(&body, "schemas").and_then(Value::as_array).into_iter().flatten();
    let mut names = listed.filter_map(Value::as_str).chain(body.keys().map(String::as_str));
    let manager = body.get(urn::ENTERPRISE_USER).and_then(|home| home.get("manager"));
    let has_old_manager = manager.is_some_and(|manager| manager.get("managerId").is_some());
    if has_old_manager || names.any(|name| modern(name, schema).is_some()) {
        notes.add(Rule::Scim1Name, "");
        rename(&mut body, schema);
    }
    body
}

fn rename(body: &mut Object, schema: &str) {
    let schemas = body.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("schemas"));
    if let Some((_, Value::Array(names))) = schemas {
        for name in names.iter_mut() {
            if let Some(new) = name.as_str().and_then(|old| modern(old, schema)) {
                *name = new.into();
            }
        }
    }
    let is_old = |key: &&String| modern(key, schema).is_some_and(|new| new != schema);
    let old: Vec<String> = body.keys().filter(is_old).cloned().collect();
    for old in old {
        if let (Some(value), Some(new)) = (body.remove(&old), modern(&old, schema)) {
            body.entry(new).or_insert(value);
        }
    }
    let manager = body.get_mut(urn::ENTERPRISE_USER).and_then(|home| home.get_mut("manager"));
    if let Some(Value::Object(manager)) = manager
        && let Some(id) = manager.remove("managerId")
    {
        manager.entry("value").or_insert(id);
    }
}

fn modern<'a>(old: &str, schema: &'a str) -> Option<&'a str> {
    let (_, new) = URNS.iter().find(|(name, _)| name.eq_ignore_ascii_case(old))?;
    Some(if *new == urn::USER { schema } else { new })
}
