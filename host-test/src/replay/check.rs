//! What a trace expects of an answer.

use std::sync::LazyLock;

use anyhow::{Context as _, bail};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::client::Answer;
use super::template::text_of;

/// Fields that are expected of answers without a body, too.
const BODILESS: [&str; 3] = ["location", "www-authenticate", "retry-after"];

static TOKEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?:\.([A-Za-z0-9_$-]+)|\[(\d+|\*)\]|\['([^']+)'\])").ok());

/// Checks status, header fields and the text of the body; returns what is wrong.
///
/// # Errors
///
/// When the trace itself is wrong.
pub(super) fn head(answer: &Answer, expected: &Value) -> anyhow::Result<Vec<String>> {
    let mut failures = Vec::new();
    let list = |name| expected.get(name).and_then(Value::as_array).into_iter().flatten();
    if !list("status").any(|status| status.as_u64() == Some(answer.status.into())) {
        failures.push(format!("status {}", answer.status));
    }
    for text in list("body_contains").filter_map(Value::as_str) {
        let excused = answer.text.is_empty() && answer.status == 204;
        if !excused && !answer.text.contains(text) {
            failures.push(format!("the body lacks {text:?}"));
        }
    }
    for text in list("body_not_contains").filter_map(Value::as_str) {
        if answer.text.contains(text) {
            failures.push(format!("the body has {text:?}"));
        }
    }
    for (name, pattern) in expected.get("headers").and_then(Value::as_object).into_iter().flatten()
    {
        let name = name.to_ascii_lowercase();
        if answer.text.is_empty() && !BODILESS.contains(&name.as_str()) {
            continue;
        }
        let pattern = pattern.as_str().context("a header's pattern is no text")?;
        let regex = RegexBuilder::new(pattern).case_insensitive(true).build()?;
        let value = answer.header(&name);
        if !regex.is_match(value.unwrap_or_default()) {
            failures.push(format!("header {name} is {value:?}, not {pattern}"));
        }
    }
    Ok(failures)
}

/// Checks the body, which is JSON; returns what is wrong.
///
/// # Errors
///
/// When the trace itself is wrong.
pub(super) fn body(document: &Value, expected: &Value) -> anyhow::Result<Vec<String>> {
    let mut failures = Vec::new();
    for check in expected.get("json").and_then(Value::as_array).into_iter().flatten() {
        let path = check.get("path").and_then(Value::as_str).context("a check has no path")?;
        let found = find(document, path)?;
        if !holds(&found, check)? {
            failures.push(format!("{check} got {}", Value::from(found)));
        }
    }
    Ok(failures)
}

fn holds(found: &[Value], check: &Value) -> anyhow::Result<bool> {
    let wanted = check.get("value").unwrap_or(&Value::Null);
    let op = check.get("op").and_then(Value::as_str).context("a check has no operator")?;
    match op {
        "exists" => return Ok(found.first().is_some_and(|value| !value.is_null())),
        "absent" => return Ok(found.iter().all(is_empty)),
        "contains" => return Ok(found.contains(wanted)),
        "not_contains" => return Ok(!found.contains(wanted)),
        _ => {}
    }
    let Some(value) = found.first() else { return Ok(false) };
    Ok(match op {
        "eq" => value == wanted,
        "ne" => value != wanted,
        "ieq" => text_of(value).to_lowercase() == text_of(wanted).to_lowercase(),
        "ge" => number(value)? >= number(wanted)?,
        "le" => number(value)? <= number(wanted)?,
        "type" => match wanted.as_str() {
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("string") => value.is_string(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => bail!("a check names an unknown type"),
        },
        "matches" => {
            let pattern = wanted.as_str().context("a pattern is no text")?;
            Regex::new(pattern)?.is_match(&text_of(value))
        }
        _ => bail!("a check has the unknown operator {op}"),
    })
}

fn number(value: &Value) -> anyhow::Result<f64> {
    // Traces write counts that they captured as texts.
    text_of(value).parse().context("a number is compared with something else")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// All that a path of the form `$.a[0]['urn:x'][*].b|len` leads to.
///
/// # Errors
///
/// When the path has another form.
pub(super) fn find(document: &Value, path: &str) -> anyhow::Result<Vec<Value>> {
    let (steps, length) = match path.strip_suffix("|len") {
        Some(steps) => (steps, true),
        None => (path, false),
    };
    let token = TOKEN.as_ref().context("the pattern of paths is wrong")?;
    let wrong = || format!("the path {path} is wrong");
    let mut rest = steps.strip_prefix('$').with_context(wrong)?;
    let mut found = vec![document];
    while !rest.is_empty() {
        let step = token.captures(rest).with_context(wrong)?;
        found = if let Some(name) = step.get(1).or_else(|| step.get(3)) {
            found.into_iter().filter_map(|value| value.as_object()?.get(name.as_str())).collect()
        } else {
            let items = found.into_iter().filter_map(Value::as_array);
            match step.get(2).and_then(|index| index.as_str().parse::<usize>().ok()) {
                Some(index) => items.filter_map(|items| items.get(index)).collect(),
                None => items.flatten().collect(),
            }
        };
        rest = rest.get(step.get(0).map_or(0, |all| all.end())..).with_context(wrong)?;
    }
    if !length {
        return Ok(found.into_iter().cloned().collect());
    }
    Ok(found.into_iter().filter_map(size).map(Value::from).collect())
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        Value::String(text) => Some(text.chars().count()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{find, holds};

    #[test]
    fn paths_lead_through_arrays_and_quoted_names() {
        let document = json!({"a": [{"b": 1}, {"b": 2}], "urn:x:y": {"c": "z"}});
        assert_eq!(find(&document, "$.a[*].b").unwrap(), [json!(1), json!(2)]);
        assert_eq!(find(&document, "$.a[1].b").unwrap(), [json!(2)]);
        assert_eq!(find(&document, "$['urn:x:y'].c").unwrap(), [json!("z")]);
        assert_eq!(find(&document, "$.a|len").unwrap(), [json!(2)]);
        assert_eq!(find(&document, "$.none[0]").unwrap(), Vec::<Value>::new());
        assert!(find(&document, "a").is_err());
    }

    #[test]
    fn operators_hold_as_the_traces_mean_them() {
        let check = |op: &str, value| json!({"path": "$", "op": op, "value": value});
        assert!(holds(&[json!("A")], &check("ieq", json!("a"))).unwrap());
        assert!(!holds(&[json!("1")], &check("eq", json!(1))).unwrap());
        assert!(holds(&[json!([])], &check("absent", Value::Null)).unwrap());
        assert!(holds(&[json!(3)], &check("ge", json!("2"))).unwrap());
        assert!(!holds(&[], &check("eq", Value::Null)).unwrap());
        assert!(holds(&[json!(false)], &check("type", json!("boolean"))).unwrap());
    }
}
