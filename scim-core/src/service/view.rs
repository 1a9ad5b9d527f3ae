//! A stored record as a client sees it (RFC 7643 §3, RFC 7644 §3.4).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::protocol::datetime;
use crate::protocol::json::Object;
use crate::resource::Projection;
use crate::schema::{Catalog, ResourceType};
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
}

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
    pub(super) async fn answer(
        &self,
        read: &impl Read,
        record: &Record,
        projection: &Projection,
    ) -> Result<Value, StoreError> {
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
        Ok(Value::Object(projection.apply(self.resource_type, out)))
    }

    pub(super) async fn members(
        &self,
        read: &impl Read,
        group: ResourceId,
    ) -> Result<Vec<Value>, StoreError> {
        let list = members::of_group(read, group).await?;
        Ok(list.iter().map(|member| self.member(member)).collect())
    }

    /// One element of `members`.
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
        let mut out = Vec::new();
        for id in members::groups_of(read, user).await? {
            let Some(group) = directory::load(read, group_type, id).await? else { continue };
            let id = id.to_text();
            let mut element = json!({
                "value": id,
                "$ref": format!("{}/{}/{id}", self.base, group_type.endpoint),
                "type": "direct",
            });
            if let (Some(object), Some(name)) =
                (element.as_object_mut(), group.attributes.get("displayName"))
            {
                object.insert("display".into(), name.clone());
            }
            out.push(element);
        }
        Ok(out)
    }
}
