//! Changes of a group's member list, done on the members they name and no others.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde_json::Value;

use super::view::View;
use crate::port::{Clock, Kv, Random};
use crate::protocol::Error;
use crate::protocol::filter::{CompareOp, Filter, Literal};
use crate::protocol::patch::PatchOp;
use crate::resource::matching;
use crate::resource::patch::Change;
use crate::store::keys::ResourceId;
use crate::store::members::{self, Member};
use crate::store::{Transaction, directory};

/// The attribute that is kept as entries of the tree.
pub(super) const MEMBERS: &str = "members";

/// A group whose members change.
pub(super) struct Group<'a, 't, K, C, R> {
    pub(super) tx: &'a mut Transaction<'t, K, C, R>,
    pub(super) view: &'a View<'a>,
    pub(super) id: ResourceId,
}

impl<K: Kv, C: Clock, R: Random> Group<'_, '_, K, C, R> {
    /// Carries one change out; whether anything became different.
    ///
    /// # Errors
    /// `invalidValue` for a member that does not exist, `noTarget` for a filter that selects none.
    pub(super) async fn apply(&mut self, change: &Change) -> Result<bool, Error> {
        let listed = match &change.value {
            Some(Value::Array(items)) => items.as_slice(),
            Some(one) => core::slice::from_ref(one),
            None => &[],
        };
        match (change.op, &change.filter) {
            (PatchOp::Add, None) => self.add(listed).await,
            (PatchOp::Replace, None) => self.replace(listed).await,
            (PatchOp::Remove, None) if change.value.is_some() => self.remove_listed(listed).await,
            (PatchOp::Remove, None) => self.replace(&[]).await,
            (PatchOp::Remove, Some(filter)) => {
                let selected = self.select(filter).await?;
                self.remove(&selected).await
            }
            (PatchOp::Add, Some(filter)) => match value_equals(filter) {
                // A filter that names one member describes the member to add.
                Some(id) => self.add(&[serde_json::json!({"value": id})]).await,
                None => Err(no_target()),
            },
            (PatchOp::Replace, Some(filter)) => {
                let selected = self.select(filter).await?;
                if selected.is_empty() {
                    return Err(no_target());
                }
                let removed = self.remove(&selected).await?;
                Ok(self.add(listed).await? || removed)
            }
        }
    }

    /// Adds members.
    pub(super) async fn add(&mut self, listed: &[Value]) -> Result<bool, Error> {
        let mut changed = false;
        for item in listed {
            let member = self.existing(item).await?;
            changed |= members::add(self.tx, self.id, &member).await?;
        }
        Ok(changed)
    }

    /// Makes these the members, writing the difference only.
    pub(super) async fn replace(&mut self, listed: &[Value]) -> Result<bool, Error> {
        let mut missing: BTreeSet<ResourceId> = listed.iter().filter_map(member_id).collect();
        let mut gone = Vec::new();
        let mut after = None;
        loop {
            let members = members::page(self.tx, self.id, after).await?;
            let Some(last) = members.last() else { break };
            after = Some(last.id);
            gone.extend(members.iter().map(|member| member.id).filter(|id| !missing.remove(id)));
        }
        let mut added = false;
        for item in listed {
            // What names nobody is refused there.
            if member_id(item).is_none_or(|id| missing.contains(&id)) {
                added |= self.add(core::slice::from_ref(item)).await?;
            }
        }
        Ok(self.remove(&gone).await? || added)
    }

    async fn remove_listed(&mut self, listed: &[Value]) -> Result<bool, Error> {
        let ids: Vec<ResourceId> = listed.iter().filter_map(member_id).collect();
        self.remove(&ids).await
    }

    async fn remove(&mut self, ids: &[ResourceId]) -> Result<bool, Error> {
        let mut changed = false;
        for id in ids {
            changed |= members::remove(self.tx, self.id, *id).await?;
        }
        Ok(changed)
    }

    async fn select(&self, filter: &Filter) -> Result<Vec<ResourceId>, Error> {
        if let Some(value) = value_equals(filter) {
            let Some(id) = ResourceId::parse(value) else { return Ok(Vec::new()) };
            let is_member = members::contains(self.tx, self.id, id).await?;
            return Ok(is_member.then_some(id).into_iter().collect());
        }
        let Some(attribute) = self.view.resource_type.schema.attribute(MEMBERS) else {
            return Ok(Vec::new());
        };
        let mut selected = Vec::new();
        let mut after = None;
        loop {
            let members = members::page(self.tx, self.id, after).await?;
            let Some(last) = members.last() else { return Ok(selected) };
            after = Some(last.id);
            let is_selected = |member: &&Member| {
                matching::matches_element(filter, attribute, &self.view.member(member))
            };
            selected.extend(members.iter().filter(is_selected).map(|member| member.id));
        }
    }

    async fn existing(&self, item: &Value) -> Result<Member, Error> {
        let unknown = || Error::invalid_value("`members.value` names no resource");
        let id = member_id(item).ok_or_else(unknown)?;
        if id == self.id {
            return Err(Error::invalid_value("`members.value` names the group itself"));
        }
        let found = directory::type_of(self.tx, self.view.catalog.types(), id).await?;
        let found = found.ok_or_else(unknown)?;
        let given = item.get("type").and_then(Value::as_str);
        if given.is_some_and(|given| !given.eq_ignore_ascii_case(&found.name)) {
            return Err(Error::invalid_value("`members.type` is not the type of that resource"));
        }
        Ok(Member { id, resource_type: found.name.clone().into_owned() })
    }
}

fn member_id(item: &Value) -> Option<ResourceId> {
    ResourceId::parse(item.get("value")?.as_str()?)
}

fn value_equals(filter: &Filter) -> Option<&str> {
    match filter {
        Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(value) }
            if path.name == "value" && path.sub.is_none() =>
        {
            Some(value)
        }
        _ => None,
    }
}

fn no_target() -> Error {
    Error::no_target("the filter selects no value of `members`")
}
