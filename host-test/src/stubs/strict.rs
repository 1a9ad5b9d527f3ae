//! A server that takes RFC 7644 by the letter where clients do not: a `remove` of `members` with a
//! value removes all of them, and a filter that selects nothing is `noTarget`.

use serde_json::{Value, json};

use super::{
    Asked, Object, Said, Stub, TOKEN, compares, list, numbered, parameter, scim_error, terms, text,
};

const MEDIA_TYPE: &str = "application/scim+json";

/// A strict server, below `/scim/v2`. It has entity tags.
#[derive(Default)]
pub(crate) struct Strict {
    users: Vec<Object>,
    groups: Vec<Object>,
    created: usize,
}

impl Stub for Strict {
    fn answer(&mut self, asked: &Asked<'_>) -> Said {
        if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            let said = error(401, None, "The token is not known");
            return said.with("www-authenticate", "Bearer realm=\"strict\"");
        }
        let (segments, query) = asked.parts();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["scim", "v2", kind @ ("Users" | "Groups"), rest @ ..] = segments.as_slice() else {
            return error(404, None, "Nothing here");
        };
        match (asked.method, rest) {
            ("GET", []) => self.list(kind, &query),
            ("POST", []) => self.post(kind, asked),
            (_, [id]) => self.item(kind, id, asked),
            _ => error(405, None, "No such method"),
        }
    }

    fn kept(&self, kind: &str) -> &[Object] {
        if kind.eq_ignore_ascii_case("users") { &self.users } else { &self.groups }
    }
}

fn error(status: u16, kind: Option<&str>, detail: &str) -> Said {
    Said::json(status, MEDIA_TYPE, &scim_error(&status.to_string().into(), kind, detail))
}

fn shown(kind: &str, kept: &Object) -> Said {
    let mut body = Value::Object(kept.clone());
    let version = kept.get("revision").map(|number| format!("W/\"{number}\"")).unwrap_or_default();
    let id = kept.get("id").and_then(Value::as_str).unwrap_or_default();
    let location = format!("https://strict.internal/scim/v2/{kind}/{id}");
    let name = &kind[..kind.len() - 1];
    body["meta"] = json!({"resourceType": name, "location": location, "version": version});
    if let Some(object) = body.as_object_mut() {
        object.remove("revision");
    }
    Said::json(200, MEDIA_TYPE, &body).with("etag", version).with("location", location)
}

impl Strict {
    fn all(&mut self, kind: &str) -> &mut Vec<Object> {
        if kind == "Users" { &mut self.users } else { &mut self.groups }
    }

    fn list(&self, kind: &str, query: &[(String, String)]) -> Said {
        let Some(filter) = parameter(query, "filter").map_or(Some(Vec::new()), terms) else {
            return error(400, Some("invalidFilter"), "The filter is not understood");
        };
        let matches = |kept: &&Object| {
            filter.iter().all(|(_, name, op, value)| {
                compares(op, &text(kept, name), value, name != "userName")
            })
        };
        let found: Vec<&Object> = self.kept(kind).iter().filter(matches).collect();
        let number = |name: &str, default: usize| {
            parameter(query, name).and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        let (start, count) = (number("startIndex", 1).max(1), number("count", 100));
        let item =
            |kept: &&Object| serde_json::from_slice(&shown(kind, kept).body).unwrap_or_default();
        let items: Vec<Value> = found.iter().skip(start - 1).take(count).map(item).collect();
        Said::json(200, MEDIA_TYPE, &list("Resources", found.len(), start, items.len(), &items))
    }

    fn post(&mut self, kind: &str, asked: &Asked<'_>) -> Said {
        let Some(mut new) = asked.object() else {
            return error(400, Some("invalidSyntax"), "No JSON");
        };
        let name = if kind == "Users" { "userName" } else { "displayName" };
        if text(&new, name).is_empty() || !new.contains_key("schemas") {
            return error(400, Some("invalidValue"), "Something is missing");
        }
        let same = |kept: &Object| compares("eq", &text(kept, name), &text(&new, name), false);
        if self.kept(kind).iter().any(same) {
            return error(409, Some("uniqueness"), "There is one already");
        }
        self.created += 1;
        new.insert("id".into(), json!(numbered(self.created)));
        new.insert("revision".into(), json!(1));
        self.all(kind).push(new.clone());
        Said { status: 201, ..shown(kind, &new) }
    }

    fn item(&mut self, kind: &str, id: &str, asked: &Asked<'_>) -> Said {
        let position = self.kept(kind).iter().position(|kept| kept.get("id") == Some(&json!(id)));
        let Some(at) = position else { return error(404, None, "There is no such resource") };
        let mut new = self.kept(kind)[at].clone();
        let revision = new.get("revision").and_then(Value::as_u64).unwrap_or_default();
        if asked.header("if-match").is_some_and(|tag| tag != format!("W/\"{revision}\"")) {
            return error(412, None, "It has changed");
        }
        match asked.method {
            "GET" => return shown(kind, &new),
            "DELETE" => {
                self.all(kind).remove(at);
                return Said::empty(204);
            }
            "PUT" => {
                let Some(body) = asked.object() else { return error(400, None, "No JSON") };
                new = body;
                new.insert("id".into(), json!(id));
            }
            _ => {
                let Some(body) = asked.object().filter(|body| body.contains_key("schemas")) else {
                    return error(400, Some("invalidSyntax"), "No PATCH message");
                };
                let operations = body.get("Operations").and_then(Value::as_array).cloned();
                for operation in operations.unwrap_or_default() {
                    if let Err((kind, detail)) = patch(&mut new, &operation) {
                        return error(400, Some(kind), detail);
                    }
                }
            }
        }
        new.insert("revision".into(), json!(revision + 1));
        self.all(kind)[at].clone_from(&new);
        shown(kind, &new)
    }
}

fn patch(kept: &mut Object, operation: &Value) -> Result<(), (&'static str, &'static str)> {
    let op = operation.get("op").and_then(Value::as_str).unwrap_or_default();
    let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
    let value = operation.get("value").cloned().unwrap_or_default();
    if !["add", "remove", "replace"].contains(&op) {
        return Err(("invalidSyntax", "No such operation"));
    }
    if path == "active" && op != "remove" && !value.is_boolean() {
        return Err(("invalidValue", "active is a boolean"));
    }
    if path.is_empty() {
        let Value::Object(object) = value else { return Err(("noTarget", "No path")) };
        if object.keys().any(|name| name.contains('.')) {
            return Err(("invalidPath", "A name with a dot is no attribute"));
        }
        kept.extend(object);
        return Ok(());
    }
    if let Some((name, rest)) = path.split_once('[') {
        let (filter, sub) = rest.split_once(']').ok_or(("invalidPath", "No bracket"))?;
        let filter = terms(filter).ok_or(("invalidFilter", "No filter"))?;
        let holds = |item: &Value| {
            let item = item.as_object().cloned().unwrap_or_default();
            filter.iter().all(|(_, name, op, value)| compares(op, &text(&item, name), value, true))
        };
        let Some(Value::Array(items)) = kept.get_mut(name) else {
            return Err(("noTarget", "The filter selects nothing"));
        };
        if !items.iter().any(holds) {
            return Err(("noTarget", "The filter selects nothing"));
        }
        match (op, sub.strip_prefix('.')) {
            ("remove", None) => items.retain(|item| !holds(item)),
            (_, Some(sub)) => {
                items
                    .iter_mut()
                    .filter(|item| holds(item))
                    .for_each(|item| item[sub] = value.clone());
            }
            _ => items.iter_mut().filter(|item| holds(item)).for_each(|item| *item = value.clone()),
        }
        return Ok(());
    }
    let (name, sub) = path.split_once('.').map_or((path, None), |(name, sub)| (name, Some(sub)));
    match (op, sub, kept.get_mut(name)) {
        // By the letter the value says nothing: all of them go.
        ("remove", None, _) => {
            kept.remove(name);
        }
        ("add", None, Some(Value::Array(items))) => {
            let new = value.as_array().cloned().unwrap_or_default();
            items.extend(new.into_iter().filter(|item| !items.contains(item)).collect::<Vec<_>>());
        }
        (_, Some(sub), Some(slot @ Value::Object(_))) => slot[sub] = value,
        (_, Some(sub), _) => {
            kept.insert(name.to_owned(), json!({sub: value}));
        }
        _ => {
            kept.insert(name.to_owned(), value);
        }
    }
    Ok(())
}
