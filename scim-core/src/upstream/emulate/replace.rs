//! PUT and DELETE, also where an application means something else by them (R4, R8; RFC 7644 §3.5.1,
//! §3.6).

use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::Value;

use super::Answer;
use super::modify::is_writable;
use super::session::{Call, Session, item};
use crate::dialect::Dialect;
use crate::port::{Clock, Upstream};
use crate::protocol::Error;
use crate::protocol::json::Object;
use crate::protocol::patch::PatchOp;
use crate::resource::element;
use crate::resource::patch::Change;
use crate::schema::{Attribute, ResourceType};
use crate::upstream::patch::replace;
use crate::upstream::profile::{Delete, Resource};

impl<U: Upstream, C: Clock> Session<'_, U, C> {
    /// Replaces a resource; the resource afterwards.
    pub(super) async fn replace(
        &mut self,
        resource_type: &ResourceType,
        id: &str,
        body: &Object,
        if_match: Option<&str>,
    ) -> Result<Object, Error> {
        let known = self.gateway.profile.resource(&resource_type.endpoint);
        let whole = known.put.writes.is_all();
        let lacks = known.put.keeps.iter().any(|name| !body.contains_key(name));
        if whole && !lacks {
            let sent = self.send_put(resource_type, id, body.clone(), if_match).await?;
            return self.or_fetched(resource_type, id, sent).await;
        }
        let (current, tag) = self.fetch(resource_type, id).await?;
        if whole {
            let mut body = body.clone();
            for name in
                known.put.keeps.iter().filter(|name| !body.contains_key(*name)).collect::<Vec<_>>()
            {
                if let Some(value) = current.get(name) {
                    body.insert(name.to_string(), value.clone());
                }
            }
            let tag = if_match.or(tag.as_deref());
            let sent = self.send_put(resource_type, id, body, tag).await?;
            return self.or_fetched(resource_type, id, sent).await;
        }
        let changes = differences(known, resource_type, self.dialect, body, &current);
        if changes.is_empty() {
            return Ok(current);
        }
        self.modify(resource_type, id, &changes, if_match).await?;
        Ok(self.fetch(resource_type, id).await?.0)
    }

    pub(super) async fn or_fetched(
        &mut self,
        resource_type: &ResourceType,
        id: &str,
        told: Option<Object>,
    ) -> Result<Object, Error> {
        match told {
            Some(told) => Ok(told),
            None => Ok(self.fetch(resource_type, id).await?.0),
        }
    }

    /// Deletes a resource, or makes it inactive, as the policy asks.
    pub(super) async fn delete(
        &mut self,
        resource_type: &ResourceType,
        id: &str,
        if_match: Option<&str>,
    ) -> Result<Answer, Error> {
        let known = self.gateway.profile.resource(&resource_type.endpoint);
        let can_deactivate = resource_type.attribute(None, ACTIVE).is_some();
        match self.gateway.policy.delete.unwrap_or(known.delete) {
            Delete::Refuse => Err(Error::forbidden("deletion is switched off")),
            Delete::Deactivate if can_deactivate => {
                let change = replace(None, ACTIVE, Value::Bool(false));
                self.modify(resource_type, id, &[change], if_match).await?;
                self.note("deactivated instead of deleted", ACTIVE);
                Ok(Answer::new(204, None))
            }
            Delete::Delete | Delete::Deactivate => {
                let endpoint = item(resource_type, id);
                let call = Call { if_match, ..Call::new("delete", "DELETE", &endpoint) };
                self.call(call).await?;
                Ok(Answer::new(204, None))
            }
        }
    }
}

/// The attribute that switches a resource off.
pub(super) const ACTIVE: &str = "active";

/// A PUT as changes of what is there. What the application does not tell is written if it is given,
/// and else left as it is, but for Keycloak, which leaves out an empty list of members.
fn differences(
    known: &Resource,
    resource_type: &ResourceType,
    dialect: Dialect,
    body: &Object,
    current: &Object,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut compare =
        |urn: Option<&str>, attribute: &Attribute, new: Option<&Value>, old: Option<&Value>| {
            let name = &*attribute.name;
            let hidden = known.hides.has(name);
            match (new, old) {
                (Some(new), Some(old)) if !hidden && element::equal(attribute, new, old) => {}
                (Some(new), _) => changes.push(replace(urn, name, new.clone())),
                (None, None) if hidden && dialect == Dialect::Keycloak => {
                    changes.push(replace(urn, name, Value::Array(Vec::new())));
                }
                (None, Some(_)) if !known.put.keeps.has(name) => {
                    let can =
                        |name: &str| known.patch.remove.has(name) || known.put.writes.has(name);
                    if can(name) {
                        let change = replace(urn, name, Value::Null);
                        changes.push(Change { op: PatchOp::Remove, value: None, ..change });
                    }
                }
                (None, _) => {}
            }
        };
    for attribute in resource_type.core_attributes() {
        let name = &*attribute.name;
        if is_writable(resource_type, name) && name != "schemas" && name != "id" {
            compare(None, attribute, body.get(name), current.get(name));
        }
    }
    for extension in &resource_type.extensions {
        let urn = &*extension.schema.id;
        let value = |object: &Object, name: &str| object.get(urn)?.get(name).cloned();
        for attribute in &extension.schema.attributes {
            let (new, old) = (value(body, &attribute.name), value(current, &attribute.name));
            compare(Some(urn), attribute, new.as_ref(), old.as_ref());
        }
    }
    changes
}
