//! Comparing one value with one literal (RFC 7644 §3.4.2.2, table 3).

use alloc::string::String;
use core::cmp::Ordering;

use serde_json::{Number, Value};

use crate::protocol::datetime;
use crate::protocol::filter::{CompareOp, Literal};
use crate::schema::{AttrType, Attribute};

/// Bytes of a needle up to which it is looked for at each place of a text. That takes needle × text
/// steps; longer needles are worth a hash.
const NEEDLE_BYTES: usize = 64;
/// The base of that hash: odd, with bits all over.
const HASH_BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Whether `value op literal` holds for a value of the type of `attribute`. Values of another type
/// than the literal's are not equal to it, and in no order with it.
pub(super) fn holds(
    op: CompareOp,
    attribute: &Attribute,
    literal: &Literal,
    value: &Value,
) -> bool {
    let different = op == CompareOp::Ne;
    match (literal, value) {
        (Literal::Bool(wanted), Value::Bool(found)) => equality(op, found == wanted),
        (Literal::Number(wanted), Value::Number(found)) => ordered(op, numbers(found, wanted)),
        (Literal::String(wanted), Value::String(found)) => match (attribute.kind, op) {
            (_, CompareOp::Co | CompareOp::Sw | CompareOp::Ew) => {
                text(op, is_case_exact(attribute), found, wanted)
            }
            (AttrType::DateTime, _) => match (datetime::parse(found), datetime::parse(wanted)) {
                (Some(found), Some(wanted)) => ordered(op, found.cmp(&wanted)),
                _ => different,
            },
            _ => text(op, is_case_exact(attribute), found, wanted),
        },
        _ => different,
    }
}

/// Letter case always counts in binary and reference values (RFC 7643 §2.3.6, §2.3.7).
fn is_case_exact(attribute: &Attribute) -> bool {
    attribute.case_exact || matches!(attribute.kind, AttrType::Binary | AttrType::Reference)
}

fn equality(op: CompareOp, equal: bool) -> bool {
    match op {
        CompareOp::Eq => equal,
        CompareOp::Ne => !equal,
        _ => false,
    }
}

fn ordered(op: CompareOp, ordering: Ordering) -> bool {
    match op {
        CompareOp::Eq => ordering.is_eq(),
        CompareOp::Ne => ordering.is_ne(),
        CompareOp::Gt => ordering.is_gt(),
        CompareOp::Ge => ordering.is_ge(),
        CompareOp::Lt => ordering.is_lt(),
        CompareOp::Le => ordering.is_le(),
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
    }
}

fn text(op: CompareOp, exact: bool, found: &str, wanted: &str) -> bool {
    match op {
        CompareOp::Co if exact => found.contains(wanted),
        CompareOp::Sw if exact => found.starts_with(wanted),
        CompareOp::Ew if exact => found.ends_with(wanted),
        CompareOp::Co if wanted.len() > NEEDLE_BYTES => contains_long(found, wanted),
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew if found.is_ascii() && wanted.is_ascii() => {
            ascii_part(op, found.as_bytes(), wanted.as_bytes())
        }
        CompareOp::Co => contains(found, wanted),
        CompareOp::Sw => starts_with(lower(found), lower(wanted)),
        CompareOp::Ew => starts_with(lower(found).rev(), lower(wanted).rev()),
        _ if exact => ordered(op, found.cmp(wanted)),
        CompareOp::Eq | CompareOp::Ne => equality(op, eq_ignore_case(found, wanted)),
        _ => ordered(op, lower(found).cmp(lower(wanted))),
    }
}

/// Whether two texts are equal when letter case does not count.
#[must_use]
pub fn eq_ignore_case(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    lower(a).eq(lower(b))
}

/// The text by which values are told apart when letter case does not count: two texts fold to the
/// same one exactly if [`eq_ignore_case`] holds.
#[must_use]
pub fn fold_case(text: &str) -> String {
    lower(text).collect()
}

/// Character by character: `str::to_lowercase` looks at neighbours, so that equal texts could
/// differ in parts.
fn lower(text: &str) -> impl DoubleEndedIterator<Item = char> + Clone + '_ {
    text.chars().flat_map(char::to_lowercase)
}

/// The parts of text again: bytes are several times as fast as characters, and nearly all that is
/// compared is ASCII.
fn ascii_part(op: CompareOp, found: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else { return true };
    let is_wanted = |part: &[u8]| part.eq_ignore_ascii_case(wanted);
    match op {
        CompareOp::Sw => found.get(..wanted.len()).is_some_and(is_wanted),
        CompareOp::Ew => {
            let at = found.len().checked_sub(wanted.len());
            at.and_then(|at| found.get(at..)).is_some_and(is_wanted)
        }
        _ => found.windows(wanted.len()).any(|part| {
            part.first().is_some_and(|byte| byte.eq_ignore_ascii_case(first)) && is_wanted(part)
        }),
    }
}

fn contains(found: &str, wanted: &str) -> bool {
    let mut rest = lower(found);
    loop {
        if starts_with(rest.clone(), lower(wanted)) {
            return true;
        }
        if rest.next().is_none() {
            return false;
        }
    }
}

/// Rabin and Karp: compares characters only where the rolling hash is that of the needle. It needs
/// no memory, and is linear but for collisions, which cannot be had at every place of a text.
fn contains_long(found: &str, wanted: &str) -> bool {
    let push = |hash: u64, c: char| hash.wrapping_mul(HASH_BASE).wrapping_add(c.into());
    let (mut head, mut tail) = (lower(found), lower(found));
    let (mut hash, mut goal, mut weight) = (0, 0, 1_u64);
    for c in lower(wanted) {
        let Some(first) = head.next() else { return false };
        hash = push(hash, first);
        goal = push(goal, c);
        weight = weight.wrapping_mul(HASH_BASE);
    }
    loop {
        if hash == goal && starts_with(tail.clone(), lower(wanted)) {
            return true;
        }
        let (Some(new), Some(old)) = (head.next(), tail.next()) else { return false };
        hash = push(hash, new).wrapping_sub(weight.wrapping_mul(old.into()));
    }
}

fn starts_with(
    mut text: impl Iterator<Item = char>,
    mut prefix: impl Iterator<Item = char>,
) -> bool {
    prefix.all(|c| text.next() == Some(c))
}

/// The order of two JSON numbers, without rounding one to the type of the other.
fn numbers(a: &Number, b: &Number) -> Ordering {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => with_fraction(a, b),
        (None, Some(b)) => with_fraction(b, a).reverse(),
        (None, None) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the whole part is wanted; past the range of i128 the cast saturates beyond any u64"
)]
fn with_fraction(whole: i128, number: &Number) -> Ordering {
    let number = number.as_f64().unwrap_or_default();
    let trunc = number as i128;
    let fraction = number - trunc as f64;
    whole.cmp(&trunc).then(0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal))
}
