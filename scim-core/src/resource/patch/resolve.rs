//! From operations on the wire to changes of attributes (RFC 7644 §3.5.2, RFC 7643 §7).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde_json::Value;

use super::Change;
use super::refuse::{MEMBERS, check_mutability, refuse_required};
use super::template::{element_of, unknown, unknown_at};
use crate::protocol::{
    Error, NAMED_PROBLEMS, Notes, Rule,
    json::is_unassigned,
    patch::{Operation, PatchOp},
    path::{AttrPath, PatchPath},
};
use crate::resource::{Reading, Unknown, element, matching};
use crate::schema::{AttrType, Attribute, Mutability, Resolved};

/// Where a dialect and the RFC contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leniency {
    /// A `replace` whose filter selects nothing creates the element (Entra ID expects it); by
    /// RFC 7644 §3.5.2.3 it is `noTarget`.
    pub replace_creates: bool,
    /// `remove` of a whole list of members without a value is carried out; else it is refused,
    /// since some clients send it when they mean something smaller.
    pub remove_all_members: bool,
}

/// Finds out what `operations` mean for a resource of the type that `reading` names.
///
/// An operation without a path becomes one change per attribute; dotted and URN-prefixed keys in its
/// value are paths; read-only attributes echoed there are left out.
///
/// # Errors
/// `invalidPath`, `invalidValue`, `mutability`, `noTarget`, each naming the attribute.
pub fn resolve(
    operations: &[Operation],
    reading: &Reading<'_>,
    leniency: Leniency,
    notes: &mut Notes,
) -> Result<Vec<Change>, Error> {
    let mut resolver = Resolver { reading, leniency, notes };
    let (mut changes, mut problems) = (Vec::new(), Vec::new());
    for operation in operations {
        let outcome = match &operation.path {
            Some(path) => resolver.at_path(operation, path).map(|found| changes.extend(found)),
            None => resolver.without_path(operation, &mut changes),
        };
        if let Err(problem) = outcome
            && problems.len() < NAMED_PROBLEMS
            && !problems.contains(&problem)
        {
            problems.push(problem);
        }
    }
    Error::joined(problems).map_or(Ok(changes), Err)
}

struct Resolver<'a> {
    reading: &'a Reading<'a>,
    leniency: Leniency,
    notes: &'a mut Notes,
}

impl Resolver<'_> {
    fn without_path(
        &mut self,
        operation: &Operation,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        if operation.op == PatchOp::Remove {
            return Err(Error::no_target("`remove` needs a path"));
        }
        let Some(Value::Object(object)) = &operation.value else {
            return Err(Error::invalid_value(
                "an operation without a path needs an object as value",
            ));
        };
        for (key, value) in object {
            self.member(operation.op, key, value, changes)?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        op: PatchOp,
        key: &str,
        value: &Value,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let resource_type = self.reading.resource_type;
        // As around any other path; a URN with a blank behind it must not become another thing.
        let key = key.trim_matches([' ', '\t']);
        if let Some(schema) = resource_type.extension(key) {
            let Value::Object(inner) = value else {
                let whole = Some(schema.id.to_string());
                return Self::whole_extension(op, whole, value).map(|c| changes.extend(c));
            };
            return inner.iter().try_for_each(|(name, value)| {
                self.member(op, &format!("{}:{name}", schema.id), value, changes)
            });
        }
        let path = AttrPath::parse(key).ok();
        let known = path.clone().filter(|path| resource_type.resolve(path).is_some());
        let Some(attr) = known else {
            return match self.reading.unknown {
                Unknown::Ignore => {
                    self.notes.add(
                        Rule::UnknownIgnored,
                        path.map_or_else(String::new, |p| p.to_string()),
                    );
                    Ok(())
                }
                Unknown::Refuse => Err(Error::invalid_path(format!(
                    "`{}` is no attribute of {}",
                    element::printable(key),
                    resource_type.name
                ))),
                Unknown::Keep => {
                    // What goes on is a path: a key that is none would be malformed there.
                    let path = path.ok_or_else(|| {
                        Error::invalid_path("a key of the value is no attribute path")
                    })?;
                    changes.push(unknown(op, path, value));
                    Ok(())
                }
            };
        };
        if let Some(found) = resource_type.resolve(&attr)
            && (found.attribute.mutability == Mutability::ReadOnly
                || found.leaf().mutability == Mutability::ReadOnly
                || &*found.attribute.name == "schemas")
        {
            self.notes.add(Rule::ReadOnlyIgnored, &attr);
            return Ok(());
        }
        if attr.sub.is_some() {
            self.notes.add(Rule::PathAsKey, &attr);
        }
        let operation =
            Operation { op, path: None, value: Some(value.clone()), capitalised: false };
        changes.extend(self.at_path(&operation, &PatchPath { attr, filter: None })?);
        Ok(())
    }

    fn whole_extension(
        op: PatchOp,
        extension: Option<String>,
        value: &Value,
    ) -> Result<Vec<Change>, Error> {
        if op == PatchOp::Remove || is_unassigned(value) {
            let (op, value) = (PatchOp::Remove, None);
            let change = Change {
                op,
                extension,
                attribute: None,
                filter: None,
                sub: None,
                value,
                creates_element: false,
            };
            return Ok(vec![change]);
        }
        Err(Error::invalid_value("the value of an extension must be an object"))
    }

    fn at_path(&mut self, operation: &Operation, path: &PatchPath) -> Result<Vec<Change>, Error> {
        let resource_type = self.reading.resource_type;
        let name = path.attr.to_string();
        if path.filter.is_none()
            && let Some(schema) = resource_type.extension(&name)
        {
            let value = operation.value.clone().unwrap_or(Value::Null);
            if operation.op != PatchOp::Remove
                && let Value::Object(_) = value
            {
                let mut changes = Vec::new();
                self.member(operation.op, &schema.id, &value, &mut changes)?;
                return Ok(changes);
            }
            return Self::whole_extension(operation.op, Some(schema.id.to_string()), &value);
        }
        let Some(target) = resource_type.resolve(&path.attr) else {
            if self.reading.unknown == Unknown::Keep {
                return unknown_at(operation, path).map(|change| vec![change]);
            }
            return Err(Error::invalid_path(format!(
                "`{}` is no attribute of {}",
                element::printable(&name),
                resource_type.name
            )));
        };
        check_mutability(resource_type, &target, operation.op, path, &name)?;
        let filter = match &path.filter {
            None => None,
            Some(_) if target.attribute.kind != AttrType::Complex && target.sub.is_some() => {
                return Err(Error::invalid_path(format!("`{name}` has no sub-attributes")));
            }
            Some(filter) => Some(matching::resolve_element(filter.clone(), target.attribute)?),
        };
        let mut change = Change {
            op: operation.op,
            extension: target.extension.map(ToString::to_string),
            attribute: Some(target.attribute.name.to_string()),
            filter,
            sub: target.sub.map(|sub| sub.name.to_string()),
            value: None,
            creates_element: operation.op == PatchOp::Add || self.leniency.replace_creates,
        };
        change.creates_element &= self.can_make(&change, target.attribute);
        let mut changes = cleared(&change, &target, operation);
        self.read_value(&mut change, &target, operation, &name)?;
        // Nulls alone clear the parts that they name, not the whole.
        if changes.is_empty() || change.op != PatchOp::Remove {
            changes.push(change);
        }
        Ok(changes)
    }

    /// Whether a client may write the element that the filter of a change describes: a filter must
    /// not set what a body cannot.
    fn can_make(&self, change: &Change, attribute: &Attribute) -> bool {
        if self.reading.unknown == Unknown::Keep || attribute.kind != AttrType::Complex {
            return true;
        }
        let Some(element) = change.filter.as_ref().and_then(element_of) else { return true };
        let members = element.len();
        // The filter was written so on purpose: nothing of this is worth a note.
        let nothing = &mut Notes::default();
        let read =
            self.reading.element(attribute, &attribute.name, Value::Object(element), nothing);
        let read = read.ok().flatten();
        read.as_ref().and_then(Value::as_object).is_some_and(|read| read.len() == members)
    }

    fn read_value(
        &mut self,
        change: &mut Change,
        target: &Resolved<'_>,
        operation: &Operation,
        name: &str,
    ) -> Result<(), Error> {
        let leaf = target.leaf();
        if change.op == PatchOp::Remove {
            return self.read_selectors(change, target, operation, name);
        }
        let Some(value) = &operation.value else {
            return Err(Error::invalid_value(format!("`{name}` needs a value")));
        };
        // With a filter the value is that of one element, although the attribute has many.
        change.value = if change.filter.is_some() && change.sub.is_none() {
            self.reading.element(leaf, name, value.clone(), self.notes)?
        } else {
            self.reading.value(leaf, name, value.clone(), self.notes)?
        };
        if change.value.is_none() {
            if change.op == PatchOp::Add {
                // Nothing is added; a list of no members, say, is what some clients begin with.
                change.value = Some(Value::Array(Vec::new()));
            } else {
                change.op = PatchOp::Remove;
                change.creates_element = false;
                refuse_required(target, change, name)?;
            }
        }
        Ok(())
    }

    fn read_selectors(
        &mut self,
        change: &mut Change,
        target: &Resolved<'_>,
        operation: &Operation,
        name: &str,
    ) -> Result<(), Error> {
        change.creates_element = false;
        let leaf = target.leaf();
        let lists_elements = leaf.multi_valued && (change.filter.is_none() || change.sub.is_some());
        match &operation.value {
            Some(Value::Null) if lists_elements => {
                return Err(Error::invalid_value(format!(
                    "it is not clear which values of `{name}` to remove"
                )));
            }
            Some(Value::Array(items)) if lists_elements && items.is_empty() => {
                change.value = Some(Value::Array(Vec::new()));
            }
            Some(value) if lists_elements => {
                self.notes.add(Rule::RemoveByValue, name);
                change.value = self.reading.value(leaf, name, value.clone(), self.notes)?;
                if change.value.is_none() {
                    return Err(Error::invalid_value(format!(
                        "it is not clear which values of `{name}` to remove"
                    )));
                }
            }
            _ => {
                let is_members = target.attribute.name == MEMBERS && lists_elements;
                if is_members && !self.leniency.remove_all_members {
                    return Err(Error::invalid_value(
                        "`remove` of all `members` must be written as `replace` with an empty list",
                    ));
                }
                refuse_required(target, change, name)?;
            }
        }
        Ok(())
    }
}

/// The parts of a complex value that a `replace` sets to null: "unassigned" (RFC 7643 §2.5), while
/// those that it does not name stay.
fn cleared(change: &Change, target: &Resolved<'_>, operation: &Operation) -> Vec<Change> {
    let leaf = target.leaf();
    let value = match &operation.value {
        Some(Value::Array(items)) if items.len() == 1 => items.first(),
        value => value.as_ref(),
    };
    let (PatchOp::Replace, None, None, false, Some(Value::Object(value))) =
        (operation.op, &change.filter, &change.sub, leaf.multi_valued, value)
    else {
        return Vec::new();
    };
    let nulls = value.iter().filter(|(_, value)| is_unassigned(value));
    let parts = nulls.filter_map(|(name, _)| leaf.sub(name));
    let written = parts.filter(|sub| sub.mutability != Mutability::ReadOnly);
    written
        .map(|sub| Change {
            op: PatchOp::Remove,
            sub: Some(sub.name.to_string()),
            creates_element: false,
            ..change.clone()
        })
        .collect()
}
