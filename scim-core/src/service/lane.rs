//! Stretches of the tree that hold the resources of a list in its order, read from either end.

use alloc::vec::Vec;

use crate::store::keys::ResourceId;
use crate::store::stretch::Stretch;
use crate::store::{Read, StoreError};

/// The entries of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lane {
    stretch: Stretch,
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
    /// The lanes of some types.
    pub(super) async fn of(read: &impl Read, stretches: Vec<Stretch>) -> Result<Self, StoreError> {
        let mut lanes = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            let count = stretch.count(read).await?;
            lanes.push(Lane { stretch, count });
        }
        Ok(Self { lanes })
    }

    /// How many entries there are.
    pub(super) fn total(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.count).sum()
    }

    /// How many entries the largest type has.
    pub(super) fn largest(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.count).max().unwrap_or_default()
    }

    /// The spot of a resource, if `key` is one of its type's.
    pub(super) fn spot(&self, place: usize, key: &[u8], id: ResourceId) -> Option<Spot> {
        let (start, end) = &self.lanes.get(place)?.stretch.range;
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
            let mut rest = lane.stretch.range.clone();
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
            for entry in entries {
                let id = lane.stretch.id(&entry)?;
                found.push(Spot { place, key: entry.0, id });
            }
            skip = 0;
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }
}
