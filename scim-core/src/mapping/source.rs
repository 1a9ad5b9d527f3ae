//! Reading what need not be SCIM: paths, filters and templates over plain JSON.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use crate::protocol::filter::{CompareOp, Filter, Literal};
use crate::protocol::json::{Object, member};
use crate::protocol::limits::Limits;
use crate::protocol::path::{AttrPath, PatchPath};
use crate::resource::matching::fold_case;

/// A text with paths in braces: `{name.givenName} {name.familyName}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Path(PatchPath),
}

impl Template {
    /// Reads a template; `None` if a brace has no partner, or holds no path.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let limits = Limits::default();
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (path, behind) = after.split_once('}')?;
            parts.push(Part::Text(before.into()));
            parts.push(Part::Path(PatchPath::parse(path, &limits).ok()?));
            rest = behind;
        }
        parts.push(Part::Text(rest.into()));
        let stray = |part: &Part| matches!(part, Part::Text(text) if text.contains('}'));
        (!parts.iter().any(stray)).then_some(Self(parts))
    }

    /// The text; `None` if a path has no value.
    pub(super) fn fill(&self, source: &Object) -> Option<String> {
        let part = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Path(path) => value_at(source, path).and_then(|value| text(&value)),
        };
        self.0.iter().map(part).collect()
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The value at a path; nothing that is empty.
pub(super) fn value_at(source: &Object, path: &PatchPath) -> Option<Value> {
    let home = match &path.attr.urn {
        Some(urn) => member(source, urn)?.as_object()?,
        None => source,
    };
    let mut value = member(home, &path.attr.name)?;
    if let Some(filter) = &path.filter {
        let items = value.as_array()?;
        let selected = |item: &&Value| item.as_object().is_some_and(|item| holds(filter, item));
        value = items.iter().find(selected)?;
    }
    if let Some(sub) = &path.attr.sub {
        let item = match value {
            Value::Array(items) => items.first()?,
            one => one,
        };
        value = member(item.as_object()?, sub)?;
    }
    let empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
    (!empty).then(|| value.clone())
}

/// Whether a filter holds of plain JSON; texts are compared whatever their letter case.
pub(super) fn holds(filter: &Filter, source: &Object) -> bool {
    match filter {
        Filter::And(terms) => terms.iter().all(|term| holds(term, source)),
        Filter::Or(terms) => terms.iter().any(|term| holds(term, source)),
        Filter::Not(inner) => !holds(inner, source),
        Filter::Present(path) => !values(source, path).is_empty(),
        Filter::Compare { path, op, value } => {
            let all = values(source, path);
            match op {
                CompareOp::Ne => !all.iter().any(|have| compares(CompareOp::Eq, have, value)),
                op => all.iter().any(|have| compares(*op, have, value)),
            }
        }
        Filter::ValuePath { path, filter } => {
            let value = member(source, &path.name).and_then(Value::as_array);
            let mut items = value.into_iter().flatten().filter_map(Value::as_object);
            items.any(|item| holds(filter, item))
        }
    }
}

/// All texts at a path: of every element of a list, by its `value` if no other part is named.
fn values(source: &Object, path: &AttrPath) -> Vec<String> {
    let home = match &path.urn {
        Some(urn) => member(source, urn).and_then(Value::as_object),
        None => Some(source),
    };
    let Some(value) = home.and_then(|home| member(home, &path.name)) else { return Vec::new() };
    let items = value.as_array().map_or(core::slice::from_ref(value), Vec::as_slice);
    let sub = path.sub.as_deref().unwrap_or("value");
    let one = |item: &Value| match item {
        Value::Object(object) => member(object, sub).and_then(text),
        other => text(other),
    };
    items.iter().filter_map(one).filter(|text| !text.is_empty()).collect()
}

fn compares(op: CompareOp, have: &str, want: &Literal) -> bool {
    let want = match want {
        Literal::String(text) => text.clone(),
        Literal::Bool(flag) => flag.to_string(),
        Literal::Number(number) => number.to_string(),
        Literal::Null => return false,
    };
    let (have, want) = (fold_case(have), fold_case(&want));
    match op {
        CompareOp::Eq => have == want,
        CompareOp::Ne => have != want,
        CompareOp::Co => have.contains(&*want),
        CompareOp::Sw => have.starts_with(&*want),
        CompareOp::Ew => have.ends_with(&*want),
        CompareOp::Gt => have > want,
        CompareOp::Ge => have >= want,
        CompareOp::Lt => have < want,
        CompareOp::Le => have <= want,
    }
}
