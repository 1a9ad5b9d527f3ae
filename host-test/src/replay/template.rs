//! Variables in a trace: `{{name}}`, `{{name+1}}`, `{{name-1}}`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context as _, bail};
use regex::Regex;
use serde_json::Value;

/// What a trace has captured or was given, by name.
pub(super) type Variables = BTreeMap<String, Value>;

static VARIABLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{\{([A-Za-z0-9_.]+)(?:([+-])(\d+))?\}\}").ok());

/// Replaces the variables in all texts and names of `value`.
///
/// # Errors
///
/// When a variable is not set, or one that is counted with is no number.
pub(super) fn fill(value: &Value, variables: &Variables) -> anyhow::Result<Value> {
    Ok(match value {
        Value::String(text) => Value::String(fill_text(text, variables)?),
        Value::Array(items) => {
            items.iter().map(|item| fill(item, variables)).collect::<anyhow::Result<_>>()?
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| Ok((fill_text(name, variables)?, fill(value, variables)?)))
            .collect::<anyhow::Result<_>>()?,
        other => other.clone(),
    })
}

fn fill_text(text: &str, variables: &Variables) -> anyhow::Result<String> {
    let pattern = VARIABLE.as_ref().context("the pattern of variables is wrong")?;
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = pattern.captures(rest) {
        let (all, [name]) = match (found.get(0), found.get(1)) {
            (Some(all), Some(name)) => (all, [name.as_str()]),
            _ => bail!("the pattern of variables is wrong"),
        };
        let Some(value) = variables.get(name) else { bail!("the variable {name} is not set") };
        let mut value = text_of(value);
        if let (Some(sign), Some(by)) = (found.get(2), found.get(3)) {
            let by: i64 = by.as_str().parse()?;
            let by = if sign.as_str() == "-" { -by } else { by };
            let number: i64 = value.parse().with_context(|| format!("{name} is not a number"))?;
            value = (number + by).to_string();
        }
        let (before, after) = (rest.get(..all.start()), rest.get(all.end()..));
        filled.push_str(before.unwrap_or_default());
        filled.push_str(&value);
        rest = after.unwrap_or_default();
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A text as it is, anything else as JSON.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Variables, fill};

    #[test]
    fn texts_and_names_are_filled_and_counted() {
        let variables = Variables::from([("n".into(), json!(4)), ("id".into(), json!("x"))]);
        let value = json!({"a{{id}}": ["{{n+1}} {{n-2}} {{n}}", 7, null]});
        assert_eq!(fill(&value, &variables).unwrap(), json!({"ax": ["5 2 4", 7, null]}));
        assert!(fill(&json!("{{absent}}"), &variables).is_err());
    }
}
