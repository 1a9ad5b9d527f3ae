//! Create, replace, modify and delete (RFC 7644 §3.3, §3.5, §3.6).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde_json::Value;

use super::condition::Condition;
use super::memberships::{Group, MEMBERS};
use super::view::View;
use crate::dialect::Dialect;
use crate::port::{Clock, Kv, Random};
use crate::protocol::Error;
use crate::protocol::json::Object;
use crate::protocol::limits::Limits;
use crate::protocol::patch as message;
use crate::resource::patch::{self, Change};
use crate::resource::{Reading, read};
use crate::store::keys::ResourceId;
use crate::store::record::Record;
use crate::store::{Store, Transaction, directory, members};

/// Attributes that a PUT leaves as they are when it does not name them: to sign a user in or out,
/// or to take the password away, needs to be said (Bitwarden and Okta leave them out).
const KEPT_BY_PUT: [&str; 2] = ["active", "password"];

/// A write by one client on resources of one type.
pub(super) struct Write<'a, K, C, R> {
    pub(super) store: &'a Store<K, C, R>,
    pub(super) view: View<'a>,
    pub(super) reading: Reading<'a>,
    pub(super) limits: &'a Limits,
}

/// What a client asks a resource to be.
struct Wanted {
    attributes: Object,
    /// The member list, for a type that has one.
    members: Option<Vec<Value>>,
}

impl<K: Kv, C: Clock, R: Random> Write<'_, K, C, R> {
    fn read(&self, body: &Object) -> Result<Wanted, Error> {
        check_schemas(body, &self.view)?;
        let mut attributes = self.reading.resource(body)?;
        // No password is kept until there is something that checks it.
        attributes.remove("password");
        read::check_required(self.view.resource_type, &attributes)?;
        let members = match attributes.remove(MEMBERS) {
            Some(Value::Array(items)) if self.has_members() => Some(items),
            _ => self.has_members().then(Vec::new),
        };
        Ok(Wanted { attributes, members })
    }

    fn has_members(&self) -> bool {
        &*self.view.resource_type.name == "Group"
    }

    /// Creates a resource.
    pub(super) async fn create(&self, body: &Object) -> Result<Record, Error> {
        let wanted = self.read(body)?;
        self.store
            .transact(async |tx| {
                let mut random = [0; 10];
                self.store.random().fill(&mut random);
                let now = tx.now_ms();
                let mut record = Record {
                    id: ResourceId::new(now, random),
                    created_ms: now,
                    modified_ms: now,
                    version: tx.commit_number(),
                    external_ids: BTreeMap::new(),
                    attributes: Object::new(),
                };
                record.set_seen_from(self.view.domain, wanted.attributes.clone());
                directory::put(tx, self.view.resource_type, None, &record).await?;
                if let Some(members) = &wanted.members {
                    Group { tx, view: &self.view, id: record.id }.add(members).await?;
                }
                Ok(record)
            })
            .await
    }

    /// Puts a resource in place of the one that is there.
    pub(super) async fn replace(
        &self,
        id: ResourceId,
        body: &Object,
        condition: &Condition,
    ) -> Result<Record, Error> {
        let wanted = self.read(body)?;
        self.store
            .transact(async |tx| {
                let old = self.load(tx, id, condition).await?;
                let mut new = old.clone();
                let mut attributes = wanted.attributes.clone();
                for name in KEPT_BY_PUT {
                    if let (false, Some(value)) =
                        (attributes.contains_key(name), old.attributes.get(name))
                    {
                        attributes.insert(name.into(), value.clone());
                    }
                }
                new.set_seen_from(self.view.domain, attributes);
                let mut changed = false;
                if let Some(members) = &wanted.members {
                    changed = Group { tx, view: &self.view, id }.replace(members).await?;
                }
                self.store_if_changed(tx, &old, new, changed).await
            })
            .await
    }

    /// Carries a PATCH message out; the record and the dialect that it was read in.
    pub(super) async fn modify(
        &self,
        id: ResourceId,
        body: &Object,
        condition: &Condition,
        dialect: Option<Dialect>,
    ) -> Result<(Record, Dialect), Error> {
        let operations = message::parse(body, self.limits)?;
        let dialect = dialect.or_else(|| Dialect::of_patch(&operations)).unwrap_or(Dialect::Rfc);
        let changes = patch::resolve(&operations, &self.reading, dialect.leniency())?;
        let is_members = |c: &Change| self.has_members() && c.attribute.as_deref() == Some(MEMBERS);
        let (of_members, of_attributes): (Vec<Change>, Vec<Change>) =
            changes.into_iter().partition(is_members);
        let record = self
            .store
            .transact(async |tx| {
                let old = self.load(tx, id, condition).await?;
                let mut attributes = old.seen_from(self.view.domain);
                patch::apply(self.view.resource_type, &mut attributes, &of_attributes)?;
                attributes.remove("password");
                read::check_required(self.view.resource_type, &attributes)?;
                let mut new = old.clone();
                new.set_seen_from(self.view.domain, attributes);
                let mut regrouped = false;
                for change in &of_members {
                    regrouped |= Group { tx, view: &self.view, id }.apply(change).await?;
                }
                self.store_if_changed(tx, &old, new, regrouped).await
            })
            .await?;
        Ok((record, dialect))
    }

    /// Removes a resource and its memberships, those of its members and those it has.
    pub(super) async fn delete(&self, id: ResourceId, condition: &Condition) -> Result<(), Error> {
        self.store
            .transact(async |tx| {
                let record = self.load(tx, id, condition).await?;
                for member in members::of_group(tx, id).await? {
                    members::remove(tx, id, member.id).await?;
                }
                for group in members::groups_of(tx, id).await? {
                    members::remove(tx, group, id).await?;
                    self.touch_group(tx, group).await?;
                }
                directory::remove(tx, self.view.resource_type, &record).await?;
                Ok(())
            })
            .await
    }

    async fn load(
        &self,
        tx: &Transaction<'_, K, C, R>,
        id: ResourceId,
        condition: &Condition,
    ) -> Result<Record, Error> {
        let record = directory::load(tx, self.view.resource_type, id).await?;
        let record = record.ok_or_else(super::no_resource)?;
        condition.check(record.version)?;
        Ok(record)
    }

    /// A request that changes nothing writes nothing: the version stays, and so does the tree.
    async fn store_if_changed(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        old: &Record,
        mut new: Record,
        members_changed: bool,
    ) -> Result<Record, Error> {
        if new == *old && !members_changed {
            return Ok(new);
        }
        new.modified_ms = tx.now_ms();
        new.version = tx.commit_number();
        directory::put(tx, self.view.resource_type, Some(old), &new).await?;
        Ok(new)
    }

    /// A group that lost a member has a new version.
    async fn touch_group(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        id: ResourceId,
    ) -> Result<(), Error> {
        let Some(group_type) = self.view.catalog.by_name("Group") else { return Ok(()) };
        let Some(old) = directory::load(tx, group_type, id).await? else { return Ok(()) };
        let (modified_ms, version) = (tx.now_ms(), tx.commit_number());
        let new = Record { modified_ms, version, ..old.clone() };
        directory::put(tx, group_type, Some(&old), &new).await
    }
}

/// `schemas` may be missing; if it is there, it must be a list that names the resource's schema.
fn check_schemas(body: &Object, view: &View<'_>) -> Result<(), Error> {
    let wrong = || Error::invalid_value("`schemas` must be an array of strings");
    let Some(value) = crate::protocol::json::member(body, "schemas") else { return Ok(()) };
    let Value::Array(items) = value else { return Err(wrong()) };
    let names = items.iter().map(|item| item.as_str().ok_or_else(wrong));
    let names = names.collect::<Result<Vec<&str>, Error>>()?;
    let own = &view.resource_type.schema.id;
    if names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(own)) {
        return Ok(());
    }
    Err(Error::invalid_value("`schemas` does not name the schema of the resource"))
}
