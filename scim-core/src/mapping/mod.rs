//! Attribute mapping: rules that turn what a client or a directory says of a resource into what an
//! application is to keep (`docs/mapping.md`).
//!
//! Rules are taken in the order of their names; what each sets is merged deeply into what is there.
//! The result is checked against the schema, and refused as a whole if it is wrong.

mod changes;
mod read;
mod source;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use self::source::{Template, holds, value_at};
use crate::protocol::filter::Filter;
use crate::protocol::json::{Object, is_unassigned};
use crate::protocol::patch::PatchOp;
use crate::protocol::path::PatchPath;
use crate::protocol::{Error, Notes};
use crate::resource::patch::{self, Change};
use crate::resource::read::check_required;
use crate::resource::{Reading, Unknown, matching};
use crate::schema::{Catalog, ResourceType};

/// Rules in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Whether the result begins as what comes in; else it begins empty, and what comes in need not
    /// be SCIM (presets for directories).
    keeps_source: bool,
    rules: Vec<Rule>,
}

/// What a mapping makes of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapped {
    /// This.
    Resource(Object),
    /// Nothing: the resource is not to be provisioned (service accounts).
    Skipped,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    name: String,
    /// The resource type that it is for.
    resource: String,
    condition: Option<Filter>,
    skip: bool,
    rename: Vec<(PatchPath, PatchPath)>,
    set: Vec<Setting>,
    drop: Vec<PatchPath>,
    keep: Vec<PatchPath>,
}

/// What is set, and to what.
#[derive(Clone, Debug, PartialEq)]
struct Setting {
    target: PatchPath,
    from: From,
    lower: bool,
    default: Option<Value>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
enum From {
    /// It is always the same.
    Constant(Value),
    /// The first of these that has a value.
    First(Vec<PatchPath>),
    /// A text of several.
    Template(Template),
}

impl Setting {
    fn value(&self, source: &Object) -> Option<Value> {
        let value = match &self.from {
            From::Constant(value) => Some(value.clone()),
            From::First(paths) => paths.iter().find_map(|path| value_at(source, path)),
            From::Template(template) => template.fill(source).map(Value::from),
        };
        let value = value.or_else(|| self.default.clone())?;
        Some(match value {
            Value::String(text) if self.lower => text.to_lowercase().into(),
            other => other,
        })
    }
}

impl Mapping {
    /// The names of the rules for a resource type, in their order.
    pub fn rules<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = &'a str> {
        self.of(resource).map(|rule| rule.name.as_str())
    }

    fn of<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |rule| rule.resource == resource)
    }

    /// For documents: which attribute of a resource type is filled from which others.
    pub fn table<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = (String, String)> + 'a {
        let settings = self.of(resource).flat_map(|rule| &rule.set);
        settings.filter_map(|setting| match &setting.from {
            From::First(paths) => {
                let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
                Some((setting.target.to_string(), paths.join(", ")))
            }
            From::Constant(_) | From::Template(_) => None,
        })
    }

    /// Maps a whole resource.
    ///
    /// # Errors
    /// `invalidValue`: the result does not keep to the schema, or lacks what it needs.
    ///
    /// ```
    /// use scim_core::mapping::{Mapped, Mapping};
    /// use scim_core::schema::Catalog;
    /// let rules = serde_json::json!({"rules": [{
    ///     "name": "10-login", "resource": "User",
    ///     "set": {"userName": {"from": "emails[type eq \"work\"].value", "lower": true}},
    /// }]});
    /// let catalog = Catalog::default();
    /// let mapping = Mapping::from_json(&rules, &catalog)?;
    /// let ada = serde_json::json!({"emails": [{"type": "work", "value": "Ada@mill.example"}]});
    /// let mapped = mapping.apply(&catalog.types()[0], ada.as_object().unwrap()).unwrap();
    /// let Mapped::Resource(user) = mapped else { panic!("it is no service account") };
    /// assert_eq!(user["userName"], "ada@mill.example");
    /// # Ok::<(), scim_core::auth::ConfigError>(())
    /// ```
    pub fn apply(&self, resource_type: &ResourceType, source: &Object) -> Result<Mapped, Error> {
        let mut result = if self.keeps_source { source.clone() } else { Object::new() };
        for rule in self.of(&resource_type.name) {
            let current = if self.keeps_source { result.clone() } else { source.clone() };
            if !rule.condition.as_ref().is_none_or(|condition| holds(condition, &current)) {
                continue;
            }
            if rule.skip {
                return Ok(Mapped::Skipped);
            }
            for (old, new) in &rule.rename {
                if let Some(value) = value_at(&current, old) {
                    remove(resource_type, &mut result, old)?;
                    set(resource_type, &mut result, new, value)?;
                }
            }
            for setting in &rule.set {
                if let Some(value) = setting.value(&current) {
                    set(resource_type, &mut result, &setting.target, value)?;
                }
            }
            for path in &rule.drop {
                remove(resource_type, &mut result, path)?;
            }
            if !rule.keep.is_empty() {
                result.retain(|name, _| is_kept(rule, name));
            }
        }
        let reading = Reading { resource_type, unknown: Unknown::Keep };
        let mut result = reading.resource(result, &mut Notes::default())?;
        check_required(resource_type, &result)?;
        let own = &*resource_type.schema.id;
        result.entry("schemas").or_insert_with(|| [own].as_slice().into());
        Ok(Mapped::Resource(result))
    }
}

/// What every resource has is kept besides what a rule names.
fn is_kept(rule: &Rule, name: &str) -> bool {
    let is_common = ["schemas", "id", "meta"].contains(&name);
    is_common || rule.keep.iter().any(|path| root(path).eq_ignore_ascii_case(name))
}

/// The member of a resource in which a path ends up.
fn root(path: &PatchPath) -> &str {
    path.attr.urn.as_deref().unwrap_or(&path.attr.name)
}

/// A change at a path; `None` for attributes that the schema does not have.
fn change(
    resource_type: &ResourceType,
    path: &PatchPath,
    op: PatchOp,
    value: Option<Value>,
) -> Option<Change> {
    let found = resource_type.resolve(&path.attr)?;
    let filter = path.filter.clone();
    let filter = filter.map(|filter| matching::resolve_element(filter, found.attribute));
    Some(Change {
        op,
        extension: found.extension.map(ToString::to_string),
        attribute: Some(found.attribute.name.to_string()),
        filter: filter.transpose().ok()?,
        sub: found.sub.map(|sub| sub.name.to_string()),
        value,
        creates_element: op != PatchOp::Remove,
    })
}

fn set(
    resource_type: &ResourceType,
    result: &mut Object,
    path: &PatchPath,
    value: Value,
) -> Result<(), Error> {
    let Some(change) = setting(resource_type, path, value) else { return Ok(()) };
    patch::apply(resource_type, result, &[change])
}

/// The change that sets an attribute: of a list the first value where one is wanted.
fn setting(resource_type: &ResourceType, path: &PatchPath, value: Value) -> Option<Change> {
    let found = resource_type.resolve(&path.attr)?;
    let whole = path.filter.is_none() && found.sub.is_none();
    let many = whole && found.leaf().multi_valued;
    let value = match value {
        Value::Array(items) if !many => items.into_iter().next()?,
        other => other,
    };
    let value = match value {
        Value::Array(items) => Value::Array(items),
        one if many => Value::Array([one].into()),
        one => one,
    };
    if is_unassigned(&value) {
        return None;
    }
    change(resource_type, path, PatchOp::Replace, Some(value))
}

fn remove(
    resource_type: &ResourceType,
    result: &mut Object,
    path: &PatchPath,
) -> Result<(), Error> {
    let Some(change) = change(resource_type, path, PatchOp::Remove, None) else {
        result.remove(root(path));
        return Ok(());
    };
    match patch::apply(resource_type, result, &[change]) {
        // A filter that selects nothing: there is nothing to take away.
        Err(error) if error.scim_type() != Some(crate::protocol::ScimType::NoTarget) => Err(error),
        _ => Ok(()),
    }
}

/// The resource type of a rule.
fn type_of<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a ResourceType> {
    catalog.types().iter().find(|known| *known.name == *name)
}
