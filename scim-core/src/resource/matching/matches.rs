//! Whether a resource, or an element of an attribute, satisfies a filter (RFC 7644 §3.4.2.2).

use serde_json::Value;

use super::compare;
use super::scope::{Found, Scope, elements, is_present};
use crate::protocol::filter::{CompareOp, Filter, Literal};
use crate::schema::{AttrType, Attribute, ResourceType};

/// Whether `resource` satisfies `filter`, which [`super::resolve`] has checked; comparisons that it
/// would have refused do not hold.
///
/// The resource has the names of the schema in the schema's letter case, and extensions under their
/// URN. A comparison with a multi-valued attribute holds if it holds for one of its values; a
/// complex attribute is compared by its `value`. An attribute without any value is equal to nothing
/// and so satisfies `ne` alone, and `eq null`.
///
/// ```
/// use scim_core::{protocol::{filter, limits::Limits}, resource::matching, schema};
/// let user = schema::user();
/// let filter = filter::parse("emails[type eq \"work\" and value co \"@\"]", &Limits::default());
/// let filter = matching::resolve(filter.map_err(filter::FilterError::in_filter)?, &user)?;
/// let bjensen = serde_json::json!({"emails": [{"type": "work", "value": "b@example.com"}]});
/// assert!(matching::matches(&filter, &user, &bjensen));
/// # Ok::<(), scim_core::protocol::Error>(())
/// ```
#[must_use]
pub fn matches(filter: &Filter, resource_type: &ResourceType, resource: &Value) -> bool {
    holds(filter, Scope::Resource(resource_type), resource)
}

/// Whether an element of `attribute` satisfies the inner filter of a value path, which
/// [`super::resolve_element`] has checked.
///
/// The elements of an attribute that is not complex go by the name `value`.
#[must_use]
pub fn matches_element(filter: &Filter, attribute: &Attribute, element: &Value) -> bool {
    holds(filter, Scope::Element(attribute), element)
}

fn holds(filter: &Filter, scope: Scope<'_>, holder: &Value) -> bool {
    match filter {
        Filter::And(terms) => terms.iter().all(|term| holds(term, scope, holder)),
        Filter::Or(terms) => terms.iter().any(|term| holds(term, scope, holder)),
        Filter::Not(inner) => !holds(inner, scope, holder),
        Filter::Present(path) => {
            let whole = || scope.find_extension(path).and_then(|urn| holder.get(urn));
            scope
                .find(path)
                .map_or_else(|| whole().is_some_and(is_present), |found| has_value(&found, holder))
        }
        Filter::Compare { path, op, value } => {
            scope.find(path).is_some_and(|found| compares(&found, *op, value, holder))
        }
        Filter::ValuePath { path, filter } => scope.find(path).is_some_and(|found| {
            let inner = Scope::Element(found.attribute);
            elements(found.value(holder)).iter().any(|element| holds(filter, inner, element))
        }),
    }
}

fn has_value(found: &Found<'_>, holder: &Value) -> bool {
    let value = found.value(holder);
    match found.sub {
        None => value.is_some_and(is_present),
        Some(sub) => {
            elements(value).iter().any(|item| item.get(&*sub.name).is_some_and(is_present))
        }
    }
}

fn compares(found: &Found<'_>, op: CompareOp, literal: &Literal, holder: &Value) -> bool {
    if *literal == Literal::Null {
        return match op {
            CompareOp::Eq => !has_value(found, holder),
            CompareOp::Ne => has_value(found, holder),
            _ => false,
        };
    }
    let Some(leaf) = found.compared() else { return false };
    let values = elements(found.value(holder));
    if found.attribute.kind != AttrType::Complex {
        return one_compares(op, leaf, literal, values);
    }
    // An absent attribute has no elements to look into, and is as absent as its sub-attributes.
    op == CompareOp::Ne && values.is_empty()
        || values
            .iter()
            .any(|item| one_compares(op, leaf, literal, elements(item.get(&*leaf.name))))
}

fn one_compares(op: CompareOp, leaf: &Attribute, literal: &Literal, values: &[Value]) -> bool {
    op == CompareOp::Ne && values.is_empty()
        || values.iter().any(|value| compare::holds(op, leaf, literal, value))
}
