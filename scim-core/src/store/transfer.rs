//! A tenant as lines of JSON, out of one version of its tree and into another tree.
//!
//! Resources come with their identifiers, times and versions, externalIds with their domains
//! (RFC 7643 §3.1), memberships as their own lines. Clients, tokens and keys stay where they are.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::keys::{self, ResourceId};
use super::kv::Kv;
use super::members::Member;
use super::record::Record;
use super::{Read, StoreError, Transaction, directory, members};
use crate::port::{Clock, Random};
use crate::protocol::json::Object;
use crate::protocol::{Error, datetime};
use crate::schema::{Attribute, ResourceType, Returned};

/// Version of the format.
pub const VERSION: u32 = 1;
/// Resources of one step.
const PAGE: usize = 500;
/// Members of one line.
const MEMBERS: usize = 1000;
/// The resource type that has members.
const GROUP: &str = "Group";
const NANOS_PER_MS: i128 = 1_000_000;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Line {
    /// The first line.
    Header(Header),
    /// A resource. A group stands before its members.
    Resource(Resource),
    /// Some members of a group.
    Members(Members),
    /// The last line: how many there were.
    End(Totals),
}

/// Of what the lines are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the format: [`VERSION`].
    pub version: u32,
    /// The tenant.
    pub tenant: String,
    /// The version of its tree: how many commits made it.
    pub commit: u64,
    /// The pin that holds this version, in hexadecimal digits: who goes on with an export asks for
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// Whether attributes that are never returned stand in the lines.
    pub passwords: bool,
}

/// A resource as a line has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// Name of the resource type.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Its identifier.
    pub id: String,
    /// `meta.created`, to the millisecond.
    pub created: String,
    /// `meta.lastModified`, to the millisecond.
    pub last_modified: String,
    /// Its version, a number.
    pub version: u64,
    /// `externalId` per provisioning domain.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: BTreeMap<String, String>,
    /// The attributes.
    pub attributes: Object,
}

/// Members of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// The group's identifier.
    pub group: String,
    /// Identifier and resource type of each member.
    pub members: Vec<(String, String)>,
}

/// How many resources and memberships there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Resources.
    pub resources: u64,
    /// Memberships.
    pub memberships: u64,
}

impl Totals {
    /// Counts a line in.
    pub fn add(&mut self, line: &Line) {
        match line {
            Line::Resource(_) => self.resources += 1,
            Line::Members(line) => self.memberships += line.members.len() as u64,
            Line::Header(_) | Line::End(_) => {}
        }
    }
}

/// Which lines come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// Resources of a type, by its place in the list of types, after one of them.
    Resources(usize, Option<ResourceId>),
    /// Members of a group, after one of them.
    Members(ResourceId, Option<ResourceId>),
    /// None.
    End,
}

impl Default for Position {
    /// The beginning.
    fn default() -> Self {
        Self::Resources(0, None)
    }
}

impl Position {
    /// What follows a line that was written.
    ///
    /// # Errors
    /// Where the line is not one of ours.
    pub fn after(line: &Line, types: &[ResourceType]) -> Result<Self, &'static str> {
        let id = |text: &str| ResourceId::parse(text).ok_or("an identifier is none of ours");
        match line {
            Line::Header(_) => Ok(Self::default()),
            Line::Resource(line) if line.resource_type == GROUP => {
                Ok(Self::Members(id(&line.id)?, None))
            }
            Line::Resource(line) => {
                let known = types.iter().position(|known| known.name == line.resource_type);
                Ok(Self::Resources(known.ok_or("an unknown resource type")?, Some(id(&line.id)?)))
            }
            Line::Members(line) => {
                let (last, _) = line.members.last().ok_or("a list of members is empty")?;
                Ok(Self::Members(id(&line.group)?, Some(id(last)?)))
            }
            Line::End(_) => Ok(Self::End),
        }
    }
}

/// The next lines from `position` on, and the position after them. No lines do not mean the end.
///
/// `types` are all resource types of the tenant. Without `passwords`, attributes that are never
/// returned are left out.
///
/// # Errors
/// As [`Read`].
pub async fn export(
    read: &impl Read,
    types: &[ResourceType],
    position: &Position,
    passwords: bool,
) -> Result<(Vec<Line>, Position), StoreError> {
    match position {
        Position::End => Ok((Vec::new(), Position::End)),
        Position::Resources(place, after) => {
            let Some(resource_type) = types.get(*place) else {
                return Ok((Vec::new(), Position::End));
            };
            // A group's members follow it at once.
            let limit = if resource_type.name == GROUP { 1 } else { PAGE };
            let (start, end) = keys::resources(&resource_type.name);
            let start = match after {
                Some(id) => behind(keys::resource(&resource_type.name, *id)),
                None => start,
            };
            let entries = read.range(&start, &end, 0, limit).await?;
            let Some((last, _)) = entries.last() else {
                return Ok((Vec::new(), Position::Resources(place + 1, None)));
            };
            let last = keys::id_at_end(last).ok_or(StoreError::Corrupt("a resource key"))?;
            let mut lines = Vec::with_capacity(entries.len());
            for (key, pointer) in &entries {
                let id = keys::id_at_end(key).ok_or(StoreError::Corrupt("a resource key"))?;
                let record = directory::load_body(read, id, pointer).await?;
                lines.push(Line::Resource(show(resource_type, record, passwords)));
            }
            let next = if resource_type.name == GROUP {
                Position::Members(last, None)
            } else {
                Position::Resources(*place, Some(last))
            };
            Ok((lines, next))
        }
        Position::Members(group, after) => {
            let (start, end) = keys::members(*group);
            let start = after.map_or(start, |member| behind(keys::member(*group, member)));
            let entries = read.range(&start, &end, 0, MEMBERS).await?;
            let mut found = Vec::with_capacity(entries.len());
            let mut last = None;
            for (key, value) in entries {
                let id = keys::id_at_end(&key).ok_or(StoreError::Corrupt("a member key"))?;
                let name = String::from_utf8(value);
                let name = name.map_err(|_| StoreError::Corrupt("a member's type"))?;
                found.push((id.to_text(), name));
                last = Some(id);
            }
            if last.is_some() {
                let line = Members { group: group.to_text(), members: found };
                return Ok(([Line::Members(line)].into(), Position::Members(*group, last)));
            }
            let groups = types.iter().position(|known| known.name == GROUP);
            let next = groups.map_or(Position::End, |at| Position::Resources(at, Some(*group)));
            Ok((Vec::new(), next))
        }
    }
}

/// How many resources an export of these types has, and how many are of others.
///
/// # Errors
/// As [`Read`].
pub async fn count(read: &impl Read, types: &[ResourceType]) -> Result<(u64, u64), StoreError> {
    let mut known = 0;
    for resource_type in types {
        known += directory::count(read, resource_type).await?;
    }
    let (start, end) = keys::all_resources();
    Ok((known, read.count(&start, &end).await?.saturating_sub(known)))
}

/// Puts what a line says into the tree; whether that changed anything.
///
/// A resource replaces the one of its identifier, a membership is added. So a line may be imported
/// twice, and does nothing the second time. The attributes are taken as they stand: the line is
/// trusted to be one of [`export`].
///
/// # Errors
/// 400 for a line that is none of ours, 409 for a value that another resource has, and those of
/// [`Read`].
pub async fn import<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    types: &[ResourceType],
    line: &Line,
) -> Result<bool, Error> {
    match line {
        Line::Header(_) | Line::End(_) => Ok(false),
        Line::Resource(line) => {
            let named = |known: &&ResourceType| known.name == line.resource_type;
            let known = types.iter().find(named);
            let known = known.ok_or_else(|| Error::bad_request("the resource type is unknown"))?;
            let new = read(line)?;
            let old = directory::load(tx, known, new.id).await?;
            if old.as_ref() == Some(&new) {
                return Ok(false);
            }
            directory::put(tx, known, old.as_ref(), &new).await?;
            Ok(true)
        }
        Line::Members(line) => {
            let group = identifier(&line.group)?;
            let mut changed = false;
            for (id, resource_type) in &line.members {
                let member = Member { id: identifier(id)?, resource_type: resource_type.clone() };
                changed |= members::add(tx, group, &member).await?;
            }
            Ok(changed)
        }
    }
}

fn behind(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

fn show(resource_type: &ResourceType, record: Record, passwords: bool) -> Resource {
    let mut attributes = record.attributes;
    if !passwords {
        hide(&resource_type.schema.attributes, &mut attributes);
        for extension in &resource_type.extensions {
            if let Some(Value::Object(own)) = attributes.get_mut(&*extension.schema.id) {
                hide(&extension.schema.attributes, own);
            }
        }
    }
    Resource {
        resource_type: resource_type.name.clone().into_owned(),
        id: record.id.to_text(),
        created: datetime::format_ms(record.created_ms),
        last_modified: datetime::format_ms(record.modified_ms),
        version: record.version,
        external_ids: record.external_ids,
        attributes,
    }
}

/// Removes what is never returned (RFC 7643 §2.2).
fn hide(attributes: &[Attribute], object: &mut Object) {
    for attribute in attributes {
        if attribute.returned == Returned::Never {
            object.remove(&*attribute.name);
            continue;
        }
        match object.get_mut(&*attribute.name) {
            Some(Value::Object(value)) => hide(&attribute.sub_attributes, value),
            Some(Value::Array(values)) => {
                for value in values.iter_mut().filter_map(Value::as_object_mut) {
                    hide(&attribute.sub_attributes, value);
                }
            }
            _ => {}
        }
    }
}

fn read(line: &Resource) -> Result<Record, Error> {
    Ok(Record {
        id: identifier(&line.id)?,
        created_ms: time(&line.created)?,
        modified_ms: time(&line.last_modified)?,
        version: line.version,
        external_ids: line.external_ids.clone(),
        attributes: line.attributes.clone(),
    })
}

fn identifier(text: &str) -> Result<ResourceId, Error> {
    ResourceId::parse(text).ok_or_else(|| Error::bad_request("an identifier is none of ours"))
}

fn time(text: &str) -> Result<u64, Error> {
    let ms = datetime::parse(text).and_then(|nanos| u64::try_from(nanos / NANOS_PER_MS).ok());
    ms.ok_or_else(|| Error::bad_request("a time is not written as RFC 3339 has it"))
}
