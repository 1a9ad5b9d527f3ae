//! Whether all that a store holds agrees with itself: nodes, bodies, indexes, memberships.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::directory::{self, load_body};
use super::index::Index;
use super::keys::{self, ResourceId};
use super::kv::{Kv, ListKeys};
use super::record::Record;
use super::{Pin, Read, Snapshot, Space, Store, StoreError, upkeep};
use crate::port::{Clock, Random};
use crate::schema::ResourceType;

/// Findings that a report lists; more are counted.
pub const MAX_FINDINGS: usize = 100;
/// Entries read at once.
const WALK: usize = 500;

/// What a check has found to be wrong. No variant holds the value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// There is a guard but no root: a crash ended the creation of the tenant. Raise the generation.
    NoRoot,
    /// The tree itself is damaged; nothing below could be looked at.
    Tree(StoreError),
    /// The body of a resource is missing or cannot be read.
    Body(String, ResourceId),
    /// A resource lacks an entry of the index of this name, or it is another one's.
    Entry(String, String, ResourceId),
    /// The index of this name has other entries than those of the resources: found and expected.
    Stray(String, String, u64, u64),
    /// A membership (group, member) lacks its mirror, or its member does not exist.
    Member(ResourceId, ResourceId),
    /// There are other memberships than those of the groups, in one direction or the other: found
    /// and expected.
    StrayMembers(u64, u64),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoot => f.write_str("a guard stands without a root: raise the generation"),
            Self::Tree(error) => write!(f, "{error}"),
            Self::Body(kind, id) => write!(f, "{kind} {}: the body cannot be read", id.to_text()),
            Self::Entry(kind, index, id) => {
                write!(f, "{kind} {}: its entry of `{index}` is missing or wrong", id.to_text())
            }
            Self::Stray(kind, index, found, expected) => {
                write!(f, "{kind}: `{index}` has {found} entries instead of {expected}")
            }
            Self::Member(group, member) => {
                let (group, member) = (group.to_text(), member.to_text());
                write!(f, "the membership of {member} in {group} is not whole")
            }
            Self::StrayMembers(found, expected) => {
                write!(f, "there are {found} memberships instead of {expected}")
            }
        }
    }
}

/// What a check has looked at and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The number of the commit whose version was looked at.
    pub commit_number: u64,
    /// Nodes of the tree.
    pub nodes: u64,
    /// Resources of the types that were given.
    pub resources: u64,
    /// Resources of other types: of a configuration that was.
    pub other_resources: u64,
    /// Memberships.
    pub memberships: u64,
    /// What the entries are there for; orphans among them are no damage.
    pub space: Space,
    /// What is wrong, [`MAX_FINDINGS`] at most.
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub found: u64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.found == 0
    }

    fn add(&mut self, finding: Finding) {
        self.found += 1;
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }
}

impl<K: Kv + ListKeys, C: Clock, R: Random> Store<K, C, R> {
    /// Looks at all that the store holds of these types, in one version that is kept for the time,
    /// while others read and write. Repairs nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the engine does not answer; damage is no error but stands
    /// in the report.
    pub async fn check(&self, types: &[ResourceType]) -> Result<Report, StoreError> {
        let mut report = Report::default();
        if self.published().await?.is_none() {
            let guard = self.names.guard();
            let (keys, _) = self.kv.list_keys(&guard, None).await?;
            if keys.iter().any(|(key, _)| *key == guard) {
                report.add(Finding::NoRoot);
            }
            return Ok(report);
        }
        let pin = self.pin().await?;
        let checked = check_version(&pin, types, &mut report).await;
        let released = pin.release().await;
        match checked {
            Err(error @ (StoreError::Corrupt(_) | StoreError::Moved)) => {
                report.add(Finding::Tree(error));
            }
            checked => {
                checked?;
                report.space = self.space().await?;
            }
        }
        released?;
        Ok(report)
    }
}

async fn check_version<K: Kv, C: Clock, R: Random>(
    pin: &Pin<'_, K, C, R>,
    types: &[ResourceType],
    report: &mut Report,
) -> Result<(), StoreError> {
    let version = pin.snapshot();
    report.commit_number = version.commit_number();
    report.nodes = version.check().await?;
    pin.renew().await?;
    for resource_type in types {
        check_type(pin, resource_type, report).await?;
    }
    let (start, end) = keys::all_resources();
    report.other_resources = version.count(&start, &end).await? - report.resources;
    check_members(pin, types, report).await
}

/// Every entry that the resources must have is there, and there are no more of them: then the
/// indexes are what a rebuild from the bodies would make.
async fn check_type<K: Kv, C: Clock, R: Random>(
    pin: &Pin<'_, K, C, R>,
    resource_type: &ResourceType,
    report: &mut Report,
) -> Result<(), StoreError> {
    let version = pin.snapshot();
    let kind = String::from(&*resource_type.name);
    let indexes = upkeep::usable(version, resource_type).await?;
    let mut expected: Vec<u64> = indexes.iter().map(|_| 0).collect();
    let mut count = 0;
    let (mut start, end) = keys::resources(&kind);
    loop {
        let page = version.range(&start, &end, 0, WALK).await?;
        let Some((last, _)) = page.last() else { break };
        start.clone_from(last);
        start.push(0);
        for (key, pointer) in &page {
            let id = keys::id_at_end(key).ok_or(StoreError::Corrupt("a resource key"))?;
            count += 1;
            let record = match load_body(version, id, pointer).await {
                Ok(record) => record,
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                Err(_) => {
                    report.add(Finding::Body(kind.clone(), id));
                    continue;
                }
            };
            for (index, expected) in indexes.iter().zip(&mut expected) {
                *expected += check_entries(version, resource_type, index, &record, report).await?;
            }
            for (name, key) in directory::fixed_entries(resource_type, &record) {
                if version.get(&key).await?.is_none() {
                    report.add(Finding::Entry(kind.clone(), name.into(), id));
                }
            }
        }
        pin.renew().await?;
    }
    report.resources += count;
    for (index, expected) in indexes.iter().zip(expected) {
        let mut found = 0;
        for (start, end) in keys::of_index(&kind, &index.name()) {
            found += version.count(&start, &end).await?;
        }
        if found != expected {
            report.add(Finding::Stray(kind.clone(), index.name(), found, expected));
        }
    }
    let (start, end) = keys::modified_between(&kind, 0, None);
    let found = version.count(&start, &end).await?;
    if found != count {
        report.add(Finding::Stray(kind, "meta.lastModified".into(), found, count));
    }
    Ok(())
}

/// The entries of one resource in one index; how many it must have.
async fn check_entries<K: Kv, C: Clock, R: Random>(
    version: &Snapshot<'_, K, C, R>,
    resource_type: &ResourceType,
    index: &Index<'_>,
    record: &Record,
    report: &mut Report,
) -> Result<u64, StoreError> {
    let entries = index.entries(resource_type, record.id, &record.attributes);
    let entries: BTreeSet<Vec<u8>> = entries.into_iter().collect();
    for key in &entries {
        let value = version.get(key).await?;
        let is_right = value.is_some_and(|value| !index.is_unique() || value == record.id.0);
        if !is_right {
            let kind = String::from(&*resource_type.name);
            report.add(Finding::Entry(kind, index.name(), record.id));
        }
    }
    Ok(entries.len() as u64)
}

/// Every membership stands in both directions, and its member exists.
async fn check_members<K: Kv, C: Clock, R: Random>(
    pin: &Pin<'_, K, C, R>,
    types: &[ResourceType],
    report: &mut Report,
) -> Result<(), StoreError> {
    let version = pin.snapshot();
    let [(mut start, end), (mirror_start, mirror_end)] = keys::all_memberships();
    let mut count = 0;
    loop {
        let page = version.range(&start, &end, 0, WALK).await?;
        let Some((last, _)) = page.last() else { break };
        start.clone_from(last);
        start.push(0);
        for (key, kind) in &page {
            count += 1;
            let (group, member) = keys::membership(key).ok_or(StoreError::Corrupt("a member"))?;
            let mirrored = version.get(&keys::group(member, group)).await?.is_some();
            let known = types.iter().find(|one| one.name.as_bytes() == kind.as_slice());
            let exists = match known {
                Some(one) => version.get(&keys::resource(&one.name, member)).await?.is_some(),
                None => true,
            };
            if !mirrored || !exists {
                report.add(Finding::Member(group, member));
            }
        }
        pin.renew().await?;
    }
    report.memberships = count;
    let mirrors = version.count(&mirror_start, &mirror_end).await?;
    if mirrors != count {
        report.add(Finding::StrayMembers(mirrors, count));
    }
    Ok(())
}
