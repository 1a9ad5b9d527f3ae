//! The parameters of a list (RFC 7644 §3.4.2, RFC 9865 §2).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::{
    Error,
    filter::{self, Filter},
    json::{Object, member},
    limits::Limits,
    path::AttrPath,
};

/// The order of a sorted list (RFC 7644 §3.4.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// Smallest first; resources without a value last.
    #[default]
    Ascending,
    /// Largest first; resources without a value first.
    Descending,
}

/// A list request: filter, order and page.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    /// What the resources must match; not yet resolved against a schema.
    pub filter: Option<Filter>,
    /// The attribute to sort by.
    pub sort_by: Option<AttrPath>,
    /// The order of `sort_by`.
    pub sort_order: SortOrder,
    /// Number of the first resource wanted, from 1.
    pub start_index: u64,
    /// Number of resources wanted at most.
    pub count: u64,
    /// With cursor paging: the cursor of the page, empty for the first one (RFC 9865 §2).
    pub cursor: Option<String>,
}

impl ListQuery {
    /// Reads the decoded parameters of a query; those that are not about lists are passed over.
    ///
    /// A `startIndex` below 1 counts as 1, a `count` below 0 as 0, one above
    /// [`Limits::page_resources`] as that (RFC 7644 §3.4.2.4). With a `cursor` a page holds at
    /// least one resource.
    ///
    /// # Errors
    /// `invalidFilter`; `invalidValue` for numbers that are none, for an unknown `sortOrder`, and
    /// for `startIndex` beside `cursor`; `invalidCount` for a count beside `cursor` that is no
    /// number above 0.
    pub fn parse(query: &[(String, String)], limits: &Limits) -> Result<Self, Error> {
        let sort_order = match parameter(query, "sortOrder") {
            None | Some("") => SortOrder::Ascending,
            Some(text) if text.eq_ignore_ascii_case("ascending") => SortOrder::Ascending,
            Some(text) if text.eq_ignore_ascii_case("descending") => SortOrder::Descending,
            Some(_) => {
                return Err(Error::invalid_value("`sortOrder` must be ascending or descending"));
            }
        };
        let sort_by = match parameter(query, "sortBy") {
            None | Some("") => None,
            Some(text) => Some(AttrPath::parse(text).map_err(filter::FilterError::in_path)?),
        };
        let filter = match parameter(query, "filter") {
            None => None,
            Some(text) if text.trim().is_empty() => None,
            Some(text) => {
                Some(filter::parse(text, limits).map_err(filter::FilterError::in_filter)?)
            }
        };
        let cursor = parameter(query, "cursor").map(ToString::to_string);
        let (start_index, count) = match &cursor {
            None => (number(query, "startIndex")?, number(query, "count")?),
            Some(_) => (None, page_size(query)?),
        };
        Ok(Self {
            filter,
            sort_by,
            sort_order,
            start_index: start_index.unwrap_or(1).max(1),
            count: count.unwrap_or(limits.page_resources).min(limits.page_resources),
            cursor,
        })
    }
}

/// `count` beside `cursor` (RFC 9865 §2).
fn page_size(query: &[(String, String)]) -> Result<Option<u64>, Error> {
    if parameter(query, "startIndex").is_some_and(|text| !text.trim().is_empty()) {
        return Err(Error::invalid_value("`startIndex` and `cursor` exclude each other"));
    }
    match number(query, "count") {
        Ok(Some(0)) | Err(_) => Err(Error::invalid_count("`count` must be an integer above 0")),
        Ok(count) => Ok(count),
    }
}

/// The members of a SearchRequest as the parameters that they stand for (RFC 7644 §3.4.3).
///
/// # Errors
/// `invalidSyntax` for a member of another type.
pub fn of_search_request(body: &Object) -> Result<Vec<(String, String)>, Error> {
    let wrong = |name| Error::invalid_syntax(format!("`{name}` of the search is of a wrong type"));
    let mut query = Vec::new();
    for name in SEARCH_MEMBERS {
        let text = match member(body, name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Array(items)) => {
                let names = items.iter().map(Value::as_str).collect::<Option<Vec<&str>>>();
                names.ok_or_else(|| wrong(name))?.join(",")
            }
            Some(_) => return Err(wrong(name)),
        };
        query.push((name.to_string(), text));
    }
    Ok(query)
}

const SEARCH_MEMBERS: [&str; 8] = [
    "attributes",
    "excludedAttributes",
    "filter",
    "sortBy",
    "sortOrder",
    "startIndex",
    "count",
    "cursor",
];

/// The value of a decoded parameter.
#[must_use]
pub fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A whole number; negative ones count as 0, too large ones as the largest.
fn number(query: &[(String, String)], name: &'static str) -> Result<Option<u64>, Error> {
    let Some(text) = parameter(query, name).map(str::trim) else { return Ok(None) };
    if text.is_empty() {
        return Ok(None);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::invalid_value(format!("`{name}` must be an integer")));
    }
    Ok(Some(if negative { 0 } else { digits.to_owned().parse().unwrap_or(u64::MAX) }))
}
