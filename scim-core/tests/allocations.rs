//! Matching takes no memory: it runs once per resource of a scan.

use allocation_counter::measure;
use scim_core::protocol::filter::{self, FilterError};
use scim_core::protocol::{Error, limits::Limits};
use scim_core::resource::matching;
use scim_core::schema;
use serde_json::json;

/// Every kind of term, operator, literal and attribute; text in and beyond ASCII.
const FILTERS: [&str; 22] = [
    r#"userName eq "BJENSEN""#,
    r#"userName ne "bjensen""#,
    r#"name.familyName co "ENS""#,
    r#"name.familyName sw "jen" and name.familyName ew "SEN""#,
    r#"nickName eq "ÅSE" or nickName co "É" or nickName ew "É" or nickName gt "b""#,
    r#"title gt "a" and title ge "a" and not (title lt "a" or title le "a")"#,
    "title pr and not (active eq true)",
    r#"active eq "False""#,
    "name pr or emails pr or emails.type pr",
    "title eq null or userType ne null",
    r#"profileUrl co "/BJensen" or profileUrl sw "https:""#,
    r#"meta.lastModified gt "2011-05-13T04:42:34+02:00""#,
    "meta.created sw 2011",
    r#"emails eq "bjensen@example.com""#,
    r#"emails.type ne "work""#,
    r#"emails[type eq "work" and value co "@EXAMPLE.com"]"#,
    r#"emails[not (primary eq true)].value ew ".org""#,
    r#"addresses[country eq "US" or (region pr and locality sw "b")]"#,
    r#"x509Certificates.value eq "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMx""#,
    r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "tour operations""#,
    r#"manager.value eq "26118915" or costCenter eq 4130"#,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr",
];

#[test]
fn a_resolved_filter_matches_without_allocating() -> Result<(), Error> {
    let resource_type = schema::user();
    let user = json!({
        "userName": "bjensen",
        "name": {"familyName": "Jensen", "givenName": "Barbara"},
        "nickName": "Åsé",
        "title": format!("Tour Guide, {}", "Studio ".repeat(40)),
        "profileUrl": "https://login.example.com/bjensen",
        "active": false,
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.example.org", "type": "home"},
        ],
        "addresses": [{"country": "NO", "region": "Oslo", "locality": "Bærum"}],
        "x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMC"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": "Tour Operations",
            "costCenter": "4130",
            "manager": {"value": "26118915"},
        },
        "meta": {"created": "2011-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:35Z"},
    });
    let long = format!("title co \"{}\" or title co \"{}\"", "sTUDIO ".repeat(30), "x".repeat(200));
    let mut held = 0;
    for text in FILTERS.into_iter().chain([&*long]) {
        let filter = filter::parse(text, &Limits::default()).map_err(FilterError::in_filter)?;
        let filter = matching::resolve(filter, &resource_type)?;
        let seen = measure(|| {
            held += usize::from(matching::matches(&filter, &resource_type, &user));
        });
        assert_eq!(seen.count_total, 0, "{text}");
    }
    assert!((10..FILTERS.len()).contains(&held), "{held} of the filters hold");
    Ok(())
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(core::hint::black_box(Box::new(1)))).count_total, 1);
}
