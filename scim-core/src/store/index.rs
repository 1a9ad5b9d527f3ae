//! Indexes: which attributes have one, and the text by which an index tells values apart
//! (RFC 7643 §7, `uniqueness`).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Number, Value};

use super::keys::{KeyRange, ResourceId, Values};
use super::stretch::Stretch;
use crate::protocol::datetime;
use crate::protocol::filter::CompareOp;
use crate::protocol::json::Object;
use crate::protocol::path::AttrPath;
use crate::resource::matching::fold_case;
use crate::schema::{AttrType, Attribute, ResourceType, Returned, Schema, Uniqueness};

/// The index of one attribute or sub-attribute.
///
/// A unique one has one entry per value. Another one has an entry per value and resource; if the
/// attribute has one value, a resource without it has an entry behind all values, so that a list can
/// be sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index<'a> {
    urn: Option<&'a str>,
    attribute: &'a Attribute,
    sub: Option<&'a Attribute>,
}

/// All indexes of a type: those of the unique attributes of its schema and its extensions, and those
/// that it is configured to have.
#[must_use]
pub fn indexes(resource_type: &ResourceType) -> Vec<Index<'_>> {
    let extensions = resource_type.extensions.iter().map(|e| (Some(&*e.schema.id), &e.schema));
    let schemas = core::iter::once((None, &resource_type.schema)).chain(extensions);
    let mut all: Vec<Index<'_>> = schemas.flat_map(|(urn, schema)| unique(urn, schema)).collect();
    for path in &resource_type.indexed {
        if let Some(index) = Index::find(resource_type, path).filter(|index| !all.contains(index)) {
            all.push(index);
        }
    }
    all
}

fn unique<'a>(urn: Option<&'a str>, schema: &'a Schema) -> impl Iterator<Item = Index<'a>> {
    let all = schema.attributes.iter().flat_map(move |attribute| {
        let subs = attribute.sub_attributes.iter().map(Some);
        core::iter::once(None).chain(subs).map(move |sub| Index { urn, attribute, sub })
    });
    all.filter(Index::is_unique)
}

impl<'a> Index<'a> {
    /// The index that an attribute can have; a complex one means its `value` (RFC 7643 §2.4). `None`
    /// for what has no values of its own to look for: unknown names, complex attributes without a
    /// `value`, binary values, what is never returned, and what the service makes.
    #[must_use]
    pub fn find(resource_type: &'a ResourceType, path: &AttrPath) -> Option<Self> {
        let found = resource_type.resolve(path)?;
        let is_common = resource_type.common.iter().any(|common| common == found.attribute);
        let attribute = found.attribute;
        let sub = match found.sub {
            None if attribute.kind == AttrType::Complex => Some(attribute.sub("value")?),
            sub => sub,
        };
        let index = Self { urn: found.extension, attribute, sub };
        let secret = [Some(attribute), sub].into_iter().flatten();
        let is_secret = secret.into_iter().any(|part| part.returned == Returned::Never);
        let has_values = !matches!(index.leaf().kind, AttrType::Binary | AttrType::Complex);
        let is_made = matches!(&*attribute.name, "members" | "groups") && found.extension.is_none();
        (has_values && !is_secret && !is_common && !is_made).then_some(index)
    }

    /// The one of `indexes` that a resolved path of a filter names.
    #[must_use]
    pub fn named<'i>(indexes: &'i [Self], path: &AttrPath) -> Option<&'i Self> {
        indexes.iter().find(|index| {
            index.urn == path.urn.as_deref()
                && index.attribute.name == *path.name
                && index.sub.map(|sub| &*sub.name) == path.sub.as_deref()
        })
    }

    /// Whether a value can be that of one resource only.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.leaf().uniqueness != Uniqueness::None
    }

    /// Whether a resource can have several values.
    #[must_use]
    pub fn is_multi_valued(&self) -> bool {
        self.attribute.multi_valued || self.sub.is_some_and(|sub| sub.multi_valued)
    }

    /// Whether each resource has an entry, and entries are in the order of a list that is sorted by
    /// the attribute.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        let has_all = !self.is_unique() || self.leaf().required;
        has_all && !self.is_multi_valued()
    }

    fn leaf(&self) -> &'a Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// How its entries are made: whoever makes them in another way makes another index.
    pub(super) fn form(&self) -> u8 {
        let leaf = self.leaf();
        let kind = match leaf.kind {
            AttrType::String => 0,
            AttrType::Boolean => 1,
            AttrType::Decimal => 2,
            AttrType::Integer => 3,
            AttrType::DateTime => 4,
            AttrType::Reference => 5,
            AttrType::Binary => 6,
            AttrType::Complex => 7,
        };
        let flags = [leaf.case_exact, self.is_multi_valued(), self.is_unique()];
        flags.iter().fold(kind, |form, flag| form << 1 | u8::from(*flag))
    }

    /// The full name, as errors call it.
    #[must_use]
    pub fn name(&self) -> String {
        let urn = self.urn.map(|urn| format!("{urn}:")).unwrap_or_default();
        let sub = self.sub.map(|sub| format!(".{}", sub.name)).unwrap_or_default();
        format!("{urn}{}{sub}", self.attribute.name)
    }

    pub(super) fn keys(&self, resource_type: &ResourceType) -> Values {
        Values::new(&resource_type.name, &self.name(), self.is_unique())
    }

    /// All its entries.
    #[must_use]
    pub fn whole(&self, resource_type: &ResourceType) -> Stretch {
        Stretch::of_index(self, self.keys(resource_type).all(), true)
    }

    /// The entries that a comparison with a literal selects, and whether it is these exactly.
    pub(super) fn compared(
        &self,
        resource_type: &ResourceType,
        op: CompareOp,
        literal: &Value,
    ) -> Option<(KeyRange, bool)> {
        let kind = self.leaf().kind;
        let is_served = match op {
            CompareOp::Eq => true,
            // Parts of a date's text are nothing that its instant shows.
            CompareOp::Sw => matches!(kind, AttrType::String | AttrType::Reference),
            _ => kind != AttrType::Boolean && is_exactly_ordered(literal),
        };
        let value = normalized(self.leaf(), literal).filter(|_| is_served)?;
        self.keys(resource_type).compared(op, &value)
    }

    /// The keys of a resource's entries.
    pub(super) fn entries(
        &self,
        resource_type: &ResourceType,
        id: ResourceId,
        attributes: &Object,
    ) -> Vec<Vec<u8>> {
        let keys = self.keys(resource_type);
        let home = match self.urn {
            Some(urn) => attributes.get(urn).and_then(Value::as_object),
            None => Some(attributes),
        };
        let values = home.map(|home| values(home, self.attribute, self.sub)).unwrap_or_default();
        if self.is_unique() {
            return values.iter().map(|value| keys.key(value, None)).collect();
        }
        if values.is_empty() && !self.is_multi_valued() {
            return Vec::from([keys.key_of_none(id)]);
        }
        values.iter().map(|value| keys.key(value, Some(id))).collect()
    }
}

/// The values of an attribute or sub-attribute in `home`, as an index compares them.
fn values(home: &Object, attribute: &Attribute, sub: Option<&Attribute>) -> Vec<String> {
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
/// equal, and texts are in the order of the values. Letter case counts where the schema says so; times
/// count by their instants, numbers by what they are worth.
fn normalized(attribute: &Attribute, value: &Value) -> Option<String> {
    match (attribute.kind, value) {
        (AttrType::DateTime, Value::String(text)) => Some(instant(datetime::parse(text)?)),
        (AttrType::String, Value::String(text)) if !attribute.case_exact => Some(fold_case(text)),
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Number(number)) => Some(worth(number)),
        (_, Value::Bool(flag)) => Some(flag.to_string()),
        (_, Value::Null | Value::Array(_) | Value::Object(_)) => None,
    }
}

/// An instant as text: all have as many digits, and those before 1970 come first.
fn instant(nanos: i128) -> String {
    format!("{:032x}", nanos.cast_unsigned() ^ (1 << 127))
}

/// A number as text: first the nearest one of double precision, by whose digits texts are in order,
/// then the shortest text of the number itself: `1.0` and `1e0` are `1`.
fn worth(number: &Number) -> String {
    // The sum makes -0 one with 0.
    let double = number.as_f64().unwrap_or_default() + 0.0;
    let bits = double.to_bits();
    let ordered = if double.is_sign_negative() { !bits } else { bits | (1 << 63) };
    if number.is_i64() || number.is_u64() {
        return format!("{ordered:016x}{number}");
    }
    // Never with an exponent, and without a fraction where there is none.
    format!("{ordered:016x}{double}")
}

/// Whether all numbers above this one have texts above its text: beyond 2^53 several share the first
/// part.
fn is_exactly_ordered(literal: &Value) -> bool {
    /// 2^53.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    literal.as_f64().is_none_or(|number| number.abs() < EXACT)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::normalized;
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
        let order = |definition: &Value, low: &Value, high: &Value| {
            assert!(text(definition, low) < text(definition, high), "{low} {high}");
        };
        for pair in
            [json!(-2.5), json!(-1), json!(0), json!(0.25), json!(3), json!(20), json!(1e300)]
                .windows(2)
        {
            order(&decimal, &pair[0], &pair[1]);
        }
        order(&time, &json!("1969-12-31T23:59:59Z"), &json!("1970-01-01T00:00:00Z"));
        order(&time, &json!("0001-01-01T00:00:00Z"), &json!("1969-12-31T23:59:59Z"));
        let uri = json!({"name": "a", "type": "reference", "referenceTypes": ["uri"]});
        assert_ne!(text(&uri, &json!("urn:A")), text(&uri, &json!("urn:a")));
    }
}
