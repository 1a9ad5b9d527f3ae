//! Bitwarden's SCIM service: seven filters, four PATCH forms, PUT that writes `active` alone.

use serde_json::{Value, json};

use super::{
    Asked, Object, Said, Stub, TOKEN, ids, list, numbered, parameter, scim_error, selected,
};

const MEDIA_TYPE: &str = "application/scim+json";

/// An organization in Bitwarden, below `/v2/org`.
#[derive(Default)]
pub(crate) struct Bitwarden {
    users: Vec<Object>,
    groups: Vec<Object>,
    created: usize,
}

impl Stub for Bitwarden {
    fn answer(&mut self, asked: &Asked<'_>) -> Said {
        // `Bearer ` is taken away if it is there, and the rest compared.
        let key = asked.header("authorization").unwrap_or_default();
        if key.strip_prefix("Bearer ").unwrap_or(key) != TOKEN {
            return Said::empty(401);
        }
        let (segments, query) = asked.parts();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["v2", "org", kind, rest @ ..] = segments.as_slice() else { return Said::empty(404) };
        let kind = match kind.to_ascii_lowercase().as_str() {
            "users" => "users",
            "groups" => "groups",
            _ => return Said::empty(404),
        };
        match (asked.method, rest) {
            ("GET", []) => self.list(kind, &query),
            ("POST", []) => self.post(kind, asked),
            (_, [id]) => self.item(kind, id, asked),
            _ => Said::empty(405),
        }
    }

    fn kept(&self, kind: &str) -> &[Object] {
        if kind == "users" { &self.users } else { &self.groups }
    }
}

fn error(status: u16, detail: &str) -> Said {
    // The status is a number, and there is no scimType.
    Said::json(status, MEDIA_TYPE, &scim_error(&status.into(), None, detail))
}

fn shown(kind: &str, kept: &Object) -> Value {
    let id = kept.get("id");
    let external = kept.get("externalId");
    if kind == "groups" {
        // No members, whatever there are.
        return json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "id": id, "displayName": kept.get("displayName"), "externalId": external,
            "meta": {"resourceType": "Group", "created": null, "lastModified": null},
        });
    }
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": id,
        "userName": kept.get("email"),
        "name": {"formatted": kept.get("name"), "givenName": null, "familyName": null},
        "emails": [{"value": kept.get("email"), "type": "work", "primary": true}],
        "displayName": kept.get("name"),
        "active": kept.get("active"),
        "groups": [],
        "externalId": external,
        "meta": {"resourceType": "User", "created": null, "lastModified": null},
    })
}

impl Bitwarden {
    fn list(&self, kind: &str, query: &[(String, String)]) -> Said {
        let all = self.kept(kind);
        let filter = parameter(query, "filter");
        let number = |name: &str, default: usize| {
            parameter(query, name).and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        let (start, count) = (number("startIndex", 1).max(1), number("count", 50));
        let by = |prefix: &str, name: &str| -> Option<Vec<&Object>> {
            let value = filter?.strip_prefix(prefix)?.trim_matches('"');
            Some(all.iter().filter(|kept| kept.get(name) == Some(&json!(value))).collect())
        };
        let found: Vec<&Object> = match filter {
            None => all.iter().collect(),
            Some(text) if kind == "users" && text.starts_with("userName eq ") => {
                let value =
                    text.trim_start_matches("userName eq ").trim_matches('"').to_lowercase();
                if value.contains('@') {
                    all.iter().filter(|kept| kept.get("email") == Some(&json!(value))).collect()
                } else {
                    Vec::new()
                }
            }
            Some(_) => by("externalId eq ", "externalId")
                .or_else(|| by("displayName eq ", "displayName").filter(|_| kind == "groups"))
                // Every other filter finds nothing, and says so with 200.
                .unwrap_or_default(),
        };
        let page: Vec<Value> =
            found.iter().skip(start - 1).take(count).map(|kept| shown(kind, kept)).collect();
        Said::json(200, MEDIA_TYPE, &list("resources", found.len(), start, count, &page))
    }

    fn post(&mut self, kind: &str, asked: &Asked<'_>) -> Said {
        let Some(body) = asked.object() else { return Said::empty(500) };
        let external = body.get("externalId").cloned().unwrap_or(Value::Null);
        let same = |kept: &Object| !external.is_null() && kept.get("externalId") == Some(&external);
        if self.kept(kind).iter().any(same) {
            return error(409, "Conflict");
        }
        self.created += 1;
        let mut new = Object::from_iter([
            ("id".to_owned(), json!(numbered(self.created))),
            ("externalId".to_owned(), external),
        ]);
        if kind == "groups" {
            let Some(name) = body.get("displayName").filter(|name| !name.is_null()) else {
                return error(400, "Invalid model");
            };
            new.insert("displayName".into(), name.clone());
            new.insert("members".into(), json!(self.users_of(body.get("members"))));
            self.groups.push(new.clone());
        } else {
            let email = email_of(&body, asked.header("adscimversion").is_some());
            let Some(email) = email.filter(|_| body.get("active") == Some(&json!(true))) else {
                return error(400, "Invalid model");
            };
            if self.users.iter().any(|kept| kept.get("email") == Some(&json!(email))) {
                return error(409, "Conflict");
            }
            let name = body.get("displayName").cloned();
            let formatted = body.get("name").and_then(|name| name.get("formatted")).cloned();
            new.insert("email".into(), json!(email));
            new.insert("name".into(), formatted.or(name).unwrap_or(Value::Null));
            new.insert("active".into(), json!(true));
            self.users.push(new.clone());
        }
        let id = new.get("id").and_then(Value::as_str).unwrap_or_default();
        let location = format!("/v2/org/{kind}/{id}");
        Said::json(201, MEDIA_TYPE, &shown(kind, &new)).with("location", location)
    }

    fn users_of(&self, members: Option<&Value>) -> Vec<String> {
        let known = |id: &String| self.users.iter().any(|kept| kept.get("id") == Some(&json!(id)));
        ids(members).unwrap_or_default().into_iter().filter(known).collect()
    }

    fn item(&mut self, kind: &str, id: &str, asked: &Asked<'_>) -> Said {
        let position = self.kept(kind).iter().position(|kept| kept.get("id") == Some(&json!(id)));
        let Some(at) = position else { return error(404, "Not found.") };
        match asked.method {
            "GET" => Said::json(200, MEDIA_TYPE, &shown(kind, &self.kept(kind)[at])),
            "DELETE" if kind == "users" => {
                self.users.remove(at);
                Said::empty(204)
            }
            "DELETE" => {
                self.groups.remove(at);
                Said::empty(204)
            }
            "PUT" => {
                let Some(body) = asked.object() else { return Said::empty(500) };
                if kind == "users" {
                    // A missing `active` is false, and everything else is passed over.
                    let active = body.get("active") == Some(&json!(true));
                    self.users[at].insert("active".into(), json!(active));
                } else {
                    if let Some(name) = body.get("displayName") {
                        self.groups[at].insert("displayName".into(), name.clone());
                    }
                    if body.contains_key("members") {
                        let members = self.users_of(body.get("members"));
                        self.groups[at].insert("members".into(), json!(members));
                    }
                }
                Said::json(200, MEDIA_TYPE, &shown(kind, &self.kept(kind)[at]))
            }
            "PATCH" => {
                let Some(body) = asked.object() else { return Said::empty(500) };
                let operations = body.get("Operations").and_then(Value::as_array).cloned();
                for operation in operations.unwrap_or_default() {
                    let done = if kind == "users" {
                        self.patch_user(at, &operation)
                    } else {
                        self.patch_group(at, &operation)
                    };
                    // Those before it stay done.
                    if done.is_none() {
                        return Said::empty(500);
                    }
                }
                Said::empty(204)
            }
            _ => Said::empty(405),
        }
    }

    fn patch_user(&mut self, at: usize, operation: &Value) -> Option<()> {
        let op = operation.get("op")?.as_str()?.to_ascii_lowercase();
        let (path, value) = (operation.get("path").and_then(Value::as_str), operation.get("value"));
        if op != "replace" {
            return Some(());
        }
        let active = match (path, value) {
            (Some("active"), Some(Value::String(text))) => Some(text.parse::<bool>().ok()?),
            (Some("active"), Some(Value::Bool(active))) => Some(*active),
            (None, Some(Value::Object(object))) => match object.get("active") {
                Some(value) => Some(value.as_bool()?),
                None => None,
            },
            _ => None,
        };
        if let Some(active) = active {
            self.users[at].insert("active".into(), json!(active));
        }
        if path == Some("externalId") {
            self.users[at].insert("externalId".into(), value?.clone());
        }
        Some(())
    }

    fn patch_group(&mut self, at: usize, operation: &Value) -> Option<()> {
        let op = operation.get("op")?.as_str()?.to_ascii_lowercase();
        let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
        let value = operation.get("value");
        let members = ids(self.groups[at]
            .get("members")
            .map(|members| {
                members
                    .as_array()
                    .map_or(Value::Null, |ids| ids.iter().map(|id| json!({"value": id})).collect())
            })
            .as_ref())
        .unwrap_or_default();
        let mut set = |members: Vec<String>| {
            self.groups[at].insert("members".into(), json!(members));
        };
        match (op.as_str(), path) {
            ("replace", "members") => {
                ids(value)?;
                let members = self.users_of(value);
                self.groups[at].insert("members".into(), json!(members));
            }
            ("replace", "displayName" | "externalId") | ("add", "externalId") => {
                self.groups[at].insert(path.into(), value?.clone());
            }
            ("replace", "") => {
                let object = value?.as_object()?;
                // The first that is there wins.
                let name =
                    ["displayName", "externalId"].into_iter().find(|n| object.contains_key(*n));
                if let Some(name) = name {
                    self.groups[at].insert(name.into(), object.get(name)?.clone());
                }
            }
            ("add", path) if selected(path).is_some() || path == "members" => {
                let listed = match selected(path) {
                    Some(id) => json!([{"value": id}]),
                    None => value?.clone(),
                };
                let mut all = members;
                let new = self.users_of(Some(&listed));
                all.extend(new.into_iter().filter(|id| !all.contains(id)).collect::<Vec<_>>());
                self.groups[at].insert("members".into(), json!(all));
            }
            ("remove", path) if selected(path).is_some() => {
                let id = selected(path)?;
                set(members.into_iter().filter(|member| member != id).collect());
            }
            ("remove", "members") => {
                let gone = ids(value)?;
                set(members.into_iter().filter(|member| !gone.contains(member)).collect());
            }
            _ => {}
        }
        Some(())
    }
}

fn email_of(body: &Object, azure: bool) -> Option<String> {
    let emails = body.get("emails").and_then(Value::as_array);
    let all: &[Value] = emails.map_or(&[], Vec::as_slice);
    let value = |item: &Value| item.get("value").and_then(Value::as_str).map(str::to_lowercase);
    let primary = all.iter().find(|item| item.get("primary") == Some(&json!(true)));
    if let Some(email) = primary.and_then(value) {
        return Some(email);
    }
    if azure && let Some(name) = body.get("userName").and_then(Value::as_str) {
        return Some(name.to_lowercase());
    }
    let work = all.iter().find(|item| item.get("type") == Some(&json!("work")));
    work.or_else(|| all.first()).and_then(value)
}
