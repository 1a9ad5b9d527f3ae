//! An application's answers in SCIM's form, as the gateway's own (A1–A7; RFC 7644 §3.1, §3.4.2).

mod error;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

pub use error::error;

use super::profile::Profile;
use super::request::fill;
use crate::port::http::Reply;
use crate::protocol::json::{self, Object};
use crate::protocol::limits::Limits;
use crate::protocol::{Error, Notes, urn};
use crate::resource::{Projection, Reading, Unknown, element};
use crate::schema::{AttrType, Attribute, Mutability, ResourceType};

/// How answers about one resource type look.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// The application.
    pub profile: &'a Profile,
    /// The resource type.
    pub resource_type: &'a ResourceType,
    /// Absolute URI of the gateway's SCIM root, without a slash at its end.
    pub base: &'a str,
    /// Limits of what is read.
    pub limits: &'a Limits,
}

/// A page of a list as the application gave it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// How many there are in all.
    pub total: u64,
    /// Those on the page, canonical.
    pub resources: Vec<Object>,
}

impl Shape<'_> {
    /// The JSON object in an answer; `None` if it is empty.
    ///
    /// # Errors
    /// 502: it is no JSON object.
    pub fn object(&self, reply: &Reply) -> Result<Option<Object>, Error> {
        if reply.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        json::parse_object(&reply.body, self.limits).map(Some).map_err(|_| garbage())
    }

    /// A resource in canonical form: names, texts as identifiers, nothing unassigned, `schemas`,
    /// `meta.location` and references of the gateway (RFC 7643 §3).
    ///
    /// # Errors
    /// 502: it has no `id`.
    pub fn resource(&self, mut object: Object) -> Result<Object, Error> {
        if let Some(id) = json::member(&object, "id").and_then(Value::as_number) {
            let id = id.to_string();
            object.retain(|name, _| !name.eq_ignore_ascii_case("id"));
            object.insert("id".into(), id.into());
        }
        let schemas = json::member(&object, "schemas").cloned();
        let reading = Reading { resource_type: self.resource_type, unknown: Unknown::Keep };
        // A value of an odd type is the application's business: it is shown as it is.
        let read = reading.resource(object.clone(), &mut Notes::default());
        let mut object = read.unwrap_or(object);
        object.retain(|name, value| !self.is_never_shown(name) && !value.is_null());
        element::prune(&mut object);
        fill(&mut object, self.resource_type, self.answers());
        let id = object.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let id = id.ok_or_else(garbage)?.to_string();
        for (name, value) in &mut object {
            self.references(name, value);
        }
        self.schemas(&mut object, schemas.as_ref());
        let slot = object.entry("meta").or_insert(Value::Null);
        element::put(slot, "resourceType", (*self.resource_type.name).into());
        element::put(slot, "location", self.location(&id).into());
        Ok(object)
    }

    fn answers(&self) -> &[super::profile::Fill] {
        &self.profile.resource(&self.resource_type.endpoint).answer
    }

    /// The absolute address of a resource.
    #[must_use]
    pub fn location(&self, id: &str) -> String {
        format!("{}/{}/{id}", self.base, self.resource_type.endpoint)
    }

    fn is_never_shown(&self, name: &str) -> bool {
        let found = self.resource_type.attribute(None, name);
        let write_only = |a: &Attribute| a.mutability == Mutability::WriteOnly;
        found.is_some_and(|(_, attribute)| write_only(attribute))
            || self.profile.resource(&self.resource_type.endpoint).hides.has(name)
    }

    /// References point to the gateway, or nowhere: an application's own addresses stay inside.
    fn references(&self, name: &str, value: &mut Value) {
        let found = self.resource_type.attribute(None, name);
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.reference(item)),
            Value::Object(home) if self.resource_type.extension(name).is_some() => {
                home.values_mut().for_each(|value| match value {
                    Value::Array(items) => items.iter_mut().for_each(|item| self.reference(item)),
                    one => self.reference(one),
                });
            }
            one if found.is_some_and(|(_, a)| a.kind == AttrType::Complex) => self.reference(one),
            _ => {}
        }
    }

    fn reference(&self, item: &mut Value) {
        let Some(object) = item.as_object_mut() else { return };
        let Some(old) = object.remove("$ref") else { return };
        let text = old.as_str().unwrap_or_default();
        let is_in = |endpoint: &str| {
            let mut segments = text.rsplit('/').skip(1);
            segments.next().is_some_and(|last| last.eq_ignore_ascii_case(endpoint))
        };
        let known = ["Users", "Groups"]
            .into_iter()
            .find(|endpoint| is_in(self.profile.path(endpoint)) || is_in(endpoint));
        let value = object.get("value").and_then(Value::as_str);
        if let (Some(endpoint), Some(value)) = (known, value) {
            let own = format!("{}/{endpoint}/{value}", self.base);
            object.insert("$ref".into(), own.into());
        }
    }

    fn schemas(&self, object: &mut Object, sent: Option<&Value>) {
        let own = &*self.resource_type.schema.id;
        let mut schemas: Vec<Value> = Vec::from([own.into()]);
        let listed = sent.and_then(Value::as_array).into_iter().flatten();
        let extensions = self.resource_type.extensions.iter().map(|e| &*e.schema.id);
        let present: Vec<Value> =
            extensions.filter(|urn| object.contains_key(*urn)).map(Value::from).collect();
        let foreign = listed.filter(|urn| {
            let text = urn.as_str().unwrap_or_default();
            let extension = self.resource_type.extension(text).is_some();
            text.starts_with("urn:") && !extension && !text.eq_ignore_ascii_case(own)
        });
        schemas.extend(foreign.cloned());
        schemas.extend(present);
        object.insert("schemas".into(), schemas.into());
    }

    /// A page: its list in any letter case, numbers that may be texts.
    ///
    /// # Errors
    /// 502: there is no list, or a resource has no `id`.
    pub fn page(&self, reply: &Reply) -> Result<Page, Error> {
        let mut object = self.object(reply)?.ok_or_else(garbage)?;
        let total = json::member(&object, "totalResults").and_then(number);
        let key = object.keys().find(|key| key.eq_ignore_ascii_case(&self.profile.list_key));
        let key = key.cloned().unwrap_or_else(|| "Resources".into());
        let items = match object.remove(&key) {
            Some(Value::Array(items)) => items,
            // An empty page may have no list at all (RFC 7644 §3.4.2).
            None | Some(Value::Null) if total == Some(0) => Vec::new(),
            None | Some(Value::Null) if total.is_some() => Vec::new(),
            _ => return Err(garbage()),
        };
        let mut resources = Vec::with_capacity(items.len());
        for item in items {
            let Value::Object(item) = item else { return Err(garbage()) };
            resources.push(self.resource(item)?);
        }
        let seen = u64::try_from(resources.len()).unwrap_or(u64::MAX);
        Ok(Page { total: total.unwrap_or(seen), resources })
    }

    /// What a client asked to see of a resource. Attributes that no schema here knows are left out
    /// only if the client names others.
    #[must_use]
    pub fn projected(&self, resource: Object, projection: &Projection) -> Object {
        let known = |name: &str| {
            self.resource_type.extension(name).is_some()
                || self.resource_type.core_attributes().any(|a| *a.name == *name)
        };
        let keep = !matches!(projection, Projection::Only(_));
        let mut own = Object::new();
        let mut foreign = Object::new();
        for (name, value) in resource {
            if known(&name) {
                own.insert(name, value)
            } else {
                foreign.insert(name, value)
            };
        }
        let mut shown = projection.apply(self.resource_type, own);
        if keep {
            shown.append(&mut foreign);
        }
        shown
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The answer to an answer that makes no sense.
#[must_use]
pub fn garbage() -> Error {
    Error::of_upstream(502, None, "the application's answer cannot be understood")
}

/// Completes the application's `/ServiceProviderConfig` by what the gateway adds to it (A2).
#[must_use]
pub fn service_provider_config(own: &Object, mut ours: Value) -> Value {
    let Some(object) = ours.as_object_mut() else { return ours };
    // What the gateway makes for it is there; the rest is the application's to say.
    for name in ["documentationUri", "changePassword"] {
        if let Some(value) = json::member(own, name).filter(|value| !value.is_null()) {
            object.insert(name.into(), value.clone());
        }
    }
    object.insert("schemas".into(), Value::from([urn::SERVICE_PROVIDER_CONFIG].as_slice()));
    ours
}
