use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;

use serde_json::json;

use super::*;
use crate::protocol::filter::*;
use crate::protocol::limits::Limits;
use crate::protocol::path::{AttrPath, PatchPath};
use crate::protocol::urn::ENTERPRISE_USER;
use crate::schema::{self, AttrType, Attribute};

fn path(name: &str, sub: Option<&str>) -> AttrPath {
    AttrPath { urn: None, name: name.into(), sub: sub.map(String::from) }
}

fn parsed(text: &str) -> Filter {
    parse(text, &Limits::default()).unwrap()
}

fn refusal(text: &str) -> String {
    resolve(parsed(text), &schema::user()).unwrap_err().to_string()
}

#[test]
fn a_filter_becomes_a_tree() {
    let eq = |path, value| Filter::Compare { path, op: CompareOp::Eq, value };
    assert_eq!(
        parsed(r#"a.b eq 1 and (c pr or not (d[e eq null].f eq "x"))"#),
        Filter::And(vec![
            eq(path("a", Some("b")), Literal::Number(1.into())),
            Filter::Or(vec![
                Filter::Present(path("c", None)),
                Filter::Not(Box::new(Filter::ValuePath {
                    path: path("d", None),
                    filter: Box::new(Filter::And(vec![
                        eq(path("e", None), Literal::Null),
                        eq(path("f", None), Literal::String("x".into())),
                    ])),
                })),
            ]),
        ])
    );
}

#[test]
fn a_path_becomes_its_parts() {
    let limits = Limits::default();
    let parsed = PatchPath::parse("urn:x:2.0:User:emails[type pr].value", &limits).unwrap();
    let attr = AttrPath { urn: Some("urn:x:2.0:User".into()), ..path("emails", Some("value")) };
    assert_eq!(parsed, PatchPath { attr, filter: Some(Filter::Present(path("type", None))) });
}

#[test]
fn a_lone_urn_names_its_schema() {
    let path = AttrPath::parse(&ENTERPRISE_USER.to_uppercase()).unwrap();
    assert!(path.names_schema(ENTERPRISE_USER));
    assert!(!path.names_schema("urn:ietf:params:scim:schemas:extension:enterprise:2.0"));
    assert!(!AttrPath::parse("User").unwrap().names_schema("User"));
    assert!(AttrPath::parse("urn:x:a.b").unwrap().names_schema("urn:x:a.b"));
}

#[test]
fn errors_say_what_and_where_and_never_repeat_the_text() {
    let limits = Limits { filter_bytes: 40, filter_depth: 2, filter_terms: 2, ..Limits::default() };
    for (text, message) in [
        ("", "it is empty at byte 0"),
        ("userName eq \"123456789012345678901234567890\"", "it is too long at byte 40"),
        ("(((a pr)))", "it nests too deeply at byte 2"),
        ("a pr or b pr or c pr", "it has too many terms at byte 17"),
        ("\"s3cret\" pr", "expected an attribute at byte 0"),
        ("s3cret\"x\"", "expected a blank at byte 6"),
        ("s3cret is 1", "expected an operator at byte 7"),
        ("s3cret eq 's3cret'", "expected a value at byte 10"),
        ("not s3cret", "expected `(` after `not` at byte 4"),
        ("(s3cret pr", "expected `)` at byte 10"),
        ("s3cret[a pr", "expected `]` at byte 11"),
        ("a eq \"s3cret", "the string does not end at byte 5"),
        ("a eq \"s3cret\\x\"", "the escape is not one of JSON at byte 12"),
        ("a eq \"s3cret\n\"", "the character must be escaped at byte 12"),
        ("a[b[c pr]]", "a value path cannot stand in a value path at byte 3"),
        ("a.b.c pr", "only one sub-attribute can be named at byte 3"),
        ("a pr s3cret", "expected the end, `and` or `or` at byte 5"),
    ] {
        assert_eq!(parse(text, &limits).unwrap_err().to_string(), message, "{text}");
    }
    let error = parse("a", &limits).unwrap_err();
    assert_eq!(
        error.clone().in_filter().to_string(),
        "400 invalidFilter the filter is malformed: expected an operator at byte 1"
    );
    assert_eq!(
        error.in_path().to_string(),
        "400 invalidPath the path is malformed: expected an operator at byte 1"
    );
}

#[test]
fn refusals_name_the_attribute_and_never_the_value() {
    for (text, message) in [
        (
            "shoeSize eq s3cret",
            "400 invalidFilter the filter names `shoeSize`, which is not known here",
        ),
        ("PASSWORD eq s3cret", "400 invalidFilter `password` cannot be filtered by"),
        ("name eq s3cret", "400 invalidFilter `name` is compared by a sub-attribute only"),
        ("active gt true", "400 invalidFilter `active` cannot be compared by `gt`"),
        ("active eq s3cret", "400 invalidFilter `active` can be compared with true or false only"),
        (
            "meta.created lt s3cret",
            "400 invalidFilter `meta.created` can be compared with a date and time of RFC 3339 only",
        ),
        ("title co null", "400 invalidFilter `title` can be compared with text only"),
    ] {
        assert_eq!(refusal(text), message);
    }
    let long = format!("{} pr", "a".repeat(SHOWN + 1));
    assert_eq!(
        refusal(&long),
        "400 invalidFilter the filter names an attribute, which is not known here"
    );
}

/// As many bytes of a name as a refusal repeats.
const SHOWN: usize = 200;

#[test]
fn a_value_path_that_was_not_parsed_is_checked_all_the_same() {
    let inner = Box::new(Filter::Present(path("type", None)));
    let nested = Filter::ValuePath { path: path("type", None), filter: inner.clone() };
    let user = schema::user();
    let nested = Filter::ValuePath { path: path("emails", None), filter: Box::new(nested) };
    assert!(resolve(nested, &user).is_err());
    let on_sub = Filter::ValuePath { path: path("name", Some("givenName")), filter: inner };
    assert!(resolve(on_sub, &user).is_err());
}

#[test]
fn an_unresolved_filter_matches_as_far_as_it_is_known() {
    let user = schema::user();
    let bjensen = json!({"userName": "bjensen", "emails": [{"value": "b@x"}]});
    assert!(matches(&parsed("USERNAME eq bjensen and emails eq b@x"), &user, &bjensen));
    assert!(matches(&parsed("title eq null and userName ne null"), &user, &bjensen));
    assert!(!matches(&parsed("shoeSize ne 44 or userName gt null"), &user, &bjensen));
}

fn attribute(kind: AttrType) -> Attribute {
    let mut attribute = schema::common_attributes().remove(1);
    attribute.name = "number".into();
    attribute.kind = kind;
    attribute
}

#[test]
fn numbers_are_compared_exactly() {
    let decimal = attribute(AttrType::Decimal);
    let holds = |text: &str, value: serde_json::Value| {
        let filter = resolve_element(parsed(text), &decimal).unwrap();
        matches_element(&filter, &decimal, &value)
    };
    assert!(holds("value eq 1", json!(1.0)));
    assert!(holds("value eq 1.50", json!(1.5)));
    assert!(holds("value eq \"1e3\"", json!(1000)));
    assert!(holds("value gt 1", json!(1.5)) && holds("value lt -1", json!(-1.5)));
    assert!(holds("value lt 1.5", json!(1)) && !holds("value ge 1.5", json!(1)));
    // Both are 2^53 once rounded.
    assert!(holds("value gt 9007199254740992", json!(9_007_199_254_740_993_i64)));
    assert!(holds("value gt 9007199254740992.0", json!(9_007_199_254_740_993_i64)));
    assert!(holds("value lt 1e300", json!(u64::MAX)));
    assert!(holds("value gt -1e300", json!(i64::MIN)));
    assert!(holds("value ne 1", json!("1")));
    for text in ["value sw 1", "value eq x", "value eq true", "value gt null"] {
        assert!(resolve_element(parsed(text), &decimal).is_err(), "{text}");
    }
}

#[test]
fn an_element_is_seen_through_its_attribute() {
    let user = schema::user();
    let (_, emails) = user.attribute(None, "emails").unwrap();
    let filter = resolve_element(parsed("TYPE eq work and PRIMARY eq \"True\""), emails).unwrap();
    assert_eq!(filter.to_string(), "type eq \"work\" and primary eq true");
    assert!(matches_element(&filter, emails, &json!({"type": "Work", "primary": true})));
    assert!(!matches_element(&filter, emails, &json!({"type": "work", "primary": "true"})));
    assert!(!matches_element(&filter, emails, &json!("work")));
    for text in ["emails.type pr", "urn:x:y:type pr", "userName pr"] {
        assert!(resolve_element(parsed(text), emails).is_err(), "{text}");
    }
}

#[test]
fn letter_case_is_that_of_unicode() {
    for (a, b) in [("straße", "STRASSE"), ("i", "İ"), ("a", "b"), ("é", "e")] {
        assert!(!eq_ignore_case(a, b), "{a} {b}");
    }
    // The Kelvin sign is the only letter beyond ASCII whose small letter is within, apart from `İ`.
    for (a, b) in [("\u{212a}", "k"), ("ÅÉ", "åé"), ("ΣΑΣ", "σασ"), ("", "")] {
        assert!(eq_ignore_case(a, b), "{a} {b}");
    }
}

#[test]
fn a_long_needle_is_found_wherever_it_stands() {
    let user = schema::user();
    let needle = "Straße 1, ".repeat(20);
    let filter = resolve(parsed(&format!("title co \"{needle}\"")), &user).unwrap();
    let holds = |title: &str| matches(&filter, &user, &json!({"title": title}));
    let shouted = needle.to_uppercase().replace("SS", "ß");
    for (before, after) in [("", ""), ("x", ""), ("", "y"), ("Straße 1, Straß", "e"), ("é", "é")]
    {
        assert!(holds(&format!("{before}{shouted}{after}")), "{before}…{after}");
    }
    let (short, _) = needle.rsplit_once(',').unwrap();
    for wrong in [short, "", &needle.replace('1', "2"), &format!("{short};{short}")] {
        assert!(!holds(wrong), "{wrong}");
    }
}
