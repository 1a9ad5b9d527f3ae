//! Properties of filters, paths and dates that hold for any input (RFC 7644 §3.4.2.2).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a test may fail by a panic"
)]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use scim_core::protocol::datetime;
use scim_core::protocol::filter::{self, CompareOp, Filter, Literal};
use scim_core::protocol::limits::Limits;
use scim_core::protocol::path::{AttrPath, PatchPath};
use scim_core::protocol::urn;
use scim_core::resource::matching;
use scim_core::schema;
use serde_json::{Map, Number, Value, json};

/// Limits that a generated filter does not reach.
const WIDE: fn() -> Limits = || Limits {
    filter_bytes: usize::MAX,
    filter_depth: 64,
    filter_terms: usize::MAX,
    ..Limits::default()
};

// Any filter that the parser can build.

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[A-Za-z][A-Za-z0-9_-]{0,8}", 1 => Just("$ref".to_string())]
        .prop_filter("`not` is the grammar's own", |name| !name.eq_ignore_ascii_case("not"))
}

fn attr_path() -> impl Strategy<Value = AttrPath> {
    let urn = option::weighted(0.2, "urn(:[a-z0-9.]{1,6}){1,4}");
    (urn, name(), option::of(name())).prop_map(|(urn, name, sub)| AttrPath { urn, name, sub })
}

fn sub_path() -> impl Strategy<Value = AttrPath> {
    name().prop_map(|name| AttrPath { urn: None, name, sub: None })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(|n| Literal::Number(n.into())),
        any::<u64>().prop_map(|n| Literal::Number(n.into())),
        any::<f64>().prop_filter_map("the parser keeps other numbers as text", |n| {
            let number = Number::from_f64(n)?;
            let again = serde_json::from_str::<Number>(&number.to_string()).unwrap();
            (again == number).then_some(Literal::Number(number))
        }),
        any::<String>().prop_map(Literal::String),
        select(vec!["", "true", "null", "1", "a\"b\\c", "\u{0}\n", "a) or (b]", "😀"])
            .prop_map(|text| Literal::String(text.to_string())),
    ]
}

fn op() -> impl Strategy<Value = CompareOp> {
    select(CompareOp::ALL.to_vec())
}

fn terms(path: BoxedStrategy<AttrPath>) -> BoxedStrategy<Filter> {
    prop_oneof![
        path.clone().prop_map(Filter::Present),
        (path, op(), literal()).prop_map(|(path, op, value)| Filter::Compare { path, op, value }),
    ]
    .boxed()
}

fn joined(leaf: BoxedStrategy<Filter>) -> BoxedStrategy<Filter> {
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(and),
            vec(inner.clone(), 2..4).prop_map(or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
    .boxed()
}

fn and(terms: Vec<Filter>) -> Filter {
    let flat = |term| if let Filter::And(inner) = term { inner } else { vec![term] };
    Filter::And(terms.into_iter().flat_map(flat).collect())
}

fn or(terms: Vec<Filter>) -> Filter {
    let flat = |term| if let Filter::Or(inner) = term { inner } else { vec![term] };
    Filter::Or(terms.into_iter().flat_map(flat).collect())
}

fn any_filter() -> BoxedStrategy<Filter> {
    let whole = attr_path().prop_map(|path| AttrPath { sub: None, ..path });
    let value_path = (whole, joined(terms(sub_path().boxed())))
        .prop_map(|(path, inner)| Filter::ValuePath { path, filter: Box::new(inner) });
    joined(prop_oneof![3 => terms(attr_path().boxed()), 1 => value_path].boxed())
}

// A filter over a few attributes of a user, and a user that has a few of them.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Text { exact: bool },
    Boolean,
    Date,
}

const TEXT: Kind = Kind::Text { exact: false };
const EXACT: Kind = Kind::Text { exact: true };
const ENTERPRISE: &str = urn::ENTERPRISE_USER;

/// Extension, attribute, sub-attribute, and how values compare.
const LEAVES: [(bool, &str, &str, Kind); 10] = [
    (false, "userName", "", TEXT),
    (false, "externalId", "", EXACT),
    (false, "active", "", Kind::Boolean),
    (false, "name", "familyName", TEXT),
    (false, "meta", "lastModified", Kind::Date),
    (false, "schemas", "", EXACT),
    (false, "emails", "value", TEXT),
    (false, "emails", "primary", Kind::Boolean),
    (true, "department", "", TEXT),
    (true, "manager", "value", EXACT),
];
const TEXTS: [&str; 9] = ["", "a", "A", "ab", "AB", "b", "é", "É", "bAé"];
/// With minutes after a common beginning.
const DATES: [(&str, i32); 5] = [
    ("2011-05-13T04:42:00Z", 0),
    ("2011-05-13T06:42:00+02:00", 0),
    ("2011-05-13T04:43:00.000Z", 1),
    ("2011-05-12T23:44:00-05:00", 2),
    ("2011-05-13T04:44:00Z", 2),
];

fn known_value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Text { .. } => select(TEXTS.to_vec()).prop_map(Value::from).boxed(),
        Kind::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Date => select(DATES.to_vec()).prop_map(|(text, _)| text.into()).boxed(),
    }
}

fn known_term(leaf: usize, in_element: bool) -> BoxedStrategy<Filter> {
    let (extension, attribute, sub, kind) = LEAVES[leaf];
    let path = AttrPath {
        urn: (extension && !in_element).then(|| ENTERPRISE.to_string()),
        name: if in_element { sub } else { attribute }.to_string(),
        sub: (!in_element && !sub.is_empty()).then(|| sub.to_string()),
    };
    let ops = match kind {
        Kind::Boolean => vec![CompareOp::Eq, CompareOp::Ne],
        _ => CompareOp::ALL.to_vec(),
    };
    let compared = (select(ops), known_value(kind)).prop_map({
        let path = path.clone();
        move |(op, value)| {
            let value = value
                .as_bool()
                .map_or_else(|| Literal::String(value.as_str().unwrap().into()), Literal::Bool);
            Filter::Compare { path: path.clone(), op, value }
        }
    });
    let null = {
        let path = path.clone();
        select(vec![CompareOp::Eq, CompareOp::Ne]).prop_map(move |op| Filter::Compare {
            path: path.clone(),
            op,
            value: Literal::Null,
        })
    };
    prop_oneof![6 => compared, 1 => null, 1 => Just(Filter::Present(path))].boxed()
}

fn known_filter() -> BoxedStrategy<Filter> {
    let term = (0..LEAVES.len()).prop_flat_map(|leaf| known_term(leaf, false));
    let inner = joined((6..8_usize).prop_flat_map(|leaf| known_term(leaf, true)).boxed());
    let value_path = inner.prop_map(|inner| Filter::ValuePath {
        path: AttrPath { urn: None, name: "emails".into(), sub: None },
        filter: Box::new(inner),
    });
    joined(prop_oneof![3 => term, 1 => value_path].boxed())
}

fn user() -> impl Strategy<Value = Value> {
    let text = || option::of(known_value(TEXT));
    let email = (text(), option::of(known_value(Kind::Boolean)))
        .prop_map(|(value, primary)| object([("value", value), ("primary", primary)]));
    let enterprise = (text(), option::of(text())).prop_map(|(department, manager)| {
        let manager = manager.map(|value| object([("value", value)]));
        object([("department", department), ("manager", manager)])
    });
    (
        (text(), text(), option::of(known_value(Kind::Boolean))),
        option::of(text().prop_map(|name| object([("familyName", name)]))),
        option::of(known_value(Kind::Date).prop_map(|date| json!({"lastModified": date}))),
        option::of(vec(known_value(TEXT), 0..3).prop_map(Value::from)),
        option::of(vec(email, 0..3).prop_map(Value::from)),
        option::of(enterprise),
    )
        .prop_map(|((user_name, external_id, active), name, meta, schemas, emails, more)| {
            object([
                ("userName", user_name),
                ("externalId", external_id),
                ("active", active),
                ("name", name),
                ("meta", meta),
                ("schemas", schemas),
                ("emails", emails),
                (ENTERPRISE, more),
            ])
        })
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let given = members.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

// The filter once more, by copying values out and comparing keys made of them.

fn naive(filter: &Filter, holder: &Value) -> bool {
    match filter {
        Filter::And(terms) => terms.iter().filter(|term| !naive(term, holder)).count() == 0,
        Filter::Or(terms) => terms.iter().filter(|term| naive(term, holder)).count() > 0,
        Filter::Not(inner) => !naive(inner, holder),
        Filter::Present(path) => found(path, holder).iter().any(|value| !empty(value)),
        Filter::ValuePath { path, filter } => {
            list(&holder[&path.name]).iter().filter(|element| naive(filter, element)).count() > 0
        }
        Filter::Compare { path, op, value: Literal::Null } => {
            (*op == CompareOp::Ne) == found(path, holder).iter().any(|value| !empty(value))
        }
        Filter::Compare { path, op, value } => {
            let mut values = found(path, holder);
            if values.is_empty() {
                values.push(Value::Null);
            }
            values.iter().any(|found| naive_compare(kind_of(path), *op, value, found))
        }
    }
}

fn kind_of(path: &AttrPath) -> Kind {
    let names = |(_, attribute, sub, _): &&(bool, &str, &str, Kind)| match &path.sub {
        Some(wanted) => *attribute == path.name && sub == wanted,
        None => *attribute == path.name || (*attribute == "emails" && *sub == path.name),
    };
    LEAVES.iter().find(names).unwrap().3
}

/// The values at the path, null where an element lacks its sub-attribute.
fn found(path: &AttrPath, holder: &Value) -> Vec<Value> {
    let holder = path.urn.as_ref().map_or(holder, |urn| &holder[urn]);
    let values = list(&holder[&path.name]);
    match &path.sub {
        Some(sub) => values.iter().map(|value| value[sub].clone()).collect(),
        None => values,
    }
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    }
}

fn empty(value: &Value) -> bool {
    value.is_null() || *value == json!("")
}

fn naive_compare(kind: Kind, op: CompareOp, wanted: &Literal, found: &Value) -> bool {
    let wanted = match wanted {
        Literal::Bool(value) => json!(value),
        Literal::String(value) => json!(value),
        _ => unreachable!(),
    };
    if found.is_null() {
        return op == CompareOp::Ne;
    }
    let part = matches!(op, CompareOp::Co | CompareOp::Sw | CompareOp::Ew);
    let key = |value: &Value| match (kind, value) {
        (Kind::Date, Value::String(text)) if !part => {
            DATES.iter().find(|(date, _)| date == text).unwrap().1.to_string()
        }
        (EXACT, Value::String(text)) => text.clone(),
        (_, Value::String(text)) => text.to_lowercase(),
        (_, value) => value.to_string(),
    };
    let (found, wanted) = (key(found), key(&wanted));
    match op {
        CompareOp::Eq => found == wanted,
        CompareOp::Ne => found != wanted,
        CompareOp::Co => found.contains(&wanted),
        CompareOp::Sw => found.starts_with(&wanted),
        CompareOp::Ew => found.ends_with(&wanted),
        CompareOp::Gt => found > wanted,
        CompareOp::Ge => found >= wanted,
        CompareOp::Lt => found < wanted,
        CompareOp::Le => found <= wanted,
    }
}

/// Text that comes close to being a filter.
fn almost_a_filter() -> impl Strategy<Value = String> {
    let pieces = [
        "userName",
        "emails",
        "a.b",
        "urn:x:y:z",
        "$ref",
        " ",
        " ",
        "\t",
        "eq",
        "pr",
        "co",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        ".",
        "\"",
        "\"x\"",
        "\\",
        "\\u",
        "\\ud83d",
        "\\ude00",
        "\"\\u00e9\"",
        "true",
        "null",
        "1",
        "-1.5e9",
        "é",
        "😀",
        "\u{0}",
        "'",
        ":",
    ];
    vec(select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

/// An error's place lies within the text, between characters.
fn check_text(text: &str) -> Result<(), TestCaseError> {
    let limits = Limits::default();
    let parsed = filter::parse(text, &limits);
    if let Ok(filter) = &parsed {
        let again = filter::parse(&filter.to_string(), &WIDE());
        prop_assert_eq!(again.as_ref(), Ok(filter));
        let user = schema::user();
        if let Ok(resolved) = matching::resolve(filter.clone(), &user) {
            let _ = matching::matches(&resolved, &user, &json!({"emails": [{}], "userName": "x"}));
        }
    }
    for error in [parsed.err(), PatchPath::parse(text, &limits).err(), AttrPath::parse(text).err()]
        .into_iter()
        .flatten()
    {
        prop_assert!(text.get(error.span()).is_some(), "{} {:?}", error, error.span());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_printed_filter_is_the_same_filter(filter in any_filter()) {
        let text = filter.to_string();
        prop_assert_eq!(filter::parse(&text, &WIDE()), Ok(filter), "{}", text);
    }

    #[test]
    fn a_printed_path_is_the_same_path(
        attr in attr_path(),
        inner in option::of(joined(terms(sub_path().boxed()))),
    ) {
        prop_assert_eq!(AttrPath::parse(&attr.to_string()), Ok(attr.clone()));
        let path = PatchPath { attr, filter: inner };
        prop_assert_eq!(PatchPath::parse(&path.to_string(), &WIDE()), Ok(path));
    }

    #[test]
    fn a_filter_holds_when_a_naive_reading_of_it_holds(filter in known_filter(), user in user()) {
        let user_type = schema::user();
        let resolved = matching::resolve(filter.clone(), &user_type).unwrap();
        let holds = matching::matches(&resolved, &user_type, &user);
        prop_assert_eq!(holds, naive(&filter, &user), "{} over {}", filter, user);
        prop_assert_eq!(matching::resolve(resolved.clone(), &user_type), Ok(resolved));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check_text(&text)?;
    }

    #[test]
    fn any_text_of_the_grammars_words_is_read_or_refused(text in almost_a_filter()) {
        check_text(&text)?;
    }

    #[test]
    fn a_written_time_is_the_same_time(ms in 0..=datetime::LATEST_MS) {
        let text = datetime::format_ms(ms);
        prop_assert_eq!(datetime::parse(&text), Some(i128::from(ms) * datetime::NANOS_PER_MS));
    }

    #[test]
    fn later_times_are_written_after_earlier_ones(
        a in 0..=datetime::LATEST_MS,
        b in 0..=datetime::LATEST_MS,
    ) {
        prop_assert_eq!(a.cmp(&b), datetime::format_ms(a).cmp(&datetime::format_ms(b)));
    }

    #[test]
    fn any_text_is_a_time_or_none(text in "[0-9TtZz:.+-]{0,30}") {
        let _ = datetime::parse(&text);
    }

    #[test]
    fn texts_are_equal_without_letter_case_when_they_fold_to_the_same(
        a in "[aAßẞİık\u{212a}ΣσςéÉ]{0,6}",
        b in "[aAßẞİık\u{212a}ΣσςéÉ]{0,6}",
    ) {
        let folded = matching::fold_case(&a) == matching::fold_case(&b);
        prop_assert_eq!(matching::eq_ignore_case(&a, &b), folded);
    }
}
