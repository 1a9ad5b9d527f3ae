//! A stored record as a client sees it (RFC 7643 §3, RFC 7644 §3.4).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::nested::{self, Membership};
use crate::protocol::json::Object;
use crate::protocol::{Error, datetime};
use crate::resource::Projection;
use crate::schema::{Catalog, ResourceType, Returned};
use crate::store::directory;
use crate::store::keys::ResourceId;
use crate::store::members::{self, Member};
use crate::store::record::Record;
use crate::store::{Read, StoreError};

/// From where a client looks: its domain, and the base of its URIs.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) resource_type: &'a ResourceType,
    /// The provisioning domain whose `externalId` is shown.
    pub(super) domain: &'a str,
    /// Absolute URI of the SCIM root, without a slash at the end.
    pub(super) base: &'a str,
    /// Whether a user's groups are also those that contain its groups.
    pub(super) nested_groups: bool,
    /// Members of one group whose names are read: a longer list goes without.
    pub(super) names: u64,
    /// Members that an answer may still hold.
    pub(super) members: u64,
}

/// [`View::names`] for a group that is read alone. Each name costs the read of a body.
pub(super) const NAMES_ALONE: u64 = 200;
/// [`View::names`] for each group of a list.
pub(super) const NAMES_IN_LIST: u64 = 20;
/// [`View::names`] for the answer to a write: the client knows whom it named.
pub(super) const NAMES_WRITTEN: u64 = 0;
const MEMBERS_TOO_MANY: &str =
    "the members are more than an answer can hold; ask without `members`, or for one of them";
/// Groups of one user whose names are read.
const GROUP_NAMES: usize = 200;
/// What a resource is called, in the order in which it is looked for. A `userName` is no name for
/// people to read.
const NAMED_BY: [(&str, Option<&str>); 2] = [("displayName", None), ("name", Some("formatted"))];

/// The entity tag of a version (RFC 7644 §3.14).
pub(super) fn etag(version: u64) -> String {
    format!("W/\"{version}\"")
}

impl View<'_> {
    /// The URI of a resource of this type.
    pub(super) fn location(&self, id: ResourceId) -> String {
        format!("{}/{}/{}", self.base, self.resource_type.endpoint, id.to_text())
    }

    /// The record with everything but memberships.
    pub(super) fn attributes(&self, record: &Record) -> Object {
        let mut out = record.seen_from(self.domain);
        let core = core::iter::once(&self.resource_type.schema);
        let extensions = self.resource_type.extensions.iter().map(|e| &e.schema);
        let present = extensions.filter(|schema| out.contains_key(&*schema.id));
        let schemas: Vec<Value> = core.chain(present).map(|s| Value::from(&*s.id)).collect();
        out.insert("schemas".into(), schemas.into());
        out.insert("id".into(), record.id.to_text().into());
        out.insert(
            "meta".into(),
            json!({
                "resourceType": self.resource_type.name,
                "created": datetime::format_ms(record.created_ms),
                "lastModified": datetime::format_ms(record.modified_ms),
                "location": self.location(record.id),
                "version": etag(record.version),
            }),
        );
        out
    }

    /// The record as it is answered: with the memberships that are wanted, and only what is.
    ///
    /// # Errors
    /// As [`Self::members`].
    pub(super) async fn answer(
        &self,
        read: &impl Read,
        record: &Record,
        projection: &Projection,
    ) -> Result<Value, Error> {
        let mut out = self.attributes(record);
        for attribute in &self.resource_type.schema.attributes {
            if !projection.wants(attribute) {
                continue;
            }
            let list = match (&*self.resource_type.name, &*attribute.name) {
                ("Group", "members") => self.members(read, record.id).await?,
                ("User", "groups") => self.groups(read, record.id).await?,
                _ => continue,
            };
            if !list.is_empty() {
                out.insert(attribute.name.clone().into_owned(), list.into());
            }
        }
        self.complete_references(read, &mut out, self.names != NAMES_IN_LIST).await?;
        Ok(Value::Object(projection.apply(self.resource_type, out)))
    }

    /// All members of a group.
    ///
    /// # Errors
    /// `tooMany` if they are more than an answer may hold.
    pub(super) async fn members(
        &self,
        read: &impl Read,
        group: ResourceId,
    ) -> Result<Vec<Value>, Error> {
        let count = members::count(read, group).await?;
        if count > self.members {
            return Err(Error::too_many(MEMBERS_TOO_MANY));
        }
        let mut out = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        let mut after = None;
        loop {
            let page = members::page(read, group, after).await?;
            let Some(last) = page.last() else { return Ok(out) };
            after = Some(last.id);
            for member in &page {
                let mut element = self.member(member);
                if count <= self.names
                    && let Some(resource_type) = self.catalog.by_name(&member.resource_type)
                    && let Some(record) = directory::load(read, resource_type, member.id).await?
                {
                    set_display(&mut element, resource_type, &record);
                }
                out.push(element);
            }
        }
    }

    /// One element of `members`, without the member's name.
    pub(super) fn member(&self, member: &Member) -> Value {
        let id = member.id.to_text();
        let endpoint =
            self.catalog.by_name(&member.resource_type).map_or("", |found| &*found.endpoint);
        json!({
            "value": id,
            "$ref": format!("{}/{endpoint}/{id}", self.base),
            "type": member.resource_type,
        })
    }

    pub(super) async fn groups(
        &self,
        read: &impl Read,
        user: ResourceId,
    ) -> Result<Vec<Value>, StoreError> {
        let Some(group_type) = self.catalog.by_name("Group") else { return Ok(Vec::new()) };
        let list = nested::groups_of(read, user, self.nested_groups).await?;
        let mut out = Vec::with_capacity(list.len());
        for Membership { group, direct } in &list {
            let id = group.to_text();
            let mut element = json!({
                "value": id,
                "$ref": format!("{}/{}/{id}", self.base, group_type.endpoint),
                "type": if *direct { "direct" } else { "indirect" },
            });
            if list.len() <= GROUP_NAMES
                && let Some(record) = directory::load(read, group_type, *group).await?
            {
                set_display(&mut element, group_type, &record);
            }
            out.push(element);
        }
        Ok(out)
    }
}

/// What a resource is called, if it has a name that is shown.
pub(super) fn name_of<'r>(resource_type: &ResourceType, record: &'r Record) -> Option<&'r str> {
    NAMED_BY.iter().find_map(|(name, sub)| {
        let attribute = resource_type.schema.attribute(name)?;
        if !matches!(attribute.returned, Returned::Always | Returned::Default) {
            return None;
        }
        let value = record.attributes.get(*name)?;
        let leaf = sub.map_or(Some(value), |sub| value.get(sub))?;
        leaf.as_str().filter(|text| !text.is_empty())
    })
}

/// Puts the name of a resource into the element that refers to it.
fn set_display(element: &mut Value, resource_type: &ResourceType, record: &Record) {
    let name = name_of(resource_type, record);
    if let (Some(name), Some(object)) = (name, element.as_object_mut()) {
        object.insert("display".into(), name.into());
    }
}
