//! OpenProject's SCIM service, which is scimitar with an attribute map.

use serde_json::{Value, json};

use super::{
    Asked, Object, Said, Stub, TOKEN, compares, ids, list, parameter, scim_error, selected, terms,
    text,
};

const MEDIA_TYPE: &str = "application/scim+json";

/// OpenProject, below `/scim_v2`.
#[derive(Default)]
pub(crate) struct OpenProject {
    users: Vec<Object>,
    groups: Vec<Object>,
    created: usize,
}

impl Stub for OpenProject {
    fn answer(&mut self, asked: &Asked<'_>) -> Said {
        if asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            let challenge = "Bearer realm=\"OpenProject API\", \
                resource_metadata=\"https://op.internal/.well-known/oauth-protected-resource\", \
                scope=\"scim_v2\", error=\"invalid_token\"";
            return Said::text(401, "invalid_token").with("www-authenticate", challenge);
        }
        let media_type = asked.header("content-type").unwrap_or(MEDIA_TYPE);
        if media_type.split(';').next() != Some(MEDIA_TYPE) {
            return Said::text(406, "");
        }
        let (segments, query) = asked.parts();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["scim_v2", "ServiceProviderConfig"] => Said::json(
                200,
                MEDIA_TYPE,
                &json!({
                    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
                    "patch": {"supported": true}, "bulk": {"supported": false},
                    "filter": {"supported": true, "maxResults": 100},
                    "changePassword": {"supported": false}, "sort": {"supported": false},
                    "etag": {"supported": false}, "authenticationSchemes": [],
                }),
            ),
            ["scim_v2", kind @ ("Users" | "Groups"), rest @ ..] => match (asked.method, rest) {
                ("GET", []) => self.list(kind, &query),
                ("POST", []) => self.post(kind, asked),
                (_, [id]) => self.item(kind, id, asked),
                _ => error(404, None, "Resource not found"),
            },
            _ => error(404, None, "Resource not found"),
        }
    }

    fn kept(&self, kind: &str) -> &[Object] {
        if kind.eq_ignore_ascii_case("users") { &self.users } else { &self.groups }
    }
}

fn error(status: u16, kind: Option<&str>, detail: &str) -> Said {
    Said::json(status, MEDIA_TYPE, &scim_error(&status.to_string().into(), kind, detail))
}

fn shown(kind: &str, kept: &Object) -> Value {
    let (name, mut body) = (&kind[..kind.len() - 1], Value::Object(kept.clone()));
    let id = kept.get("id").and_then(Value::as_str).unwrap_or_default();
    body["schemas"] = json!([format!("urn:ietf:params:scim:schemas:core:2.0:{name}")]);
    let location = format!("https://op.internal/scim_v2/{kind}/{id}");
    body["meta"] = json!({"resourceType": name, "location": location});
    body
}

/// What the application keeps of a body: nothing but what its attribute map has.
fn mapped(kind: &str, body: &Object) -> Object {
    let names: &[&str] = match kind {
        "Users" => &["externalId", "userName", "name", "active"],
        _ => &["externalId", "displayName"],
    };
    let pair = |name: &&str| Some(((*name).to_owned(), body.get(*name)?.clone()));
    let mut kept: Object = names.iter().filter_map(pair).collect();
    if let Some(Value::Array(emails)) = body.get("emails") {
        let has = |name: &str, value: Value| {
            emails.iter().find(move |email| email.get(name) == Some(&value))
        };
        let least = || emails.iter().min_by_key(ToString::to_string);
        let email =
            has("primary", json!(true)).or_else(|| has("type", json!("work"))).or_else(least);
        if let Some(value) = email.and_then(|email| email.get("value")) {
            kept.insert(
                "emails".into(),
                json!([{"value": value, "type": "work", "primary": true}]),
            );
        }
    }
    kept
}

impl OpenProject {
    fn all(&mut self, kind: &str) -> &mut Vec<Object> {
        if kind == "Users" { &mut self.users } else { &mut self.groups }
    }

    fn list(&self, kind: &str, query: &[(String, String)]) -> Said {
        let number = |name: &str, default: usize| match parameter(query, name) {
            None => Some(default),
            Some(text) => text.parse().ok().filter(|number| *number > 0),
        };
        let (Some(start), Some(count)) = (number("startIndex", 1), number("count", 100)) else {
            return Said::text(500, "<html><body>ZeroDivisionError</body></html>");
        };
        let known: &[&str] = match kind {
            "Users" => &["externalId", "userName", "givenName", "familyName", "emails", "groups"],
            _ => &["displayName", "externalId"],
        };
        let filter = parameter(query, "filter").map_or(Some(Vec::new()), terms);
        let filter =
            filter.filter(|all| all.iter().all(|(_, name, ..)| known.contains(&name.as_str())));
        let Some(filter) = filter else {
            return error(400, Some("invalidFilter"), "Invalid filter");
        };
        let matches = |kept: &&Object| {
            filter.iter().fold(true, |so_far, (join, name, op, value)| {
                let path = match name.as_str() {
                    "givenName" | "familyName" => format!("name.{name}"),
                    other => other.to_owned(),
                };
                let holds = compares(op, &text(kept, &path), value, name == "externalId");
                if join == "or" { so_far || holds } else { so_far && holds }
            })
        };
        let found: Vec<&Object> = self.kept(kind).iter().filter(matches).collect();
        let page = found.iter().skip(start - 1).take(count).map(|kept| shown(kind, kept));
        // `itemsPerPage` is the limit, not what there is.
        Said::json(
            200,
            MEDIA_TYPE,
            &list("Resources", found.len(), start, count, &page.collect::<Vec<_>>()),
        )
    }

    /// What is wrong with a user or group; `at` is its own place.
    fn refusal(&self, kind: &str, new: &Object, at: Option<usize>) -> Option<Said> {
        let needed: &[&str] = match kind {
            "Users" => &["userName", "name.givenName", "name.familyName", "emails", "externalId"],
            _ => &["displayName"],
        };
        if let Some(name) = needed.iter().find(|name| text(new, name).is_empty()) {
            let text = format!("Invalid resource: {name} is required.");
            return Some(error(400, Some("invalidValue"), &text));
        }
        let unique: &[&str] =
            if kind == "Users" { &["userName", "emails"] } else { &["displayName"] };
        let others = self.kept(kind).iter().enumerate().filter(|(other, _)| Some(*other) != at);
        for (_, other) in others {
            if unique.iter().any(|name| compares("eq", &text(other, name), &text(new, name), false))
            {
                let text = "Operation failed due to a uniqueness constraint";
                return Some(error(409, Some("uniqueness"), text));
            }
        }
        None
    }

    fn post(&mut self, kind: &str, asked: &Asked<'_>) -> Said {
        let Some(body) = asked.object() else { return Said::text(400, "") };
        let mut new = mapped(kind, &body);
        if let Some(refusal) = self.refusal(kind, &new, None) {
            return refusal;
        }
        if kind == "Groups" {
            new.insert("members".into(), self.members(body.get("members")));
        } else {
            new.entry("active").or_insert(json!(true));
        }
        self.created += 1;
        let id = self.created.to_string();
        new.insert("id".into(), json!(id));
        self.all(kind).push(new.clone());
        let location = format!("https://op.internal/scim_v2/{kind}/{id}");
        Said::json(201, MEDIA_TYPE, &shown(kind, &new)).with("location", location)
    }

    fn members(&self, members: Option<&Value>) -> Value {
        let known = |id: &String| self.users.iter().any(|kept| kept.get("id") == Some(&json!(id)));
        let ids = ids(members).unwrap_or_default().into_iter().filter(known);
        ids.map(|id| json!({"value": id, "type": "User"})).collect()
    }

    fn item(&mut self, kind: &str, id: &str, asked: &Asked<'_>) -> Said {
        let position = self.kept(kind).iter().position(|kept| kept.get("id") == Some(&json!(id)));
        let Some(at) = position else { return error(404, None, "Resource not found") };
        let mut new = self.kept(kind)[at].clone();
        match asked.method {
            "GET" => {}
            "DELETE" => {
                self.all(kind).remove(at);
                return Said::empty(204);
            }
            "PUT" => {
                let Some(body) = asked.object() else { return Said::text(400, "") };
                let members = self.members(body.get("members"));
                let active = new.get("active").cloned();
                new = mapped(kind, &body);
                new.insert("id".into(), json!(id));
                if kind == "Groups" {
                    new.insert("members".into(), members);
                } else {
                    new.entry("active").or_insert(active.unwrap_or(json!(true)));
                }
            }
            "PATCH" => {
                let Some(body) = asked.object() else { return Said::text(400, "") };
                let operations = body.get("Operations").and_then(Value::as_array).cloned();
                for operation in operations.unwrap_or_default() {
                    if let Some(refusal) = self.patch(kind, &mut new, &operation) {
                        return refusal;
                    }
                }
            }
            _ => return Said::text(405, ""),
        }
        if let Some(refusal) = self.refusal(kind, &new, Some(at)) {
            return refusal;
        }
        self.all(kind)[at].clone_from(&new);
        Said::json(200, MEDIA_TYPE, &shown(kind, &new))
    }

    fn patch(&self, kind: &str, kept: &mut Object, operation: &Value) -> Option<Said> {
        let wrong = || {
            let text = "PATCH describes unrecognised attributes and/or unsupported filters";
            Some(error(400, Some("invalidSyntax"), text))
        };
        let op = operation.get("op").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let path = operation.get("path").and_then(Value::as_str);
        let value = operation.get("value").cloned().unwrap_or_default();
        if op == "remove" && path.is_none() {
            return Some(error(400, Some("noTarget"), "remove needs a path"));
        }
        let Some(path) = path else {
            for (name, value) in value.as_object().into_iter().flatten() {
                self.set(kind, kept, &op, name, value);
            }
            return None;
        };
        if path.contains(" and ") || path.contains(" or ") {
            return wrong();
        }
        if value.to_string().contains("$ref") {
            return Some(Said::text(500, "NoMethodError: undefined method for $ref"));
        }
        match (op.as_str(), selected(path)) {
            ("remove", Some(id)) => {
                let members = kept.get("members").and_then(Value::as_array).cloned();
                let rest = members.unwrap_or_default().into_iter();
                let rest = rest.filter(|member| member.get("value") != Some(&json!(id)));
                kept.insert("members".into(), rest.collect());
            }
            ("remove", None) if path == "members" => {
                let gone = ids(Some(&value));
                let members = kept.get("members").and_then(Value::as_array).cloned();
                let stays = |member: &Value| {
                    let id = member.get("value").and_then(Value::as_str).unwrap_or_default();
                    gone.as_ref().is_some_and(|gone| !gone.iter().any(|other| other == id))
                };
                kept.insert(
                    "members".into(),
                    members.unwrap_or_default().into_iter().filter(stays).collect(),
                );
            }
            ("remove", _) => {
                kept.remove(path);
            }
            ("add" | "replace", _) => self.set(kind, kept, &op, path, &value),
            _ => return wrong(),
        }
        None
    }

    fn set(&self, kind: &str, kept: &mut Object, op: &str, path: &str, value: &Value) {
        match (kind, path) {
            // No check of the type: a text is as good as true, and locks are opened by it.
            ("Users", "active") => {
                let was = kept.get("active") == Some(&json!(true));
                let truthy = !matches!(value, Value::Bool(false) | Value::Null);
                kept.insert("active".into(), json!(was || truthy));
                if *value == json!(false) {
                    kept.insert("active".into(), json!(false));
                }
            }
            ("Users", "userName" | "externalId") | ("Groups", "displayName" | "externalId") => {
                kept.insert(path.to_owned(), value.clone());
            }
            ("Users", "name") => {
                kept.insert("name".into(), value.clone());
            }
            ("Users", "name.givenName" | "name.familyName") => {
                let mut name = kept.get("name").cloned().unwrap_or_else(|| json!({}));
                name[path.trim_start_matches("name.")] = value.clone();
                kept.insert("name".into(), name);
            }
            ("Users", path) if path.starts_with("emails") => {
                let text = value.as_str().map(str::to_owned).or_else(|| ids(Some(value))?.pop());
                let email = json!([{"value": text, "type": "work", "primary": true}]);
                kept.insert("emails".into(), email);
            }
            ("Groups", "members") => {
                let mut all = match (op, kept.get("members")) {
                    ("add", Some(Value::Array(members))) => members.clone(),
                    _ => Vec::new(),
                };
                if let Value::Array(new) = self.members(Some(value)) {
                    all.extend(
                        new.into_iter().filter(|member| !all.contains(member)).collect::<Vec<_>>(),
                    );
                }
                kept.insert("members".into(), json!(all));
            }
            // What is not in the attribute map is accepted, and nothing happens.
            _ => {}
        }
    }
}
