//! Filters and paths: print → parse is identity, errors lie within the text (RFC 7644 §3.4.2.2).

use scim_core::protocol::filter::{self, Filter, FilterError};
use scim_core::protocol::limits::Limits;
use scim_core::protocol::path::{AttrPath, PatchPath};
use scim_core::resource::matching;
use scim_core::schema;
use serde_json::{Value, json};

/// A filter that parses prints as text that parses to the same; resolved once it stays as it is;
/// `not` turns what it matches around.
pub fn filter(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let parsed = match filter::parse(text, &Limits::default()) {
        Ok(parsed) => parsed,
        Err(error) => return check_error(&error, text),
    };
    let printed = parsed.to_string();
    assert_eq!(filter::parse(&printed, &crate::wide()).as_ref(), Ok(&parsed), "{printed}");
    let resources = [(schema::user(), a_user()), (schema::group(), a_group())];
    for (resource_type, resource) in resources {
        let Ok(resolved) = matching::resolve(parsed.clone(), &resource_type) else { continue };
        assert_eq!(
            matching::resolve(resolved.clone(), &resource_type).as_ref(),
            Ok(&resolved),
            "resolved again"
        );
        let holds = matching::matches(&resolved, &resource_type, &resource);
        let not = Filter::Not(Box::new(resolved));
        assert_ne!(matching::matches(&not, &resource_type, &resource), holds);
        // What holds nothing must be bearable as well.
        let _ = matching::matches(&not, &resource_type, &Value::Null);
    }
}

/// Both kinds of paths print as text that parses to the same.
pub fn path(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    match AttrPath::parse(text) {
        Ok(parsed) => {
            assert_eq!(AttrPath::parse(&parsed.to_string()).as_ref(), Ok(&parsed));
            for resource_type in [schema::user(), schema::group()] {
                if let Some(found) = resource_type.resolve(&parsed) {
                    let canonical = AttrPath {
                        urn: found.extension.map(Into::into),
                        name: found.attribute.name.to_string(),
                        sub: found.sub.map(|sub| sub.name.to_string()),
                    };
                    assert_eq!(resource_type.resolve(&canonical), Some(found));
                }
            }
        }
        Err(error) => check_error(&error, text),
    }
    match PatchPath::parse(text, &Limits::default()) {
        Ok(parsed) => {
            let printed = parsed.to_string();
            assert_eq!(PatchPath::parse(&printed, &crate::wide()).as_ref(), Ok(&parsed));
        }
        Err(error) => check_error(&error, text),
    }
}

fn check_error(error: &FilterError, text: &str) {
    let span = error.span();
    assert!(text.get(span.clone()).is_some(), "{span:?} is no part of the text");
    let detail = error.clone().in_filter().to_json();
    assert!(detail["detail"].as_str().is_some_and(|detail| detail.len() < 1000));
}

/// A user with something of everything.
pub fn a_user() -> Value {
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "id": "2819c223-7f76-453a-919d-413861904646",
        "externalId": "bjensen",
        "userName": "bjensen@example.com",
        "name": {"familyName": "Jensen", "givenName": "Barbara"},
        "displayName": "Babs Jensen",
        "active": true,
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"}
        ],
        "groups": [{"value": "e9e30dba", "display": "Guides", "type": "direct"}],
        "x509Certificates": [{"value": "MIID"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": "Tour",
            "manager": {"value": "26118915", "displayName": "John Smith"}
        },
        "meta": {
            "resourceType": "User",
            "created": "2010-01-23T04:56:22Z",
            "lastModified": "2011-05-13T04:42:34Z",
            "location": "https://example.com/v2/Users/2819c223",
            "version": "W/\"3\""
        }
    })
}

/// A group with two members.
pub fn a_group() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": "e9e30dba",
        "displayName": "Guides",
        "members": [
            {"value": "2819c223", "type": "User", "$ref": "https://example.com/v2/Users/2819c223"},
            {"value": "902c246b", "type": "User", "display": "Mandy"}
        ],
        "meta": {"resourceType": "Group", "lastModified": "2011-05-13T04:42:34Z"}
    })
}
