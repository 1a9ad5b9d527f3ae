//! The order of a sorted list (RFC 7644 §3.4.2.3).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;

use serde_json::Value;

use crate::protocol::Error;
use crate::protocol::datetime;
use crate::protocol::json::Object;
use crate::protocol::path::AttrPath;
use crate::protocol::query::SortOrder;
use crate::resource::{element, matching};
use crate::schema::{AttrType, ResourceType, Returned};
use crate::store::index::Index;
use crate::store::keys::ResourceId;
use crate::store::stretch::Stretch;

/// The attribute that a list is sorted by.
#[derive(Clone, Debug)]
pub(super) struct SortBy {
    extension: Option<String>,
    attribute: String,
    sub: Option<String>,
    kind: AttrType,
    case_exact: bool,
}

/// The value of that attribute in one resource.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SortKey {
    Bool(bool),
    Number(f64),
    Instant(i128),
    /// Text, folded where letter case does not count.
    Text(String),
    /// The key of an entry of the tree: the list is read from there.
    Entry(Vec<u8>),
}

/// Bytes of a text that count for its place; a cursor has to carry them.
const TEXT_BYTES: usize = 256;

/// The beginning of a text, to the last whole character.
fn beginning(mut text: String) -> String {
    let end = (0..=TEXT_BYTES).rev().find(|at| text.is_char_boundary(*at));
    if text.len() > TEXT_BYTES {
        text.truncate(end.unwrap_or_default());
    }
    text
}

impl SortBy {
    /// Finds the attribute; a complex one means its `value`.
    pub(super) fn find(path: &AttrPath, resource_type: &ResourceType) -> Result<Self, Error> {
        let name = element::printable(&path.to_string());
        let refuse = |why: &str| Error::invalid_path(format!("`sortBy`: `{name}` {why}"));
        let Some(found) = resource_type.resolve(path) else {
            return Err(refuse("is no attribute"));
        };
        let mut leaf = found.leaf();
        let mut sub = found.sub.map(|sub| sub.name.to_string());
        if leaf.kind == AttrType::Complex {
            leaf = leaf.sub("value").ok_or_else(|| refuse("needs a sub-attribute"))?;
            sub = Some(leaf.name.to_string());
        }
        if leaf.returned == Returned::Never || found.attribute.returned == Returned::Never {
            return Err(refuse("cannot be sorted by"));
        }
        Ok(Self {
            extension: found.extension.map(ToString::to_string),
            attribute: found.attribute.name.to_string(),
            sub,
            kind: leaf.kind,
            case_exact: leaf.case_exact,
        })
    }

    /// The entries of the tree that have all resources of the type in this order, if any do.
    pub(super) fn stretch(
        &self,
        resource_type: &ResourceType,
        indexes: &[Index<'_>],
    ) -> Option<Stretch> {
        match (&self.extension, &*self.attribute, self.sub.as_deref()) {
            // Identifiers are made from the time of creation.
            (None, "id", None) | (None, "meta", Some("created")) => {
                Some(Stretch::resources(resource_type))
            }
            (None, "meta", Some("lastModified")) => Some(Stretch::modified(resource_type)),
            _ => {
                let (urn, name, sub) = (&self.extension, &self.attribute, &self.sub);
                let path = AttrPath { urn: urn.clone(), name: name.clone(), sub: sub.clone() };
                let index = Index::named(indexes, &path).filter(|index| index.is_sorted())?;
                Some(index.whole(resource_type))
            }
        }
    }

    /// The value to sort a resource by: of several, the primary one or the first.
    pub(super) fn key(&self, resource: &Object) -> Option<SortKey> {
        let value = match &self.extension {
            Some(urn) => resource.get(urn)?.get(&self.attribute)?,
            None => resource.get(&self.attribute)?,
        };
        let one = match value {
            Value::Array(items) => {
                items.iter().find(|item| element::is_primary(item)).or_else(|| items.first())?
            }
            one => one,
        };
        let leaf = match &self.sub {
            Some(sub) => one.get(sub)?,
            None => one,
        };
        match leaf {
            Value::Bool(value) => Some(SortKey::Bool(*value)),
            Value::Number(value) => value.as_f64().map(SortKey::Number),
            Value::String(text) if self.kind == AttrType::DateTime => {
                datetime::parse(text).map(SortKey::Instant)
            }
            Value::String(text) if self.case_exact => Some(SortKey::Text(beginning(text.clone()))),
            Value::String(text) => Some(SortKey::Text(beginning(matching::fold_case(text)))),
            _ => None,
        }
    }
}

impl SortKey {
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Entry(a), Self::Entry(b)) => a.cmp(b),
            // One attribute has values of one type.
            _ => Ordering::Equal,
        }
    }
}

/// The place of a resource in a list: its key to sort by, its type's place, its id.
pub(super) type Place = (Option<SortKey>, usize, ResourceId);

/// The order of two resources in a list; of a list that is not sorted, too, since it has no keys.
/// Resources without a value come last in ascending order, equal ones by type and id. Descending
/// order is the whole of it turned round, so that an index can be read from either end.
pub(super) fn order(a: &Place, b: &Place, order: SortOrder) -> Ordering {
    let by_key = match (&a.0, &b.0) {
        (Some(a), Some(b)) => a.order(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    let ascending = by_key.then_with(|| (a.1, a.2).cmp(&(b.1, b.2)));
    if order == SortOrder::Descending { ascending.reverse() } else { ascending }
}
