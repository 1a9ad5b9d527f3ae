//! Which values of a resource must be its alone, and the text by which an index tells values apart
//! (RFC 7643 §7, `uniqueness`).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::keys;
use crate::protocol::datetime;
use crate::protocol::json::Object;
use crate::resource::matching::fold_case;
use crate::schema::{AttrType, Attribute, ResourceType, Schema, Uniqueness};

/// Bytes of an attribute's full name in a key; what is longer is cut to a head and a hash.
const NAME_BYTES: usize = 64;
/// Bytes of that head.
const HEAD_BYTES: usize = 31;
/// Bytes of the hash, written in twice as many hexadecimal digits.
const HASH_BYTES: usize = 16;

/// One attribute or sub-attribute whose values must be unique.
#[derive(Clone, Copy)]
pub(super) struct Unique<'a> {
    urn: Option<&'a str>,
    attribute: &'a Attribute,
    sub: Option<&'a Attribute>,
}

/// All unique attributes of a type: of its schema, and of its extensions.
pub(super) fn unique_attributes(resource_type: &ResourceType) -> impl Iterator<Item = Unique<'_>> {
    let extensions = resource_type.extensions.iter().map(|e| (Some(&*e.schema.id), &e.schema));
    core::iter::once((None, &resource_type.schema))
        .chain(extensions)
        .flat_map(|(urn, schema)| of_schema(urn, schema))
}

fn of_schema<'a>(urn: Option<&'a str>, schema: &'a Schema) -> impl Iterator<Item = Unique<'a>> {
    let all = schema.attributes.iter().flat_map(move |attribute| {
        let subs = attribute.sub_attributes.iter().map(Some);
        core::iter::once(None).chain(subs).map(move |sub| Unique { urn, attribute, sub })
    });
    all.filter(|unique| unique.leaf().uniqueness != Uniqueness::None)
}

impl<'a> Unique<'a> {
    /// The unique attribute of the core schema that a path names; a complex one means its `value`.
    pub(super) fn find(
        resource_type: &'a ResourceType,
        attribute: &str,
        sub: Option<&str>,
    ) -> Option<Self> {
        let attribute = resource_type.schema.attributes.iter().find(|a| a.name == *attribute)?;
        let sub = match sub {
            Some(sub) => Some(attribute.sub(sub)?),
            None if attribute.kind == AttrType::Complex => Some(attribute.sub("value")?),
            None => None,
        };
        let found = Self { urn: None, attribute, sub };
        (found.leaf().uniqueness != Uniqueness::None).then_some(found)
    }

    pub(super) fn leaf(&self) -> &'a Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// The full name, as errors call it.
    pub(super) fn name(&self) -> String {
        let urn = self.urn.map(|urn| format!("{urn}:")).unwrap_or_default();
        let sub = self.sub.map(|sub| format!(".{}", sub.name)).unwrap_or_default();
        format!("{urn}{}{sub}", self.attribute.name)
    }

    /// The key of one value.
    pub(super) fn key(&self, resource_type: &ResourceType, normalized: &str) -> Vec<u8> {
        keys::unique(&resource_type.name, &key_name(&self.name()), normalized)
    }

    /// The values that a resource has, as an index compares them.
    pub(super) fn values(&self, resource: &Object) -> Vec<String> {
        let home = match self.urn {
            Some(urn) => resource.get(urn).and_then(Value::as_object),
            None => Some(resource),
        };
        home.map(|home| values(home, self.attribute, self.sub)).unwrap_or_default()
    }
}

/// A name that is short enough for a key, and still the only one of its kind.
fn key_name(name: &str) -> Cow<'_, str> {
    if name.len() <= NAME_BYTES {
        return Cow::Borrowed(name);
    }
    let mut short: String = name.bytes().take(HEAD_BYTES).map(char::from).collect();
    short.push('#');
    let hash = Sha256::digest(name.as_bytes());
    let digits = hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}"));
    short.extend(digits);
    Cow::Owned(short)
}

/// The values of an attribute or sub-attribute in `home`, as an index compares them.
pub(super) fn values(home: &Object, attribute: &Attribute, sub: Option<&Attribute>) -> Vec<String> {
    let leaf = sub.unwrap_or(attribute);
    let elements = listed(home.get(&*attribute.name)).iter();
    let found = elements.flat_map(|element| match sub {
        Some(sub) => listed(element.get(&*sub.name)),
        None => core::slice::from_ref(element),
    });
    found.filter_map(|value| normalized(leaf, value)).collect()
}

fn listed(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        Some(one) => core::slice::from_ref(one),
        None => &[],
    }
}

/// A value as an index compares it: two values have the same text exactly if a filter finds them
/// equal. Letter case counts where the schema says so; times count by their instants, numbers by
/// what they are worth.
pub(super) fn normalized(attribute: &Attribute, value: &Value) -> Option<String> {
    match (attribute.kind, value) {
        (AttrType::DateTime, Value::String(text)) => Some(datetime::parse(text)?.to_string()),
        (AttrType::String, Value::String(text)) if !attribute.case_exact => Some(fold_case(text)),
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Number(number)) => Some(worth(number)),
        (_, Value::Bool(flag)) => Some(flag.to_string()),
        (_, Value::Null | Value::Array(_) | Value::Object(_)) => None,
    }
}

/// The shortest text of a number: `1.0` and `1e0` are `1`.
fn worth(number: &Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    // Never with an exponent, and without a fraction where there is none.
    let text = number.as_f64().map(|value| format!("{value}")).unwrap_or_default();
    if text == "-0" { "0".into() } else { text }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use serde_json::{Value, json};

    use super::{key_name, normalized};
    use crate::schema::Catalog;

    /// The normalized text of a value of an attribute with this definition.
    fn text(definition: &Value, value: &Value) -> Option<alloc::string::String> {
        let schemas = json!([{"id": "urn:example:Thing", "attributes": [definition]}]);
        let types = json!([{"name": "Thing", "endpoint": "T", "schema": "urn:example:Thing"}]);
        let catalog = Catalog::configured(Some(&schemas), Some(&types)).unwrap();
        normalized(&catalog.by_name("Thing").unwrap().schema.attributes[0], value)
    }

    #[test]
    fn equal_values_have_one_text() {
        let decimal = json!({"name": "a", "type": "decimal"});
        for (one, other) in
            [(json!(1), json!(1.0)), (json!(-0.0), json!(0)), (json!(2.50), json!(2.5))]
        {
            assert_eq!(text(&decimal, &one), text(&decimal, &other), "{one} {other}");
        }
        assert_ne!(text(&decimal, &json!(1)), text(&decimal, &json!(1.5)));
        let time = json!({"name": "a", "type": "dateTime"});
        let utc = text(&time, &json!("2026-01-01T00:00:00Z"));
        assert_eq!(utc, text(&time, &json!("2026-01-01T01:00:00.000+01:00")));
        let word = json!({"name": "a"});
        assert_eq!(text(&word, &json!("Äb")), text(&word, &json!("äB")));
        let exact = json!({"name": "a", "caseExact": true});
        assert_ne!(text(&exact, &json!("Ab")), text(&exact, &json!("ab")));
        let uri = json!({"name": "a", "type": "reference", "referenceTypes": ["uri"]});
        assert_ne!(text(&uri, &json!("urn:A")), text(&uri, &json!("urn:a")));
    }

    #[test]
    fn a_long_name_is_cut_and_stays_apart() {
        let name = |end: &str| "urn:example:".to_string() + &"x".repeat(80) + end;
        assert_eq!(key_name("userName"), "userName");
        assert_eq!(key_name(&name("a")).len(), 64);
        assert_ne!(key_name(&name("a")), key_name(&name("b")));
    }
}
