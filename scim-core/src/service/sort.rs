//! The order of a sorted list (RFC 7644 §3.4.2.3).

use alloc::format;
use alloc::string::{String, ToString};
use core::cmp::Ordering;

use serde_json::Value;

use crate::protocol::Error;
use crate::protocol::datetime;
use crate::protocol::json::Object;
use crate::protocol::path::AttrPath;
use crate::protocol::query::SortOrder;
use crate::resource::{element, matching};
use crate::schema::{AttrType, ResourceType, Returned};
use crate::store::keys::ResourceId;

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
    Text(String),
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
            Value::String(text) if self.case_exact => Some(SortKey::Text(text.clone())),
            Value::String(text) => Some(SortKey::Text(matching::fold_case(text))),
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
            // One attribute has values of one type.
            _ => Ordering::Equal,
        }
    }
}

/// Sorts; resources without a value come last in ascending order, equal ones by type and id.
pub(super) fn sort(found: &mut [(Option<SortKey>, usize, ResourceId)], order: SortOrder) {
    found.sort_by(|(a, a_type, a_id), (b, b_type, b_id)| {
        let by_key = match (a, b) {
            (Some(a), Some(b)) => a.order(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        let by_key = if order == SortOrder::Descending { by_key.reverse() } else { by_key };
        by_key.then_with(|| (a_type, a_id).cmp(&(b_type, b_id)))
    });
}
