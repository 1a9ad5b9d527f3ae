//! Checking a filter against a schema: names, comparability and the types of literals
//! (RFC 7644 §3.4.2.2).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Number;

use super::scope::{Found, Scope};
use crate::protocol::filter::{CompareOp, Filter, Literal};
use crate::protocol::path::AttrPath;
use crate::protocol::{Error, datetime};
use crate::schema::{AttrType, Attribute, ResourceType};

/// Bytes of a name that an error repeats; a longer one is no attribute of anybody's.
const SHOWN_NAME_BYTES: usize = 200;

/// Makes a filter fit for [`super::matches`]: names as the schema writes them, literals of the
/// attributes' types.
///
/// Core attributes lose their URN, extension attributes get theirs. A complex attribute is compared
/// by its `value`; `eq null` becomes `not (… pr)`, `ne null` becomes `pr`.
///
/// # Errors
///
/// `invalidFilter`: an attribute is unknown, or is never returned and so must not be probed
/// (`password`), or has no such comparison.
pub fn resolve(filter: Filter, resource_type: &ResourceType) -> Result<Filter, Error> {
    resolve_in(filter, Scope::Resource(resource_type))
}

/// Resolves the inner filter of a value path against the sub-attributes of `attribute`, as
/// [`resolve`] does.
///
/// # Errors
///
/// As [`resolve`].
pub fn resolve_element(filter: Filter, attribute: &Attribute) -> Result<Filter, Error> {
    resolve_in(filter, Scope::Element(attribute))
}

fn resolve_in(filter: Filter, scope: Scope<'_>) -> Result<Filter, Error> {
    let all = |terms: Vec<Filter>| -> Result<Vec<Filter>, Error> {
        terms.into_iter().map(|term| resolve_in(term, scope)).collect()
    };
    Ok(match filter {
        Filter::And(terms) => Filter::And(all(terms)?),
        Filter::Or(terms) => Filter::Or(all(terms)?),
        Filter::Not(inner) => Filter::Not(Box::new(resolve_in(*inner, scope)?)),
        Filter::Present(path) => Filter::Present(match scope.find(&path) {
            None if let Some(urn) = scope.find_extension(&path) => whole_schema(&path, urn),
            _ => canonical(&find(scope, &path)?),
        }),
        Filter::Compare { path, op, value } => compared(&find(scope, &path)?, op, value)?,
        Filter::ValuePath { path, filter } => {
            let found = find(scope, &path)?;
            if matches!(scope, Scope::Element(_)) || found.sub.is_some() {
                let name = shown(&canonical(&found));
                return Err(Error::invalid_filter(format!("{name} takes no filter in brackets")));
            }
            let filter = Box::new(resolve_element(*filter, found.attribute)?);
            Filter::ValuePath { path: canonical(&found), filter }
        }
    })
}

fn find<'a>(scope: Scope<'a>, path: &AttrPath) -> Result<Found<'a>, Error> {
    let found = scope.find(path).ok_or_else(|| {
        Error::invalid_filter(format!("the filter names {}, which is not known here", shown(path)))
    })?;
    if found.is_secret() {
        let name = shown(&canonical(&found));
        return Err(Error::invalid_filter(format!("{name} cannot be filtered by")));
    }
    Ok(found)
}

fn compared(found: &Found<'_>, op: CompareOp, value: Literal) -> Result<Filter, Error> {
    let mut path = canonical(found);
    match (op, &value) {
        (CompareOp::Eq, Literal::Null) => return Ok(Filter::Not(Box::new(Filter::Present(path)))),
        (CompareOp::Ne, Literal::Null) => return Ok(Filter::Present(path)),
        _ => {}
    }
    let Some(leaf) = found.compared() else {
        let name = shown(&path);
        return Err(Error::invalid_filter(format!("{name} is compared by a sub-attribute only")));
    };
    if found.sub.is_none() && found.attribute.kind == AttrType::Complex {
        path.sub = Some(leaf.name.to_string());
    }
    if !is_comparable(leaf.kind, op) {
        let name = shown(&path);
        return Err(Error::invalid_filter(format!("{name} cannot be compared by `{op}`")));
    }
    match typed(leaf.kind, op, value) {
        Some(value) => Ok(Filter::Compare { path, op, value }),
        None => Err(Error::invalid_filter(format!(
            "{} can be compared with {} only",
            shown(&path),
            expected(leaf.kind)
        ))),
    }
}

/// Which operators a type has; order is refused for boolean and binary attributes as the RFC asks,
/// parts of text for what is no text.
const fn is_comparable(kind: AttrType, op: CompareOp) -> bool {
    match op {
        CompareOp::Eq | CompareOp::Ne => true,
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => {
            !matches!(kind, AttrType::Boolean | AttrType::Integer | AttrType::Decimal)
        }
        CompareOp::Gt | CompareOp::Ge | CompareOp::Lt | CompareOp::Le => {
            !matches!(kind, AttrType::Boolean | AttrType::Binary)
        }
    }
}

/// The literal in the attribute's type. Entra ID quotes booleans; quotation marks that are missing
/// around text are forgiven.
fn typed(kind: AttrType, op: CompareOp, value: Literal) -> Option<Literal> {
    let part = matches!(op, CompareOp::Co | CompareOp::Sw | CompareOp::Ew);
    match (kind, value) {
        (_, Literal::Null) | (AttrType::Complex, _) => None,
        (AttrType::Boolean, Literal::String(text)) => match &*text {
            text if text.eq_ignore_ascii_case("true") => Some(Literal::Bool(true)),
            text if text.eq_ignore_ascii_case("false") => Some(Literal::Bool(false)),
            _ => None,
        },
        (AttrType::Boolean, value) => matches!(value, Literal::Bool(_)).then_some(value),
        (AttrType::Integer | AttrType::Decimal, Literal::String(text)) => {
            serde_json::from_str::<Number>(&text).ok().map(Literal::Number)
        }
        (AttrType::Integer | AttrType::Decimal, value) => {
            matches!(value, Literal::Number(_)).then_some(value)
        }
        (AttrType::DateTime, Literal::String(text)) => {
            (part || datetime::parse(&text).is_some()).then_some(Literal::String(text))
        }
        (AttrType::DateTime, Literal::Number(number)) if part => {
            Some(Literal::String(number.to_string()))
        }
        (AttrType::DateTime, _) => None,
        (AttrType::String | AttrType::Reference | AttrType::Binary, value) => {
            Some(Literal::String(match value {
                Literal::Bool(value) => value.to_string(),
                Literal::Number(value) => value.to_string(),
                Literal::String(value) => value,
                Literal::Null => return None,
            }))
        }
    }
}

const fn expected(kind: AttrType) -> &'static str {
    match kind {
        AttrType::Boolean => "true or false",
        AttrType::Integer | AttrType::Decimal => "a number",
        AttrType::DateTime => "a date and time of RFC 3339",
        _ => "text",
    }
}

fn canonical(found: &Found<'_>) -> AttrPath {
    AttrPath {
        urn: found.extension.map(String::from),
        name: if found.is_element { "value".into() } else { found.attribute.name.to_string() },
        sub: found.sub.map(|sub| sub.name.to_string()),
    }
}

/// `path` with the letters of `urn`, which are the same apart from their case.
fn whole_schema(path: &AttrPath, urn: &str) -> AttrPath {
    AttrPath::parse(urn).unwrap_or_else(|_| path.clone())
}

fn shown(path: &AttrPath) -> String {
    let name = path.to_string();
    if name.len() > SHOWN_NAME_BYTES { "an attribute".into() } else { format!("`{name}`") }
}
