use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;
use crate::protocol::limits::Limits;

fn query(parameters: &[(&str, &str)]) -> ListQuery {
    let parameters: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    ListQuery::parse(&parameters, &Limits::default()).unwrap()
}

fn sealer(key: u8, client: &str, types: &[&str], query: &ListQuery, now_s: u64) -> Sealer {
    Sealer::new(&[key; 32], "", client, types.iter().copied(), query, now_s)
}

fn cursors() -> Vec<Cursor> {
    let id = ResourceId::new(1_000_000, [7; 10]);
    let keys = [
        None,
        Some(SortKey::Bool(true)),
        Some(SortKey::Number(0.1 + 0.2)),
        Some(SortKey::Instant(253_402_300_799_999_999_999)),
        Some(SortKey::Text("\"ö\u{0}\u{1f600}".to_string())),
        Some(SortKey::Entry(Vec::from([0, 255, 7]))),
    ];
    let mut cursors = Vec::from([Cursor { backwards: false, after: None, total: Some(3) }]);
    for (at, key) in keys.into_iter().enumerate() {
        let position = Position { key, resource_type: "User".into(), id };
        let (backwards, total) = (at % 2 == 0, None);
        cursors.push(Cursor { backwards, after: Some(position), total });
    }
    cursors
}

const FILTERED: [(&str, &str); 2] = [("filter", "userName sw \"a\""), ("sortBy", "userName")];

fn code(error: &Error) -> &'static str {
    error.scim_type().map_or("", |kind| kind.as_str())
}

#[test]
fn what_is_sealed_is_opened_and_fits_a_uri() {
    let query = query(&FILTERED);
    let sealer = sealer(1, "okta", &["User"], &query, 100);
    for cursor in cursors() {
        let text = sealer.seal(&cursor, 60, [9; 24]).unwrap();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(sealer.open(&text).unwrap(), cursor);
    }
}

#[test]
fn a_changed_cursor_is_refused() {
    let query = query(&FILTERED);
    let sealer = sealer(1, "okta", &["User"], &query, 100);
    let text = sealer.seal(&cursors()[4], 60, [9; 24]).unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(code(&sealer.open(&changed).unwrap_err()), "invalidCursor", "{at}");
        assert_eq!(
            code(&sealer.open(text.get(..at).unwrap()).unwrap_err()),
            "invalidCursor",
            "{at}"
        );
    }
    let long = "A".repeat(CURSOR_CHARACTERS + 1);
    for text in ["", "A", "=", "ä", "AAAA AAAA", "AA==", long.as_str()] {
        assert_eq!(code(&sealer.open(text).unwrap_err()), "invalidCursor");
    }
}

#[test]
fn a_cursor_is_for_one_client_one_query_and_one_key() {
    let given = query(&FILTERED);
    let of = sealer(1, "okta", &["User"], &given, 100);
    let text = of.seal(&cursors()[4], 60, [9; 24]).unwrap();
    let others = [
        query(&[("filter", "userName sw \"b\""), ("sortBy", "userName")]),
        query(&[("filter", "userName sw \"a\""), ("sortBy", "displayName")]),
        query(&[FILTERED[0], FILTERED[1], ("sortOrder", "descending")]),
        query(&[]),
    ];
    let foreign = [
        sealer(2, "okta", &["User"], &given, 100),
        sealer(1, "entra", &["User"], &given, 100),
        sealer(1, "okta", &["Group"], &given, 100),
        sealer(1, "okta", &["User", "Group"], &given, 100),
        Sealer::new(&[1; 32], "acme", "okta", ["User"].into_iter(), &given, 100),
    ];
    let of_others = others.iter().map(|other| sealer(1, "okta", &["User"], other, 100));
    for wrong in foreign.into_iter().chain(of_others) {
        assert_eq!(code(&wrong.open(&text).unwrap_err()), "invalidCursor");
    }
    // How a page looks, and how large it is, may change from page to page.
    let shown = [FILTERED[0], FILTERED[1], ("count", "7"), ("attributes", "id"), ("cursor", "x")];
    assert!(sealer(1, "okta", &["User"], &query(&shown), 100).open(&text).is_ok());
}

#[test]
fn a_cursor_expires() {
    let query = query(&[]);
    let text = sealer(1, "okta", &["User"], &query, 100).seal(&cursors()[0], 60, [9; 24]).unwrap();
    assert!(sealer(1, "okta", &["User"], &query, 159).open(&text).is_ok());
    let error = sealer(1, "okta", &["User"], &query, 160).open(&text).unwrap_err();
    assert_eq!((error.status(), code(&error)), (400, "expiredCursor"));
}
