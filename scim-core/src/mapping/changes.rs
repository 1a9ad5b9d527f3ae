//! A PATCH seen through a mapping (RFC 7644 §3.5.2).

use alloc::vec::Vec;

use serde_json::Value;

use super::{From, Mapping, Rule, is_kept, setting};
use crate::protocol::Error;
use crate::protocol::json::Object;
use crate::protocol::patch::PatchOp;
use crate::protocol::path::PatchPath;
use crate::resource::patch::{self, Change};
use crate::schema::ResourceType;

impl Mapping {
    /// Maps the changes of a PATCH: what is dropped is left out, what is renamed is renamed, and
    /// what is set from attributes that the PATCH brings is set as well. What is set from others
    /// stays as it is, and constants stand since the resource was created.
    ///
    /// # Errors
    /// As [`patch::apply`].
    pub fn changes(
        &self,
        resource_type: &ResourceType,
        changes: Vec<Change>,
    ) -> Result<Vec<Change>, Error> {
        let mut changes = changes;
        for rule in self.of(&resource_type.name).filter(|rule| !rule.skip) {
            let brought = brought(resource_type, &changes)?;
            // What a rule depends on must be known: a PATCH tells it only in part.
            if rule.condition.is_some() {
                continue;
            }
            for change in &mut changes {
                rename(rule, resource_type, change);
            }
            let settings = rule.set.iter().filter(|set| !matches!(set.from, From::Constant(_)));
            for set in settings.filter(|set| set.default.is_none()) {
                let Some(value) = set.value(&brought) else { continue };
                if let Some(new) = setting(resource_type, &set.target, value) {
                    changes.retain(|old| !is_same_place(old, &new));
                    changes.push(new);
                }
            }
            changes.retain(|change| !is_dropped(rule, change));
        }
        Ok(changes)
    }
}

/// What a PATCH says of a resource, whatever else the resource is.
fn brought(resource_type: &ResourceType, changes: &[Change]) -> Result<Object, Error> {
    let mut object = Object::new();
    let says = |change: &&Change| change.op != PatchOp::Remove && change.attribute.is_some();
    for change in changes.iter().filter(says) {
        let change = Change { creates_element: true, ..change.clone() };
        patch::apply(resource_type, &mut object, &[change])?;
    }
    Ok(object)
}

fn is_same_place(a: &Change, b: &Change) -> bool {
    (&a.extension, &a.attribute, &a.sub, &a.filter)
        == (&b.extension, &b.attribute, &b.sub, &b.filter)
}

fn rename(rule: &Rule, resource_type: &ResourceType, change: &mut Change) {
    for (old, new) in &rule.rename {
        if is_at(old, change)
            && let Some(found) = resource_type.resolve(&new.attr)
        {
            change.extension = found.extension.map(Into::into);
            change.attribute = Some(found.attribute.name.clone().into_owned());
            change.sub = found.sub.map(|sub| sub.name.clone().into_owned());
        }
    }
}

fn is_dropped(rule: &Rule, change: &Change) -> bool {
    let foreign = match (&change.attribute, &change.extension, &change.value) {
        // An attribute of no schema comes as an object of it (RFC 7644 §3.5.2).
        (None, None, Some(Value::Object(object))) => object.keys().next(),
        _ => None,
    };
    let member = change.extension.as_ref().or(change.attribute.as_ref()).or(foreign);
    let Some(member) = member else { return false };
    let kept = rule.keep.is_empty() || is_kept(rule, member);
    let is_here = |path: &PatchPath| match foreign {
        Some(name) => path.attr.urn.is_none() && path.attr.name.eq_ignore_ascii_case(name),
        None => is_at(path, change),
    };
    !kept || rule.drop.iter().any(is_here)
}

/// Whether a change is at a path, or below it.
fn is_at(path: &PatchPath, change: &Change) -> bool {
    let same = |a: Option<&str>, b: Option<&str>| match (a, b) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        (None, None) => true,
        _ => false,
    };
    same(path.attr.urn.as_deref(), change.extension.as_deref())
        && same(Some(&path.attr.name), change.attribute.as_deref())
        && (path.attr.sub.is_none() || same(path.attr.sub.as_deref(), change.sub.as_deref()))
        && path.filter.as_ref().is_none_or(|filter| change.filter.as_ref() == Some(filter))
}
