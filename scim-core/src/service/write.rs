//! Create, replace, modify and delete (RFC 7644 §3.3, §3.5, §3.6).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde_json::Value;

use super::condition::Condition;
use super::memberships::{Group, MEMBERS};
use super::password::{Keeping, Settled};
use super::references::References;
use super::view::View;
use crate::auth::DeletePolicy;
use crate::dialect::{Dialect, modernize, modification};
use crate::port::{Clock, Kv, Random};
use crate::protocol::json::Object;
use crate::protocol::limits::Limits;
use crate::protocol::{Error, Notes, Rule};
use crate::resource::patch::{self, Change};
use crate::resource::{Reading, mutability, read};
use crate::store::keys::ResourceId;
use crate::store::record::Record;
use crate::store::{Read, Transaction, directory, members};

/// The attribute that says whether a user may sign in.
const ACTIVE: &str = "active";
/// Attributes that a PUT leaves as they are when it does not name them: to sign a user in or out,
/// or to take the password away, needs to be said (Bitwarden and Okta leave them out).
const KEPT_BY_PUT: [&str; 2] = ["active", "password"];

/// Writes by one client on resources of one type.
///
/// The bodies are read before a transaction begins; what changes the tree works inside one that
/// the caller runs, so that a request of its own and an operation of a Bulk obey the same rules.
pub(super) struct Write<'a> {
    pub(super) view: View<'a>,
    pub(super) reading: Reading<'a>,
    pub(super) references: References,
    pub(super) limits: &'a Limits,
    pub(super) keeping: Keeping<'a>,
    pub(super) delete: DeletePolicy,
}

/// What a client asks a resource to be.
pub(super) struct Wanted {
    attributes: Object,
    /// The member list, for a type that has one.
    members: Option<Vec<Value>>,
    password: Settled,
}

/// What a client asks to change in a resource.
pub(super) struct Modification {
    of_attributes: Vec<Change>,
    of_members: Vec<Change>,
    password: Settled,
    /// The dialect that the message was read in.
    pub(super) dialect: Dialect,
}

/// A fresh identifier.
pub(super) fn new_id(now_ms: u64, random: &impl Random) -> ResourceId {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    ResourceId::new(now_ms, bytes)
}

impl Write<'_> {
    /// Reads a whole resource, as POST and PUT carry it.
    pub(super) fn wanted(&self, body: Object, notes: &mut Notes) -> Result<Wanted, Error> {
        let body = modernize(body, &self.view.resource_type.schema.id, notes);
        check_schemas(&body, &self.view, notes)?;
        let mut attributes = self.reading.resource(body, notes)?;
        let members = match self.has_members().then(|| attributes.remove(MEMBERS)) {
            None => None,
            Some(Some(Value::Array(items))) => Some(items),
            Some(_) => Some(Vec::new()),
        };
        Ok(Wanted { attributes, members, password: Settled::default() })
    }

    /// Reads a PATCH message; `dialect` is the client's, as far as it is known.
    pub(super) fn modification(
        &self,
        body: &Object,
        dialect: Option<Dialect>,
        notes: &mut Notes,
    ) -> Result<Modification, Error> {
        let (dialect, changes) = modification(body, &self.reading, dialect, self.limits, notes)?;
        let is_members = |c: &Change| self.has_members() && c.attribute.as_deref() == Some(MEMBERS);
        let (of_members, of_attributes) = changes.into_iter().partition(is_members);
        Ok(Modification { of_attributes, of_members, password: Settled::default(), dialect })
    }

    fn has_members(&self) -> bool {
        &*self.view.resource_type.name == "Group"
    }

    /// Creates a resource.
    pub(super) async fn create<K: Kv, C: Clock, R: Random>(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        id: ResourceId,
        wanted: &Wanted,
    ) -> Result<Record, Error> {
        let record = self.create_alone(tx, id, wanted).await?;
        self.add_members(tx, id, wanted).await?;
        Ok(record)
    }

    /// Creates a resource, but for its members: these may be yet to come.
    pub(super) async fn create_alone<K: Kv, C: Clock, R: Random>(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        id: ResourceId,
        wanted: &Wanted,
    ) -> Result<Record, Error> {
        read::check_required(self.view.resource_type, &wanted.attributes)?;
        let now = tx.now_ms();
        let mut record = Record {
            id,
            created_ms: now,
            modified_ms: now,
            version: tx.version(),
            external_ids: BTreeMap::new(),
            attributes: Object::new(),
        };
        let mut attributes = wanted.attributes.clone();
        self.keeping.settle(&wanted.password, None, &mut attributes)?;
        record.set_seen_from(self.view.domain, attributes);
        directory::put(tx, self.view.resource_type, None, &record).await?;
        Ok(record)
    }

    /// Adds the members of a resource that [`Self::create_alone`] made, and looks up what it refers
    /// to.
    pub(super) async fn add_members<K: Kv, C: Clock, R: Random>(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        id: ResourceId,
        wanted: &Wanted,
    ) -> Result<(), Error> {
        if let Some(members) = &wanted.members {
            Group { tx, view: &self.view, id }.add(members).await?;
        }
        self.check_references(tx, None, &wanted.attributes).await
    }

    /// Puts a resource in place of the one that is there.
    pub(super) async fn replace<K: Kv, C: Clock, R: Random>(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        id: ResourceId,
        wanted: &Wanted,
        condition: &Condition,
    ) -> Result<Record, Error> {
        let old = self.load(tx, id, condition).await?;
        let mut new = old.clone();
        let mut attributes = wanted.attributes.clone();
        for name in KEPT_BY_PUT {
            if let (false, Some(value)) = (attributes.contains_key(name), old.attributes.get(name))
            {
                attributes.insert(name.into(), value.clone());
            }
        }
        mutability::keep(self.view.resource_type, &old.attributes, &mut attributes);
        mutability::check(self.view.resource_type, &old.attributes, &attributes)?;
        read::check_required(self.view.resource_type, &attributes)?;
        self.check_references(tx, Some(&old.attributes), &attributes).await?;
        self.keeping.settle(&wanted.password, Some(&old.attributes), &mut attributes)?;
        new.set_seen_from(self.view.domain, attributes);
        let mut changed = false;
        if let Some(members) = &wanted.members {
            changed = Group { tx, view: &self.view, id }.replace(members).await?;
        }
        self.store_if_changed(tx, &old, new, changed).await
    }

    /// Carries a PATCH message out.
    pub(super) async fn modify<K: Kv, C: Clock, R: Random>(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        id: ResourceId,
        modification: &Modification,
        condition: &Condition,
    ) -> Result<Record, Error> {
        let old = self.load(tx, id, condition).await?;
        let mut attributes = old.seen_from(self.view.domain);
        patch::apply(self.view.resource_type, &mut attributes, &modification.of_attributes)?;
        self.keeping.settle(&modification.password, Some(&old.attributes), &mut attributes)?;
        read::check_required(self.view.resource_type, &attributes)?;
        self.check_references(tx, Some(&old.attributes), &attributes).await?;
        let mut new = old.clone();
        new.set_seen_from(self.view.domain, attributes);
        let mut regrouped = false;
        for change in &modification.of_members {
            regrouped |= Group { tx, view: &self.view, id }.apply(change).await?;
        }
        self.store_if_changed(tx, &old, new, regrouped).await
    }

    /// Does with a resource what this client's deletion means.
    ///
    /// # Errors
    /// 403 if it means nothing.
    pub(super) async fn delete<K: Kv, C: Clock, R: Random>(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        id: ResourceId,
        condition: &Condition,
    ) -> Result<(), Error> {
        let active = self.view.resource_type.schema.attribute(ACTIVE);
        match self.delete {
            DeletePolicy::Refuse => Err(Error::forbidden("this client may not delete resources")),
            DeletePolicy::Deactivate if active.is_some() => {
                let old = self.load(tx, id, condition).await?;
                let mut new = old.clone();
                new.attributes.insert(ACTIVE.into(), false.into());
                self.store_if_changed(tx, &old, new, false).await.map(|_| ())
            }
            DeletePolicy::Allow | DeletePolicy::Deactivate => self.remove(tx, id, condition).await,
        }
    }

    /// Removes a resource and its memberships, those of its members and those it has.
    async fn remove<K: Kv, C: Clock, R: Random>(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        id: ResourceId,
        condition: &Condition,
    ) -> Result<(), Error> {
        let record = self.load(tx, id, condition).await?;
        members::clear(tx, id).await?;
        for group in members::groups_of(tx, id).await? {
            members::remove(tx, group, id).await?;
            self.touch_group(tx, group).await?;
        }
        directory::remove(tx, self.view.resource_type, &record).await?;
        Ok(())
    }

    async fn check_references(
        &self,
        read: &impl Read,
        old: Option<&Object>,
        new: &Object,
    ) -> Result<(), Error> {
        match self.references {
            References::Keep => Ok(()),
            References::Refuse => self.view.check_references(read, old, new).await,
        }
    }

    async fn load(
        &self,
        tx: &impl Read,
        id: ResourceId,
        condition: &Condition,
    ) -> Result<Record, Error> {
        let record = directory::load(tx, self.view.resource_type, id).await?;
        let record = record.ok_or_else(super::no_resource)?;
        condition.check(record.version)?;
        Ok(record)
    }

    /// A request that changes nothing writes nothing: the version stays, and so does the tree.
    async fn store_if_changed<K: Kv, C: Clock, R: Random>(
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
        new.version = next_version(tx, old);
        directory::put(tx, self.view.resource_type, Some(old), &new).await?;
        Ok(new)
    }

    /// A group that lost a member has a new version.
    async fn touch_group<K: Kv, C: Clock, R: Random>(
        &self,
        tx: &mut Transaction<'_, K, C, R>,
        id: ResourceId,
    ) -> Result<(), Error> {
        let Some(group_type) = self.view.catalog.by_name("Group") else { return Ok(()) };
        let Some(old) = directory::load(tx, group_type, id).await? else { return Ok(()) };
        let (modified_ms, version) = (tx.now_ms(), next_version(tx, &old));
        let new = Record { modified_ms, version, ..old.clone() };
        directory::put(tx, group_type, Some(&old), &new).await
    }
}

/// The version of a resource that this transaction changes. One that was imported may have a higher
/// one than this store has commits; no version is ever given twice.
fn next_version<K: Kv, C: Clock, R: Random>(tx: &Transaction<'_, K, C, R>, old: &Record) -> u64 {
    let version = tx.version();
    if old.version > version { old.version.saturating_add(1) } else { version }
}

/// `schemas` may be missing; if it is there, it must be a list that names the resource's schema.
fn check_schemas(body: &Object, view: &View<'_>, notes: &mut Notes) -> Result<(), Error> {
    let wrong = || Error::invalid_value("`schemas` must be an array of strings");
    let Some(value) = crate::protocol::json::member(body, "schemas") else {
        notes.add(Rule::SchemasMissing, "");
        return Ok(());
    };
    let Value::Array(items) = value else { return Err(wrong()) };
    let names = items.iter().map(|item| item.as_str().ok_or_else(wrong));
    let names = names.collect::<Result<Vec<&str>, Error>>()?;
    let own = &view.resource_type.schema.id;
    let is_ours =
        |name: &str| name.eq_ignore_ascii_case(own) || view.resource_type.extension(name).is_some();
    if !names.iter().all(|name| is_ours(name)) {
        notes.add(Rule::ForeignSchema, "schemas");
    }
    if names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(own)) {
        return Ok(());
    }
    Err(Error::invalid_value("`schemas` does not name the schema of the resource"))
}
