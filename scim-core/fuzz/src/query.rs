//! Request targets: what is built anew means the same; projection never adds (RFC 7644 §3.2, §3.9).

use scim_core::protocol::limits::Limits;
use scim_core::protocol::query::ListQuery;
use scim_core::protocol::route::{self, Bases, Endpoint, Route};
use scim_core::resource::Projection;
use scim_core::schema;
use serde_json::{Map, Value};

use crate::filter::{a_group, a_user};

const ENDPOINTS: [&str; 2] = ["Users", "Groups"];

/// The text as a request target, and as the query of one.
pub fn query(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    for target in [text.to_owned(), format!("/scim/v2/Users?{text}")] {
        let Ok(route) = parse(&target, &Limits::default()) else { continue };
        let again = route.to_target(&route.base);
        assert_eq!(parse(&again, &crate::wide()).as_ref(), Ok(&route), "{again}");
        if let Endpoint::Item { id, .. } = &route.endpoint {
            assert!(!id.contains(['/', '\\', ';', '\0']) && id != "." && id != "..");
        }
        list(&route);
    }
}

fn parse(target: &str, limits: &Limits) -> Result<Route, scim_core::protocol::Error> {
    route::parse(target, &Bases::default(), &ENDPOINTS, limits)
}

fn list(route: &Route) {
    let limits = Limits::default();
    if let Ok(list) = ListQuery::parse(&route.query, &limits) {
        assert!(list.count <= limits.page_resources && list.start_index >= 1);
    }
    for (resource_type, resource) in [(schema::user(), a_user()), (schema::group(), a_group())] {
        let Ok(projection) = Projection::of_query(&route.query, &resource_type, &limits) else {
            continue;
        };
        let Value::Object(resource) = resource else { continue };
        let seen = projection.apply(&resource_type, resource.clone());
        assert!(is_part(&seen, &resource), "projection added something");
        assert!(seen.contains_key("id") && seen.contains_key("schemas"));
        assert_eq!(projection.apply(&resource_type, seen.clone()), seen);
    }
}

fn is_part(part: &Map<String, Value>, whole: &Map<String, Value>) -> bool {
    part.iter()
        .all(|(name, value)| whole.get(name).is_some_and(|other| value_is_part(value, other)))
}

fn value_is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => is_part(part, whole),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(p, w)| value_is_part(p, w))
        }
        _ => part == whole,
    }
}
