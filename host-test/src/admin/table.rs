//! Answers for people: a table per list, a line per field of one thing.

use std::io::Write as _;

use serde_json::{Map, Value};

/// What a list shows, in this order, of what its items have.
const COLUMNS: [&str; 16] = [
    "number",
    "time",
    "name",
    "id",
    "kind",
    "method",
    "provider",
    "dialect",
    "state",
    "enabled",
    "created",
    "last_used",
    "expires",
    "operation",
    "target",
    "source",
];

/// Prints an answer.
///
/// # Errors
/// When standard output is closed.
pub(super) fn print(answer: &Value, as_json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        writeln!(out, "{answer:#}")?;
        return Ok(());
    }
    let Some(object) = answer.as_object() else {
        writeln!(out, "done")?;
        return Ok(());
    };
    match object.values().find_map(Value::as_array).filter(|_| object.len() <= 2) {
        Some(items) => write!(out, "{}", list(items))?,
        None => write!(out, "{}", fields(object))?,
    }
    Ok(())
}

fn list(items: &[Value]) -> String {
    let has = |name: &&str| items.iter().any(|item| item.get(*name).is_some_and(|v| !v.is_null()));
    let columns: Vec<&str> = COLUMNS.into_iter().filter(has).collect();
    let mut rows = vec![columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()];
    for item in items {
        rows.push(columns.iter().map(|name| text(item.get(*name))).collect());
    }
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(String::len).max();
    let widths: Vec<usize> = (0..columns.len()).map(|at| width(at).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

fn fields(object: &Map<String, Value>) -> String {
    let width = object.keys().map(String::len).max().unwrap_or_default();
    let line = |(name, value): (&String, &Value)| {
        let once = ["token", "client_secret"].contains(&name.as_str());
        let note = if once { "   (shown this once)" } else { "" };
        format!("{name:<width$}  {}{note}\n", text(Some(value)))
    };
    object.iter().map(line).collect()
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::list;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let items = [json!({"name": "a", "enabled": true}), json!({"name": "longer"})];
        assert_eq!(list(&items), "name    enabled\na       true\nlonger  -\n");
    }
}
