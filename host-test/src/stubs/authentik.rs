//! authentik's SCIM source: page numbers, 403, PATCH that says yes and does nothing.

use serde_json::{Value, json};

use super::{
    Asked, Object, Said, Stub, TOKEN, compares, ids, list, numbered, parameter, scim_error,
    selected, terms, text,
};

const MEDIA_TYPE: &str = "application/scim+json";
/// Resources on a page, whatever is asked for.
const PAGE: usize = 20;

/// A SCIM source of authentik, below `/source/scim/test/v2`.
#[derive(Default)]
pub(crate) struct AuthentikSource {
    users: Vec<Object>,
    groups: Vec<Object>,
    created: usize,
}

impl Stub for AuthentikSource {
    fn answer(&mut self, asked: &Asked<'_>) -> Said {
        if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            let body = json!({"detail": "Authentication credentials were not provided."});
            return Said::json(403, MEDIA_TYPE, &body);
        }
        let (segments, query) = asked.parts();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["source", "scim", "test", "v2", kind @ ("Users" | "Groups"), rest @ ..] =
            segments.as_slice()
        else {
            return error(404, None, "Not found.");
        };
        match (asked.method, rest) {
            ("GET", []) => self.list(kind, &query),
            ("POST", []) => self.post(kind, asked),
            (_, [id]) => self.item(kind, id, asked),
            _ => error(405, None, "Method not allowed."),
        }
    }

    fn kept(&self, kind: &str) -> &[Object] {
        if kind.eq_ignore_ascii_case("users") { &self.users } else { &self.groups }
    }
}

fn error(status: u16, kind: Option<&str>, detail: &str) -> Said {
    Said::json(status, MEDIA_TYPE, &scim_error(&status.into(), kind, detail))
}

fn shown(kind: &str, kept: &Object) -> Value {
    let mut body = Value::Object(kept.clone());
    let id = kept.get("id").and_then(Value::as_str).unwrap_or_default();
    let location = format!("https://ak.internal/source/scim/test/v2/{kind}/{id}");
    body["meta"] = json!({"resourceType": &kind[..kind.len() - 1], "location": location});
    body
}

impl AuthentikSource {
    fn all(&mut self, kind: &str) -> &mut Vec<Object> {
        if kind == "Users" { &mut self.users } else { &mut self.groups }
    }

    fn list(&self, kind: &str, query: &[(String, String)]) -> Said {
        let known: &[&str] = match kind {
            "Users" => &["id", "userName", "active", "name.familyName", "externalId"],
            _ => &["id", "displayName", "members", "externalId"],
        };
        let filter = parameter(query, "filter").map_or(Some(Vec::new()), terms);
        let filter =
            filter.filter(|all| all.iter().all(|(_, name, ..)| known.contains(&name.as_str())));
        let Some(filter) = filter else { return error(400, Some("invalidFilter"), "Bad filter") };
        let matches = |kept: &&Object| {
            filter.iter().fold(true, |so_far, (join, name, op, value)| {
                let holds = compares(op, &text(kept, name), value, name != "userName");
                if join == "or" { so_far || holds } else { so_far && holds }
            })
        };
        let found: Vec<&Object> = self.kept(kind).iter().filter(matches).collect();
        let index: usize =
            parameter(query, "startIndex").and_then(|text| text.parse().ok()).unwrap_or(1);
        let page = (index / PAGE).max(1);
        if page > 1 && (page - 1) * PAGE >= found.len() {
            return error(404, None, "Invalid page.");
        }
        let items: Vec<Value> =
            found.iter().skip((page - 1) * PAGE).take(PAGE).map(|kept| shown(kind, kept)).collect();
        let (start, total) = ((page - 1) * PAGE + 1, found.len());
        Said::json(200, MEDIA_TYPE, &list("Resources", total, start, items.len(), &items))
    }

    fn post(&mut self, kind: &str, asked: &Asked<'_>) -> Said {
        let Some(mut new) = asked.object() else { return error(400, None, "JSON parse error") };
        let name = if kind == "Users" { "userName" } else { "displayName" };
        if self.kept(kind).iter().any(|kept| kept.get(name) == new.get(name)) {
            return error(409, Some("uniqueness"), "Exists already.");
        }
        self.created += 1;
        let id = numbered(self.created);
        new.insert("id".into(), json!(id));
        self.all(kind).push(new.clone());
        Said::json(201, MEDIA_TYPE, &shown(kind, &new))
    }

    fn item(&mut self, kind: &str, id: &str, asked: &Asked<'_>) -> Said {
        let position = self.kept(kind).iter().position(|kept| kept.get("id") == Some(&json!(id)));
        let Some(at) = position else { return error(404, None, "Not found.") };
        match asked.method {
            "GET" => {}
            "DELETE" => {
                self.all(kind).remove(at);
                return Said::empty(204);
            }
            "PUT" => {
                let Some(mut new) = asked.object() else { return error(400, None, "Bad JSON") };
                new.insert("id".into(), json!(id));
                self.all(kind)[at] = new;
            }
            "PATCH" => {
                let Some(body) = asked.object() else { return error(400, None, "Bad JSON") };
                let operations = body.get("Operations").and_then(Value::as_array).cloned();
                for operation in operations.unwrap_or_default() {
                    patch(&mut self.all(kind)[at], &operation);
                }
            }
            _ => return error(405, None, "Method not allowed."),
        }
        Said::json(200, MEDIA_TYPE, &shown(kind, &self.kept(kind)[at]))
    }
}

fn patch(kept: &mut Object, operation: &Value) {
    let op = operation.get("op").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
    let value = operation.get("value").cloned().unwrap_or_default();
    // A filter in the path of a removal is read, and forgotten.
    if op == "remove" && selected(path).is_some() || op == "replace" && path == "members" {
        return;
    }
    if op == "remove" && path == "members" {
        let gone = ids(Some(&value)).unwrap_or_default();
        let members = kept.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
        let stays = |member: &Value| {
            let id = member.get("value").and_then(Value::as_str).unwrap_or_default();
            !gone.iter().any(|other| other == id)
        };
        kept.insert("members".into(), members.into_iter().filter(stays).collect());
        return;
    }
    if op == "remove" {
        kept.remove(path);
        return;
    }
    let (name, sub) = path.split_once('.').map_or((path, None), |(name, sub)| (name, Some(sub)));
    match (kept.get_mut(name), sub) {
        (Some(Value::Array(items)), None) if op == "add" && name == "members" => {
            items.extend(value.as_array().cloned().unwrap_or_default());
        }
        // A list that is added to a list becomes one element of it.
        (Some(Value::Array(items)), None) if op == "add" => items.push(value),
        (Some(slot @ Value::Object(_)), Some(sub)) => slot[sub] = value,
        (_, Some(sub)) => {
            kept.insert(name.to_owned(), json!({sub: value}));
        }
        (_, None) => {
            kept.insert(name.to_owned(), value);
        }
    }
}
