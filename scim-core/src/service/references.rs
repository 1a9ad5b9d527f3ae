//! References of one resource to another: looked up, and completed (RFC 7643 §2.3.7, §4.3).
//!
//! Memberships are references, too, but entries of the tree: [`super::memberships`] has them.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::Value;

use super::memberships::MEMBERS;
use super::view::{View, name_of};
use crate::protocol::Error;
use crate::protocol::json::Object;
use crate::schema::{AttrType, Attribute, Mutability, ResourceType};
use crate::store::keys::{self, ResourceId};
use crate::store::{Read, StoreError, directory};

/// What becomes of a reference to a resource that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    /// It is kept: clients send a manager before they have created it.
    Keep,
    /// The request is refused.
    Refuse,
}

/// Elements of one attribute that are completed; a longer list goes without.
const COMPLETED_ELEMENTS: usize = 20;

/// An attribute that refers to resources of types that are served here.
struct Referring<'a> {
    extension: Option<&'a str>,
    attribute: &'a Attribute,
    types: Vec<&'a ResourceType>,
}

impl View<'_> {
    /// Completes references to resources that are there: `$ref` where the client gave none, and the
    /// read-only name, if `with_names`.
    pub(super) async fn complete_references(
        &self,
        read: &impl Read,
        resource: &mut Object,
        with_names: bool,
    ) -> Result<(), StoreError> {
        for referring in self.referring() {
            let Some(value) = value_of(resource, &referring) else { continue };
            let many = value.as_array_mut().map(Vec::as_mut_slice);
            let items = match many {
                Some(items) => items,
                None => core::slice::from_mut(value),
            };
            if items.len() > COMPLETED_ELEMENTS {
                continue;
            }
            for item in items.iter_mut().filter_map(Value::as_object_mut) {
                self.complete(read, item, &referring, with_names).await?;
            }
        }
        Ok(())
    }

    async fn complete(
        &self,
        read: &impl Read,
        item: &mut Object,
        referring: &Referring<'_>,
        with_names: bool,
    ) -> Result<(), StoreError> {
        let id = item.get("value").and_then(Value::as_str).and_then(ResourceId::parse);
        let Some(id) = id else { return Ok(()) };
        let Some(found) = type_of(read, &referring.types, id).await? else { return Ok(()) };
        if !item.contains_key("$ref") {
            let uri = format!("{}/{}/{}", self.base, found.endpoint, id.to_text());
            item.insert("$ref".into(), uri.into());
        }
        let name = ["display", "displayName"]
            .iter()
            .filter_map(|name| referring.attribute.sub(name))
            .find(|sub| sub.mutability == Mutability::ReadOnly);
        if let (true, Some(sub)) = (with_names, name)
            && let Some(record) = directory::load(read, found, id).await?
            && let Some(text) = name_of(found, &record)
        {
            item.insert(sub.name.to_string(), text.into());
        }
        Ok(())
    }

    /// Refuses a reference in `new` that leads nowhere; one that `old` has is not looked at again.
    ///
    /// # Errors
    /// `invalidValue` naming the attribute.
    pub(super) async fn check_references(
        &self,
        read: &impl Read,
        old: Option<&Object>,
        new: &Object,
    ) -> Result<(), Error> {
        for referring in self.referring() {
            let Some(value) = value_in(new, &referring) else { continue };
            let before = old.and_then(|old| value_in(old, &referring));
            let known: Vec<&str> = before.map(targets).unwrap_or_default();
            for target in targets(value).into_iter().filter(|target| !known.contains(target)) {
                let (endpoint, id) = last_segments(target);
                let id = ResourceId::parse(id);
                let of_path = |t: &&&ResourceType| {
                    endpoint.is_none_or(|name| t.endpoint.eq_ignore_ascii_case(name))
                };
                let types: Vec<&ResourceType> =
                    referring.types.iter().filter(of_path).copied().collect();
                let found = match id {
                    Some(id) => type_of(read, &types, id).await?,
                    None => None,
                };
                if found.is_none() {
                    let urn = referring.extension.map(|urn| format!("{urn}:")).unwrap_or_default();
                    let name = &referring.attribute.name;
                    let text = format!("`{urn}{name}` refers to a resource that is not there");
                    return Err(Error::invalid_value(text));
                }
            }
        }
        Ok(())
    }

    fn referring(&self) -> impl Iterator<Item = Referring<'_>> {
        let core = core::iter::once((None, &self.resource_type.schema));
        let extensions = self.resource_type.extensions.iter();
        let homes = core.chain(extensions.map(|e| (Some(&*e.schema.id), &e.schema)));
        homes.flat_map(|(urn, schema)| schema.attributes.iter().map(move |a| (urn, a))).filter_map(
            |(extension, attribute)| {
                let is_own = attribute.mutability == Mutability::ReadOnly
                    || (&*self.resource_type.name, &*attribute.name) == ("Group", MEMBERS);
                let types = if is_own { Vec::new() } else { self.referred_types(attribute) };
                (!types.is_empty()).then_some(Referring { extension, attribute, types })
            },
        )
    }

    fn referred_types(&self, attribute: &Attribute) -> Vec<&ResourceType> {
        let reference = match attribute.kind {
            AttrType::Reference => Some(attribute),
            AttrType::Complex if attribute.sub("value").is_some() => attribute.sub("$ref"),
            _ => None,
        };
        let names = reference.map(|reference| reference.reference_types.as_slice());
        names.unwrap_or_default().iter().filter_map(|name| self.catalog.by_name(name)).collect()
    }
}

fn value_of<'v>(resource: &'v mut Object, referring: &Referring<'_>) -> Option<&'v mut Value> {
    let home = match referring.extension {
        Some(urn) => resource.get_mut(urn)?.as_object_mut()?,
        None => resource,
    };
    home.get_mut(&*referring.attribute.name)
}

fn value_in<'v>(resource: &'v Object, referring: &Referring<'_>) -> Option<&'v Value> {
    let home = match referring.extension {
        Some(urn) => resource.get(urn)?.as_object()?,
        None => resource,
    };
    home.get(&*referring.attribute.name)
}

/// What a value refers to: identifiers, or URIs.
fn targets(value: &Value) -> Vec<&str> {
    let items = value.as_array().map_or(core::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(|item| item.get("value").unwrap_or(item).as_str()).collect()
}

/// `Users` and the identifier of a URI that ends in `/Users/id`, and of an identifier alone.
fn last_segments(target: &str) -> (Option<&str>, &str) {
    match target.trim_end_matches('/').rsplit_once('/') {
        None => (None, target),
        Some((path, id)) => (Some(path.rsplit_once('/').map_or(path, |(_, name)| name)), id),
    }
}

async fn type_of<'t>(
    read: &impl Read,
    types: &[&'t ResourceType],
    id: ResourceId,
) -> Result<Option<&'t ResourceType>, StoreError> {
    for resource_type in types {
        if read.get(&keys::resource(&resource_type.name, id)).await?.is_some() {
            return Ok(Some(resource_type));
        }
    }
    Ok(None)
}
