//! Stretches of the tree that hold the resources of a list in its order, read from either end.

use alloc::string::String;
use alloc::vec::Vec;

use crate::schema::ResourceType;
use crate::store::keys::{self, KeyRange, ResourceId};
use crate::store::{Read, StoreError};

/// Which entries of a type are in the order wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LaneKind {
    /// The resources themselves: by creation.
    Resources,
    /// Those by the time of the last change.
    Modified,
    /// Those of a unique attribute, by its values.
    Unique(String),
}

/// The entries of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lane {
    range: KeyRange,
    kind: LaneKind,
    count: u64,
}

/// A resource on its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The place of its type in the list.
    pub(super) place: usize,
    /// Its entry's key.
    pub(super) key: Vec<u8>,
    /// The resource.
    pub(super) id: ResourceId,
}

/// The lanes of a list: one per type, one type after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
}

impl Lanes {
    /// The lanes of these types; `None` if one of them lacks an entry for some resource.
    pub(super) async fn of(
        read: &impl Read,
        types: impl Iterator<Item = (&ResourceType, LaneKind)>,
    ) -> Result<Option<Self>, StoreError> {
        let mut lanes = Vec::new();
        for (resource_type, kind) in types {
            let name = &*resource_type.name;
            let (start, end) = keys::resources(name);
            let count = read.count(&start, &end).await?;
            let range = match &kind {
                LaneKind::Resources => (start, end),
                LaneKind::Modified => keys::all_modified(name),
                LaneKind::Unique(attribute) => keys::uniques(name, attribute),
            };
            if kind != LaneKind::Resources && read.count(&range.0, &range.1).await? != count {
                return Ok(None);
            }
            lanes.push(Lane { range, kind, count });
        }
        Ok(Some(Self { lanes }))
    }

    /// How many resources there are.
    pub(super) fn total(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.count).sum()
    }

    /// How many resources the largest type has.
    pub(super) fn largest(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.count).max().unwrap_or_default()
    }

    /// The spot of a resource, if `key` is one of its type's.
    pub(super) fn spot(&self, place: usize, key: &[u8], id: ResourceId) -> Option<Spot> {
        let (start, end) = &self.lanes.get(place)?.range;
        (start.as_slice() <= key && key < end.as_slice()).then(|| {
            let key = key.to_vec();
            Spot { place, key, id }
        })
    }

    /// At most `limit` spots after `from` (from the beginning, without it), and after `skip` more;
    /// `reversed` goes from the end to the beginning.
    pub(super) async fn step(
        &self,
        read: &impl Read,
        from: Option<&Spot>,
        reversed: bool,
        mut skip: u64,
        limit: usize,
    ) -> Result<Vec<Spot>, StoreError> {
        let mut places: Vec<usize> = (0..self.lanes.len()).collect();
        if reversed {
            places.reverse();
        }
        let mut found = Vec::new();
        for place in places {
            let Some(lane) = self.lanes.get(place) else { continue };
            let mut rest = lane.range.clone();
            match from {
                Some(from) if from.place == place && reversed => rest.1.clone_from(&from.key),
                Some(from) if from.place == place => {
                    // The smallest key above this one.
                    rest.0.clone_from(&from.key);
                    rest.0.push(0);
                }
                Some(from) if (from.place < place) == reversed => continue,
                _ => {}
            }
            let count = read.count(&rest.0, &rest.1).await?;
            if skip >= count {
                skip -= count;
                continue;
            }
            let room = limit - found.len();
            let wanted = u64::try_from(room).unwrap_or(u64::MAX).min(count - skip);
            let before = if reversed { count - skip - wanted } else { skip };
            let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            let mut entries = read.range(&rest.0, &rest.1, before, wanted).await?;
            if reversed {
                entries.reverse();
            }
            for (key, value) in entries {
                let id = match lane.kind {
                    LaneKind::Unique(_) => keys::id_at_end(&value),
                    LaneKind::Resources | LaneKind::Modified => keys::id_at_end(&key),
                };
                let id = id.ok_or(StoreError::Corrupt("an index entry"))?;
                found.push(Spot { place, key, id });
            }
            skip = 0;
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }
}
