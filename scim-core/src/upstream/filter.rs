//! A filter as far as an application understands it (RFC 7644 §3.4.2.2).
//!
//! What it does not understand is asked for in a wider filter, or not at all, and matched here.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::profile::{Filters, Names};
use crate::protocol::filter::{CompareOp, Filter, Literal};
use crate::protocol::path::AttrPath;

/// A filter that the application understands.
#[derive(Clone, Debug, PartialEq)]
pub struct Narrowed {
    /// The filter, in the application's names.
    pub filter: Filter,
    /// Whether it selects what was asked for; else it selects more.
    pub exact: bool,
}

/// The narrowest filter that the application understands and that selects all that `filter` does;
/// `None` if there is none. `filter` has the names of the schema.
#[must_use]
pub fn narrow(filters: &Filters, filter: &Filter) -> Option<Narrowed> {
    let exactly = |filter| Some(Narrowed { filter, exact: true });
    match filter {
        Filter::Compare { path, op, value } => {
            let name = path.to_string();
            let understood = filters.attributes.has(&name) && filters.operators.contains(op);
            let needed = filters.needs.iter().find(|(needing, _)| needing == &name);
            let fits = needed.is_none_or(|(_, text)| holds(value, text));
            let path = renamed(filters, path);
            let (op, value) = (*op, value.clone());
            (understood && fits).then_some(())?;
            exactly(Filter::Compare { path, op, value })
        }
        Filter::Present(path) => {
            let understood = filters.present && filters.attributes.has(&path.to_string());
            understood.then_some(())?;
            exactly(Filter::Present(renamed(filters, path)))
        }
        Filter::And(terms) => {
            let parts: Vec<Narrowed> =
                terms.iter().filter_map(|term| narrow(filters, term)).collect();
            all_of(filters, parts, terms.len())
        }
        Filter::Or(terms) => {
            let parts: Option<Vec<Narrowed>> =
                terms.iter().map(|term| narrow(filters, term)).collect();
            let parts = parts.filter(|_| filters.or)?;
            let exact = parts.iter().all(|part| part.exact);
            let filter = Filter::Or(parts.into_iter().map(|part| part.filter).collect());
            Some(Narrowed { filter, exact })
        }
        Filter::Not(inner) => {
            let inner = narrow(filters, inner).filter(|inner| inner.exact && filters.not)?;
            exactly(Filter::Not(Box::new(inner.filter)))
        }
        Filter::ValuePath { path, filter: inner } => {
            if filters.value_paths && filters.attributes.has(&path.to_string()) {
                return exactly(filter.clone());
            }
            // Terms of one element also hold of the resource, each for itself.
            let terms = match &**inner {
                Filter::And(terms) => terms.as_slice(),
                one => core::slice::from_ref(one),
            };
            let lifted = terms.iter().filter_map(|term| lift(path, term));
            let parts: Vec<Narrowed> = lifted.filter_map(|term| narrow(filters, &term)).collect();
            all_of(filters, parts, terms.len()).map(|all| Narrowed { exact: false, ..all })
        }
    }
}

fn all_of(filters: &Filters, mut parts: Vec<Narrowed>, of: usize) -> Option<Narrowed> {
    let exact = parts.len() == of && parts.iter().all(|part| part.exact);
    if parts.len() > 1 && filters.and {
        let filter = Filter::And(parts.into_iter().map(|part| part.filter).collect());
        return Some(Narrowed { filter, exact });
    }
    let exact = exact && parts.len() == 1;
    parts.truncate(1);
    parts.pop().map(|part| Narrowed { exact, ..part })
}

/// A term over sub-attributes of `path` as a term over the resource; only what an element must hold
/// can be asked of the resource.
fn lift(path: &AttrPath, term: &Filter) -> Option<Filter> {
    let below = |sub: &AttrPath| AttrPath { sub: Some(sub.name.clone()), ..path.clone() };
    match term {
        Filter::Compare { path, op, value } if *op != CompareOp::Ne => {
            Some(Filter::Compare { path: below(path), op: *op, value: value.clone() })
        }
        Filter::Present(path) => Some(Filter::Present(below(path))),
        _ => None,
    }
}

fn holds(value: &Literal, text: &str) -> bool {
    matches!(value, Literal::String(value) if value.contains(text))
}

fn renamed(filters: &Filters, path: &AttrPath) -> AttrPath {
    let name = path.to_string();
    let own = filters.names.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
    own.and_then(|(_, own)| AttrPath::parse(own).ok()).unwrap_or_else(|| path.clone())
}

/// The `id` that a resource must have to match.
#[must_use]
pub fn id_of(filter: &Filter) -> Option<&str> {
    match filter {
        Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(id) } => {
            let is_id = path.urn.is_none() && path.sub.is_none();
            (is_id && path.name.eq_ignore_ascii_case("id")).then_some(id)
        }
        Filter::And(terms) => terms.iter().find_map(id_of),
        _ => None,
    }
}

/// Whether a filter speaks of an attribute of a set.
#[must_use]
pub fn mentions(filter: &Filter, names: &Names) -> bool {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(|term| mentions(term, names)),
        Filter::Not(inner) => mentions(inner, names),
        Filter::Compare { path, .. } | Filter::Present(path) | Filter::ValuePath { path, .. } => {
            names.has(&path.to_string())
        }
    }
}
