//! From operations on the wire to changes of attributes (RFC 7644 §3.5.2, RFC 7643 §7).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde_json::Value;

use super::Change;
use crate::protocol::{
    Error,
    filter::{CompareOp, Filter, Literal},
    json::{Object, is_unassigned},
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
) -> Result<Vec<Change>, Error> {
    let resolver = Resolver { reading, leniency };
    let mut changes = Vec::new();
    for operation in operations {
        match &operation.path {
            Some(path) => changes.extend(resolver.at_path(operation, path)?),
            None => resolver.without_path(operation, &mut changes)?,
        }
    }
    Ok(changes)
}

struct Resolver<'a> {
    reading: &'a Reading<'a>,
    leniency: Leniency,
}

impl Resolver<'_> {
    fn without_path(&self, operation: &Operation, changes: &mut Vec<Change>) -> Result<(), Error> {
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
        &self,
        op: PatchOp,
        key: &str,
        value: &Value,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let resource_type = self.reading.resource_type;
        if let Some(schema) = resource_type.extension(key) {
            let Value::Object(inner) = value else {
                let whole = Some(schema.id.to_string());
                return Self::whole_extension(op, whole, value).map(|c| changes.extend(c));
            };
            return inner.iter().try_for_each(|(name, value)| {
                self.member(op, &format!("{}:{name}", schema.id), value, changes)
            });
        }
        let path = AttrPath::parse(key).ok().filter(|path| resource_type.resolve(path).is_some());
        let Some(attr) = path else {
            return match self.reading.unknown {
                Unknown::Ignore => Ok(()),
                Unknown::Refuse => Err(Error::invalid_path(format!(
                    "`{}` is no attribute of {}",
                    element::printable(key),
                    resource_type.name
                ))),
                Unknown::Keep => {
                    changes.push(unknown(op, key, value));
                    Ok(())
                }
            };
        };
        if let Some(found) = resource_type.resolve(&attr)
            && (found.attribute.mutability == Mutability::ReadOnly
                || found.leaf().mutability == Mutability::ReadOnly
                || &*found.attribute.name == "schemas")
        {
            return Ok(());
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

    fn at_path(&self, operation: &Operation, path: &PatchPath) -> Result<Vec<Change>, Error> {
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
                return Ok(vec![unknown_at(operation, path)]);
            }
            return Err(Error::invalid_path(format!(
                "`{}` is no attribute of {}",
                element::printable(&name),
                resource_type.name
            )));
        };
        check_mutability(&target, operation.op, path, &name)?;
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
        self.read_value(&mut change, &target, operation, &name)?;
        Ok(vec![change])
    }

    fn read_value(
        &self,
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
        let element_of = (change.filter.is_some() && change.sub.is_none()).then(|| {
            let mut one = leaf.clone();
            one.multi_valued = false;
            one
        });
        change.value = self.reading.value(element_of.as_ref().unwrap_or(leaf), name, value)?;
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
        &self,
        change: &mut Change,
        target: &Resolved<'_>,
        operation: &Operation,
        name: &str,
    ) -> Result<(), Error> {
        change.creates_element = false;
        let leaf = target.leaf();
        let lists_elements = leaf.multi_valued && change.filter.is_none();
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
                change.value = self.reading.value(leaf, name, value)?;
                if change.value.is_none() {
                    return Err(Error::invalid_value(format!(
                        "it is not clear which values of `{name}` to remove"
                    )));
                }
            }
            _ => {
                let is_members = &*target.attribute.name == "members" && lists_elements;
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

fn refuse_required(target: &Resolved<'_>, change: &Change, name: &str) -> Result<(), Error> {
    if target.leaf().required && change.filter.is_none() {
        return Err(Error::mutability(format!("`{name}` is required and cannot be removed")));
    }
    Ok(())
}

fn check_mutability(
    target: &Resolved<'_>,
    op: PatchOp,
    path: &PatchPath,
    name: &str,
) -> Result<(), Error> {
    let refused = |why: &str| Err(Error::mutability(format!("`{name}` is {why}")));
    let read_only = |attribute: &Attribute| attribute.mutability == Mutability::ReadOnly;
    if read_only(target.attribute) || target.sub.is_some_and(read_only) {
        return refused("read-only");
    }
    if &*target.attribute.name == "schemas" {
        return refused("set by the service");
    }
    // An element of immutable parts (a member) may come and go, but not turn into another.
    let part_is_immutable = target.sub.is_some_and(|s| s.mutability == Mutability::Immutable);
    if part_is_immutable && (path.filter.is_some() || op != PatchOp::Add) {
        return refused("immutable");
    }
    Ok(())
}

/// An attribute of a schema that this reader does not know, passed on as it came.
fn unknown(op: PatchOp, key: &str, value: &Value) -> Change {
    Change {
        op: if is_unassigned(value) { PatchOp::Remove } else { op },
        extension: None,
        attribute: Some(key.into()),
        filter: None,
        sub: None,
        value: (!is_unassigned(value)).then(|| value.clone()),
        creates_element: false,
    }
}

fn unknown_at(operation: &Operation, path: &PatchPath) -> Change {
    Change {
        op: operation.op,
        extension: path.attr.urn.clone(),
        attribute: Some(path.attr.name.clone()),
        filter: path.filter.clone(),
        sub: path.attr.sub.clone(),
        value: operation.value.clone(),
        creates_element: false,
    }
}

/// The body of an element that satisfies a filter of `eq` joined by `and`; `None` for other filters.
pub(super) fn element_of(filter: &Filter) -> Option<Object> {
    let mut object = Object::new();
    let terms = match filter {
        Filter::And(terms) => terms.as_slice(),
        one => core::slice::from_ref(one),
    };
    for term in terms {
        let Filter::Compare { path, op: CompareOp::Eq, value } = term else { return None };
        if path.sub.is_some() {
            return None;
        }
        object.insert(path.name.clone(), json_of(value));
    }
    Some(object)
}

fn json_of(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Number(value) => Value::Number(value.clone()),
        Literal::String(value) => Value::String(value.clone()),
    }
}
