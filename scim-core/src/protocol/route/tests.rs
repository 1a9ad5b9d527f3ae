//! Routes, attacks on paths, and methods.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::Value;

use super::{Bases, Endpoint, Route, check_method, parse};
use crate::protocol::error::Error;
use crate::protocol::limits::Limits;

const ENDPOINTS: [&str; 2] = ["Users", "Groups"];

fn read(target: &str) -> Result<Route, Error> {
    parse(target, &Bases::default(), &ENDPOINTS, &Limits::default())
}

#[track_caller]
fn endpoint(target: &str) -> Endpoint {
    read(target).unwrap().endpoint
}

#[track_caller]
fn status(target: &str) -> u16 {
    read(target).unwrap_err().status()
}

fn item(id: &str) -> Endpoint {
    Endpoint::Item { endpoint: "Users".into(), id: id.into() }
}

#[test]
fn every_endpoint_is_found() {
    for (path, expected) in [
        ("", Endpoint::Root),
        ("/", Endpoint::Root),
        ("/Users", Endpoint::Collection("Users".into())),
        ("/groups/", Endpoint::Collection("Groups".into())),
        ("//Users///2819", item("2819")),
        ("/USERS/a%20b%C3%A9", item("a bé")),
        ("/Users/.search", Endpoint::Search(Some("Users".into()))),
        ("/.search", Endpoint::Search(None)),
        ("/ServiceProviderConfig", Endpoint::ServiceProviderConfig),
        ("/serviceproviderconfigs", Endpoint::ServiceProviderConfig),
        ("/ResourceTypes", Endpoint::ResourceTypes(None)),
        ("/resourceTypes/User", Endpoint::ResourceTypes(Some("User".into()))),
        ("/Schemas", Endpoint::Schemas(None)),
        ("/Schemas/urn:a:B", Endpoint::Schemas(Some("urn:a:B".into()))),
        ("/Bulk", Endpoint::Bulk),
        ("/me", Endpoint::Me),
        ("/alive", Endpoint::Alive),
    ] {
        for (base, tenant) in [("/scim/v2", None), ("/scim_v2", None), ("/v2/acme", Some("acme"))] {
            let route = read(&alloc::format!("{base}{path}")).unwrap();
            assert_eq!(route.endpoint, expected, "{base}{path}");
            assert_eq!((&*route.base, route.tenant.as_deref()), (base, tenant));
        }
    }
    assert_eq!(endpoint("/alive"), Endpoint::Alive);
    assert_eq!(endpoint("//scim//v2//Users//1"), item("1"));
}

fn vectors(text: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(file["cases"].take()).unwrap()
}

#[test]
fn paths_that_name_nothing_or_may_be_read_in_two_ways_are_refused() {
    for case in vectors(include_str!("../../../../vectors/route/refused.json")) {
        let target = case["target"].as_str().unwrap();
        assert_eq!(u64::from(status(target)), case["status"], "{case}");
    }
    for target in ["", "*", "http://scim.example/scim/v2/Users"] {
        assert_eq!(status(target), 400, "{target}");
    }
    let long = alloc::format!("/scim/v2/Users/{}", "x".repeat(Limits::default().target_bytes));
    assert_eq!(status(&long), 400);
}

#[test]
fn no_error_repeats_the_target() {
    let error = read("/scim/v2/Users?access_token=s3cr3t&filter=secret").unwrap_err();
    assert!(!error.to_string().contains("s3cr3t"));
}

#[test]
fn the_query_is_decoded_and_its_names_folded() {
    let route =
        read("/scim/v2/Users?FILTER=userName+eq%20%22a%2Bb%22&&Count=2&X=1&X=2&flag").unwrap();
    let expected =
        [("filter", "userName eq \"a+b\""), ("count", "2"), ("X", "1"), ("X", "2"), ("flag", "")];
    assert_eq!(route.query, expected.map(|(n, v)| (n.to_string(), v.to_string())));
    assert_eq!(route.parameter("count"), Some("2"));
    assert_eq!(route.parameter("cursor"), None);
}

#[test]
fn targets_are_built_anew() {
    for case in vectors(include_str!("../../../../vectors/route/accepted.json")) {
        let text = |name: &str| case[name].as_str().unwrap();
        let route = read(text("target")).unwrap();
        assert_eq!(route.endpoint.name(), text("endpoint"), "{case}");
        assert_eq!(route.to_target(text("base")), text("built"), "{case}");
    }
    assert_eq!(read("/scim/v2").unwrap().to_target(""), "/");
    assert_eq!(read("/scim/v2?count=1").unwrap().to_target("/b/"), "/b?count=1");
    assert_eq!(read("/v2/acme/Groups/.SEARCH").unwrap().to_target("/b"), "/b/Groups/.search");
}

#[test]
fn methods_are_checked() {
    let of = |method, target| check_method(method, &endpoint(target)).map_err(|e| e.status());
    assert_eq!(of("GET", "/scim/v2/Users"), Ok(()));
    assert_eq!(of("PATCH", "/scim/v2/Users/1"), Ok(()));
    assert_eq!(of("get", "/scim/v2/Users"), Err(405));
    assert_eq!(of("TRACE", "/scim/v2/Users"), Err(405));
    assert_eq!(of("PUT", "/scim/v2/Users"), Err(405));
    assert_eq!(of("POST", "/scim/v2/Users/1"), Err(405));
    assert_eq!(of("POST", "/scim/v2/Schemas"), Err(405));
    assert_eq!(of("POST", "/scim/v2/Bulk"), Ok(()));
    assert_eq!(of("GET", "/scim/v2/Bulk"), Err(405));
    assert_eq!(of("POST", "/scim/v2/.search"), Ok(()));
    assert_eq!(of("GET", "/scim/v2/Me"), Ok(()));
    assert_eq!(of("GET", "/scim/v2/"), Ok(()));
    let error = check_method("DELETE", &endpoint("/scim/v2/Users")).unwrap_err();
    assert_eq!(error.headers(), [("allow", "GET, HEAD, POST".to_string())]);
}

#[test]
fn bases_are_configured() {
    let bases = Bases::parse(&["/", "/scim/{tenant}", "/scim/v2/"]).unwrap();
    assert!(bases.name_tenants());
    let read = |target: &str| parse(target, &bases, &ENDPOINTS, &Limits::default()).unwrap();
    assert_eq!(read("/Users/1").base, "");
    assert_eq!(read("/scim/v2/Users").tenant, None);
    assert_eq!(read("/scim/acme/Users").tenant.as_deref(), Some("acme"));
    for templates in [
        &[][..],
        &["scim"],
        &["/a//b"],
        &["/../b"],
        &["/a%20"],
        &["/a", "/a/"],
        &["/{tenant}/{tenant}"],
        &["/{id}"],
    ] {
        assert!(Bases::parse(templates).is_err(), "{templates:?}");
    }
}

proptest! {
    #[test]
    fn what_is_built_reads_the_same(id in "[^/\\\\;\\p{Cc}%]{1,20}", value in "\\PC{0,20}") {
        prop_assume!(id != "." && id != ".." && !id.eq_ignore_ascii_case(".search"));
        let query = [("filter".to_string(), value)].into();
        let route = Route { tenant: None, base: "/scim/v2".into(), endpoint: item(&id), query };
        prop_assert_eq!(read(&route.to_target("/scim/v2")).unwrap(), route);
    }

    #[test]
    fn no_target_panics(target in "/scim/v2/[\\PC%/.?&=]{0,40}") {
        if let Ok(route) = read(&target) {
            let built: String = route.to_target("/scim/v2");
            prop_assert!(!built.contains("//") && !built.contains("/..") && built.is_ascii());
            prop_assert_eq!(read(&built).unwrap(), route);
        }
    }
}
