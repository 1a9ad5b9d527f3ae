//! Groups in groups: who is in a group by way of another one (RFC 7643 §4.1.2, §4.2).

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use crate::store::keys::ResourceId;
use crate::store::{Read, StoreError, members};

/// Groups that are followed for one resource; what lies beyond is not seen.
const GROUPS: usize = 1000;

/// A group of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) group: ResourceId,
    /// Whether the group lists the member itself, not only a group with it.
    pub(super) direct: bool,
}

/// The groups of a member, the direct ones first; with `nested` also those that contain these, each
/// once, whatever circles there are.
pub(super) async fn groups_of(
    read: &impl Read,
    member: ResourceId,
    nested: bool,
) -> Result<Vec<Membership>, StoreError> {
    let direct = members::groups_of(read, member).await?;
    let mut found: Vec<Membership> =
        direct.iter().map(|group| Membership { group: *group, direct: true }).collect();
    if !nested {
        return Ok(found);
    }
    let mut seen: BTreeSet<ResourceId> = direct.iter().copied().collect();
    // Not a group of its own, even if it is a group in a circle.
    seen.insert(member);
    let mut open: VecDeque<ResourceId> = direct.into();
    while let Some(group) = open.pop_front() {
        for group in members::groups_of(read, group).await? {
            if found.len() >= GROUPS {
                return Ok(found);
            }
            if seen.insert(group) {
                found.push(Membership { group, direct: false });
                open.push_back(group);
            }
        }
    }
    Ok(found)
}

/// The members of a group that are no groups, and those of the groups in it: more than `most` mean
/// that there are too many.
pub(super) async fn members_below(
    read: &impl Read,
    group: ResourceId,
    most: usize,
) -> Result<BTreeSet<ResourceId>, StoreError> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::from([group]);
    let mut open = VecDeque::from([group]);
    while let Some(group) = open.pop_front() {
        let mut after = None;
        loop {
            let members = members::page(read, group, after).await?;
            let Some(last) = members.last() else { break };
            after = Some(last.id);
            for member in members {
                if &*member.resource_type != "Group" {
                    found.insert(member.id);
                } else if seen.len() < GROUPS && seen.insert(member.id) {
                    open.push_back(member.id);
                }
            }
            if found.len() > most {
                return Ok(found);
            }
        }
    }
    Ok(found)
}
