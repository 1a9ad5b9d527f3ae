//! What is measured with: a user, a group, and filters that identity providers send.

use serde_json::{Value, json};

/// A user of 40 attributes and sub-attributes, as RFC 7643 §8.2 shows them.
const USER: &str = include_str!("user.json");

/// Members of the group.
pub(super) const MEMBERS: usize = 1000;

/// Filters that all parsers read as the same, and matchers answer alike: so the letter case is that
/// of the values, and no text looks like a number.
pub(super) const FILTERS: [&str; 8] = [
    r#"userName eq "bjensen@example.com""#,
    r#"externalId eq "00u701985""#,
    r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
    r#"title pr and userType eq "Employee""#,
    r#"userType eq "Intern" or not (active eq true)"#,
    r#"emails[type eq "work" and value co "@example.com"]"#,
    r#"userType eq "Employee" and (emails.value co "example.net" or emails.value co "jensen.ex")"#,
    r#"name.familyName co "Jens" and name.givenName sw "Bar" and displayName ew "Jensen""#,
];

/// The user as a request body.
pub(super) fn body() -> anyhow::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&user()?)?)
}

/// The user.
pub(super) fn user() -> anyhow::Result<Value> {
    Ok(serde_json::from_str(USER)?)
}

/// The user as a service holds it.
pub(super) fn stored_user() -> anyhow::Result<Value> {
    let mut user = user()?;
    if let Some(object) = user.as_object_mut() {
        object.insert("id".into(), json!("2819c223-7f76-453a-919d-413861904646"));
        object.insert(
            "meta".into(),
            json!({
                "resourceType": "User",
                "created": "2010-01-23T04:56:22Z",
                "lastModified": "2011-05-13T04:42:35Z",
            }),
        );
    }
    Ok(user)
}

/// A group with [`MEMBERS`] members.
pub(super) fn group() -> Value {
    let members: Vec<Value> = (0..MEMBERS)
        .map(|number| json!({"value": format!("{number:08}-7f76-453a-919d-413861904646")}))
        .collect();
    json!({"displayName": "Tour Guides", "members": members})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names<'a>(value: &'a Value, path: &mut Vec<&'a str>, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    path.push(name);
                    names(value, path, found);
                    path.pop();
                }
            }
            Value::Array(items) => items.iter().for_each(|item| names(item, path, found)),
            _ => {
                found.insert(path.join("."));
            }
        }
    }

    #[test]
    fn the_user_has_forty_attributes_in_two_kilobytes() {
        let mut found = BTreeSet::new();
        let user = user().unwrap();
        names(&user, &mut Vec::new(), &mut found);
        assert_eq!(found.len(), 40, "{found:?}");
        assert!((1_950..=2_150).contains(&body().unwrap().len()));
    }
}
