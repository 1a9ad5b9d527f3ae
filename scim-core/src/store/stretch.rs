//! Stretches of the tree whose entries name resources: what a look-up or a sorted list reads.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::index::Index;
use super::keys::{self, KeyRange, ResourceId, Values};
use super::{Entry, Read, StoreError};
use crate::protocol::datetime::{self, NANOS_PER_MS};
use crate::protocol::filter::CompareOp;
use crate::protocol::path::AttrPath;
use crate::schema::ResourceType;

/// The attribute whose values are kept per provisioning domain.
const EXTERNAL_ID: &str = "externalId";
/// The attribute that has an index in every type.
const META: (&str, &str) = ("meta", "lastModified");

/// Where an entry has the id of its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdIn {
    /// At the end of its key.
    Key,
    /// In its value.
    Value,
}

/// Neighbouring entries of the tree, each of which names a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The full name of the attribute by which the entries are ordered.
    pub index: String,
    /// The keys.
    pub range: KeyRange,
    /// Where the ids are.
    pub id_in: IdIn,
    /// Whether the resources are exactly those that were asked for; else these are among them.
    pub is_exact: bool,
    /// Whether a resource can have no other entry in this index, here or elsewhere.
    pub is_single: bool,
    /// Whether no resource stands here twice.
    pub is_distinct: bool,
}

impl Stretch {
    /// No entries.
    #[must_use]
    pub fn none() -> Self {
        Self::of_keys("", KeyRange::default())
    }

    /// All resources of a type, by their ids.
    #[must_use]
    pub fn resources(resource_type: &ResourceType) -> Self {
        Self::of_keys("id", keys::resources(&resource_type.name))
    }

    /// All resources of a type, least recently changed first.
    #[must_use]
    pub fn modified(resource_type: &ResourceType) -> Self {
        let range = keys::modified_between(&resource_type.name, 0, None);
        Self::of_keys(&modified_name(), range)
    }

    /// The groups of a member.
    #[must_use]
    pub fn groups_of(member: ResourceId) -> Self {
        Self { is_single: false, ..Self::of_keys("members.value", keys::groups(member)) }
    }

    /// The members of a group, of any type.
    #[must_use]
    pub fn members_of(group: ResourceId) -> Self {
        let all = Self::of_keys("groups.value", keys::members(group));
        Self { is_exact: false, is_single: false, ..all }
    }

    fn of_keys(index: &str, range: KeyRange) -> Self {
        let (is_exact, is_single, is_distinct) = (true, true, true);
        Self { index: index.to_string(), range, id_in: IdIn::Key, is_exact, is_single, is_distinct }
    }

    pub(super) fn of_index(index: &Index<'_>, range: KeyRange, is_exact: bool) -> Self {
        let is_single = !index.is_multi_valued();
        Self {
            index: index.name(),
            range,
            id_in: if index.is_unique() { IdIn::Value } else { IdIn::Key },
            is_exact,
            is_single,
            is_distinct: is_single,
        }
    }

    /// The entries that stand in both, of an attribute with one value; `None` if it is not the same
    /// attribute, or may have several.
    #[must_use]
    pub fn both(&self, other: &Self) -> Option<Self> {
        if self.index != other.index || !self.is_single || !other.is_single {
            return None;
        }
        let start = self.range.0.clone().max(other.range.0.clone());
        let end = self.range.1.clone().min(other.range.1.clone());
        let is_exact = self.is_exact && other.is_exact;
        Some(Self { range: (start, end), is_exact, ..self.clone() })
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// As [`Read`].
    pub async fn count(&self, read: &impl Read) -> Result<u64, StoreError> {
        read.count(&self.range.0, &self.range.1).await
    }

    /// The ids of at most `limit` entries, from the first one on.
    ///
    /// # Errors
    /// As [`Read`].
    pub async fn ids(&self, read: &impl Read, limit: usize) -> Result<Vec<ResourceId>, StoreError> {
        let entries = read.range(&self.range.0, &self.range.1, 0, limit).await?;
        entries.iter().map(|entry| self.id(entry)).collect()
    }

    /// The resource that an entry names.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it names none.
    pub fn id(&self, (key, value): &Entry) -> Result<ResourceId, StoreError> {
        let holder = match self.id_in {
            IdIn::Key => key,
            IdIn::Value => value,
        };
        let id = keys::id_at_end(holder);
        id.ok_or(StoreError::Corrupt("an index entry"))
    }
}

fn modified_name() -> String {
    [META.0, META.1].join(".")
}

/// The entries of the resources for which `path op value` holds, if one of `indexes`, or one that
/// every type has, is in the order that it takes. `domain` is the provisioning domain whose
/// `externalId` is meant.
#[must_use]
pub fn compared(
    resource_type: &ResourceType,
    indexes: &[Index<'_>],
    domain: &str,
    path: &AttrPath,
    op: CompareOp,
    value: &Value,
) -> Option<Stretch> {
    if let (None, EXTERNAL_ID, None, Value::String(text)) =
        (&path.urn, &*path.name, &path.sub, value)
    {
        let (range, is_exact) = external_ids(resource_type, domain).compared(op, text)?;
        return Some(Stretch { is_exact, ..Stretch::of_keys(EXTERNAL_ID, range) });
    }
    if path.urn.is_none() && (&*path.name, path.sub.as_deref()) == (META.0, Some(META.1)) {
        let instant = datetime::parse(value.as_str()?)?;
        let range = modified_range(resource_type, op, instant)?;
        return Some(Stretch::of_keys(&modified_name(), range));
    }
    let index = Index::named(indexes, path)?;
    let (range, is_exact) = index.compared(resource_type, op, value)?;
    let stretch = Stretch::of_index(index, range, is_exact);
    // A resource has one entry per value, however many values it has.
    Some(Stretch { is_distinct: stretch.is_distinct || op == CompareOp::Eq, ..stretch })
}

/// The entries of the resources that have a value of `path`.
#[must_use]
pub fn present(
    resource_type: &ResourceType,
    indexes: &[Index<'_>],
    domain: &str,
    path: &AttrPath,
) -> Option<Stretch> {
    if path.urn.is_none() && path.name == EXTERNAL_ID {
        let range = external_ids(resource_type, domain).present();
        return Some(Stretch::of_keys(EXTERNAL_ID, range));
    }
    let index = Index::named(indexes, path)?;
    Some(Stretch::of_index(index, index.keys(resource_type).present(), true))
}

/// The index of `externalId` as one domain sees it.
pub(super) fn external_ids(resource_type: &ResourceType, domain: &str) -> Values {
    Values::new(&resource_type.name, EXTERNAL_ID, false).within(domain).within("\0")
}

/// The entries of the resources that were changed `op` that instant, in nanoseconds since 1970.
fn modified_range(resource_type: &ResourceType, op: CompareOp, instant: i128) -> Option<KeyRange> {
    let whole = |ms: i128| u64::try_from(ms.max(0)).unwrap_or(u64::MAX);
    // The first millisecond not before the instant, and the first one after it.
    let after = instant.div_euclid(NANOS_PER_MS) + 1;
    let not_before = if instant.rem_euclid(NANOS_PER_MS) == 0 { after - 1 } else { after };
    let (from, to) = match op {
        CompareOp::Eq => (whole(not_before), Some(whole(after))),
        CompareOp::Gt => (whole(after), None),
        CompareOp::Ge => (whole(not_before), None),
        CompareOp::Lt => (0, Some(whole(not_before))),
        CompareOp::Le => (0, Some(whole(after))),
        CompareOp::Ne | CompareOp::Co | CompareOp::Sw | CompareOp::Ew => return None,
    };
    Some(keys::modified_between(&resource_type.name, from, to))
}
