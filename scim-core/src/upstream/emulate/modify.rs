//! PATCH: by the operations that an application understands, by PUT, or by the difference
//! (R3, R4; RFC 7644 §3.5.2).

use alloc::vec::Vec;

use serde_json::Value;

use super::session::{Call, Session, item};
use crate::dialect::modification;
use crate::port::{Clock, Upstream};
use crate::protocol::json::Object;
use crate::protocol::{Error, Notes, ScimType};
use crate::resource::patch::{self as changes, Change};
use crate::resource::{Reading, Unknown, element};
use crate::schema::{Mutability, ResourceType};
use crate::upstream::patch::{self, creates, name_of, with_elements};
use crate::upstream::profile::Unsupported;
use crate::upstream::request;

/// How often a write by reading, changing and writing is tried when others write as well.
const ATTEMPTS: u32 = 3;
/// Seconds after which a client may try again then.
const RETRY_S: u32 = 1;

impl<U: Upstream, C: Clock> Session<'_, U, C> {
    /// What a canonical PATCH message means.
    pub(super) fn changes(
        &self,
        resource_type: &ResourceType,
        body: &Object,
    ) -> Result<Vec<Change>, Error> {
        let reading = Reading { resource_type, unknown: Unknown::Keep };
        let (limits, notes) = (&self.gateway.limits, &mut Notes::default());
        Ok(modification(body, &reading, Some(self.dialect), limits, notes)?.1)
    }

    /// Makes changes. The resource afterwards, if the application told it.
    pub(super) async fn modify(
        &mut self,
        resource_type: &ResourceType,
        id: &str,
        changes: &[Change],
        if_match: Option<&str>,
    ) -> Result<Option<Object>, Error> {
        let known = self.gateway.profile.resource(&resource_type.endpoint);
        let plan = patch::plan(known, resource_type, changes);
        for name in &plan.unsupported {
            if self.gateway.profile.unsupported == Unsupported::Refuse {
                let name = element::printable(name);
                let text = alloc::format!("the application cannot change `{name}`");
                return Err(Error::mutability(text));
            }
            self.note("ignored", name);
        }
        let mut shown = None;
        if !plan.put.is_empty() {
            shown = Some(self.by_put(resource_type, id, &plan.put, if_match).await?);
        }
        let mut operations = plan.direct;
        if !plan.listed.is_empty() {
            let current = match shown.take() {
                Some(current) => current,
                None => self.fetch(resource_type, id).await?.0,
            };
            let more = patch::by_difference(known, resource_type, &current, &plan.listed)?;
            operations.extend(more);
            shown = Some(current);
        }
        if operations.is_empty() {
            // Nothing is to be done to what must be there all the same.
            return match shown {
                Some(shown) => Ok(Some(shown)),
                None => Ok(Some(self.fetch(resource_type, id).await?.0)),
            };
        }
        let sent = self.send_patch(resource_type, id, &operations, if_match).await;
        let may_create = !known.patch.creates_elements && changes.iter().any(creates);
        match sent {
            // RFC 7644 §3.5.2 asks for this where a filter selects nothing, and for nothing done.
            Err(error) if may_create && error.scim_type() == Some(ScimType::NoTarget) => {
                let (current, _) = self.fetch(resource_type, id).await?;
                let changes = with_elements(resource_type, &current, changes)?;
                let plan = patch::plan(known, resource_type, &changes);
                self.send_patch(resource_type, id, &plan.direct, if_match).await
            }
            sent => sent,
        }
    }

    async fn send_patch(
        &mut self,
        resource_type: &ResourceType,
        id: &str,
        operations: &[Value],
        if_match: Option<&str>,
    ) -> Result<Option<Object>, Error> {
        let (endpoint, body) = (item(resource_type, id), patch::message(operations));
        let call = Call { body: Some(&body), if_match, ..Call::new("patch", "PATCH", &endpoint) };
        let reply = self.call(call).await?;
        self.resource(resource_type, &reply)
    }

    /// Reads, changes and writes the whole resource. Without entity tags it is read again: what
    /// another writer has undone is done again.
    async fn by_put(
        &mut self,
        resource_type: &ResourceType,
        id: &str,
        changes: &[Change],
        if_match: Option<&str>,
    ) -> Result<Object, Error> {
        let mut before: Option<Object> = None;
        for _ in 0..ATTEMPTS {
            let (current, tag) = self.fetch(resource_type, id).await?;
            let mut wanted = current.clone();
            changes::apply(resource_type, &mut wanted, changes)?;
            if wanted == current {
                return Ok(current);
            }
            let tag = if_match.or(tag.as_deref());
            match self.send_put(resource_type, id, wanted.clone(), tag).await {
                Err(error) if error.status() == 412 && if_match.is_none() => continue,
                Err(error) => return Err(error),
                Ok(Some(written)) if tag.is_some() => return Ok(written),
                Ok(_) => {}
            }
            let (seen, _) = self.fetch(resource_type, id).await?;
            let is_kept = |change: &Change| is_kept(resource_type, change, &wanted, &seen);
            if changes.iter().all(is_kept) {
                return Ok(seen);
            }
            // Twice the same is no other writer: the application writes values in its own way.
            if before.as_ref() == Some(&seen) {
                self.note("kept differently", "");
                return Ok(seen);
            }
            before = Some(seen);
        }
        Err(Error::unavailable("the resource is being changed by others", RETRY_S))
    }

    /// Writes a whole resource. The resource afterwards, if the application told it.
    pub(super) async fn send_put(
        &mut self,
        resource_type: &ResourceType,
        id: &str,
        mut body: Object,
        if_match: Option<&str>,
    ) -> Result<Option<Object>, Error> {
        let known = self.gateway.profile.resource(&resource_type.endpoint);
        body.retain(|name, _| is_writable(resource_type, name));
        body.insert("id".into(), id.into());
        request::fill(&mut body, resource_type, &known.required);
        request::drop_names(&mut body, &known.drops);
        let endpoint = item(resource_type, id);
        let call = Call { body: Some(&body), if_match, ..Call::new("put", "PUT", &endpoint) };
        let reply = self.call(call).await?;
        self.resource(resource_type, &reply)
    }
}

/// Whether a client may write an attribute; those of unknown schemas it may.
pub(super) fn is_writable(resource_type: &ResourceType, name: &str) -> bool {
    let found = resource_type.attribute(None, name);
    name == "schemas" || found.is_none_or(|(_, a)| a.mutability != Mutability::ReadOnly)
}

/// Whether what a change was to do is there: elements of a list are told by their values.
fn is_kept(resource_type: &ResourceType, change: &Change, wanted: &Object, seen: &Object) -> bool {
    let (urn, name) = (change.extension.as_deref(), change.attribute.as_deref());
    let Some(name) = name else { return true };
    let value = |object: &Object| -> Option<Value> {
        match urn {
            Some(urn) => object.get(urn)?.get(name).cloned(),
            None => object.get(name).cloned(),
        }
    };
    match (resource_type.attribute(urn, name), value(wanted), value(seen)) {
        (_, None, None) => true,
        (Some((_, attribute)), Some(Value::Array(a)), Some(Value::Array(b))) => {
            let has = |items: &[Value], item: &Value| {
                items
                    .iter()
                    .any(|i| element::same_value(i, item) || element::equal(attribute, i, item))
            };
            a.len() == b.len() && a.iter().all(|item| has(&b, item))
        }
        (Some((_, attribute)), Some(a), Some(b)) => element::equal(attribute, &a, &b),
        (_, a, b) => a == b && !name_of(change).is_empty(),
    }
}
