//! Bodies, and damage to them.

use std::sync::OnceLock;

use serde_json::Value;

use super::plan::MARK;
use super::random::Random;

/// Bodies that identity providers send, from the vectors.
fn bodies() -> &'static [String] {
    static BODIES: OnceLock<Vec<String>> = OnceLock::new();
    BODIES.get_or_init(|| {
        let text = include_str!("../../../vectors/canonicalize/bodies.json");
        let file: Value = serde_json::from_str(text).unwrap_or_default();
        let cases = file.get("cases").and_then(Value::as_array).cloned().unwrap_or_default();
        let body = |case: &Value| match case.get("body") {
            Some(Value::String(text)) => text.clone(),
            Some(body) => body.to_string(),
            None => String::new(),
        };
        cases.iter().map(body).collect()
    })
}

/// The body of a request: what identity providers send, often damaged, sometimes hostile.
pub(super) fn request_body(random: &mut Random) -> Vec<u8> {
    let mut body = random.one(bodies()).into_bytes();
    match random.below(20) {
        0 => {
            body =
                (0..random.below(300)).map(|_| random.one(&[b'{', b'"', 0, 0xff, b'1'])).collect();
        }
        1 => body = "[".repeat(random.below(20_000)).into_bytes(),
        2 => {
            let user = format!("{{\"userName\": \"{}\"}}", MARK.repeat(random.below(20_000)));
            body = user.into_bytes();
        }
        3 => body = format!("{{\"userName\": \"{MARK}\", \"userName\": \"b\"}}").into_bytes(),
        4 => body = format!("{{\"userName\": \"{MARK}\", \"active\": \"False\"}}").into_bytes(),
        5..=9 => {
            for _ in 0..=random.below(4) {
                damage(&mut body, random);
            }
        }
        _ => {}
    }
    body
}

/// Tokens that matter where bodies and targets are read.
const WORDS: [&str; 18] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "\"False\"",
    "1e999",
    "\\u0000",
    "\\ud800",
    "/..",
    "%00",
    "?",
    "//",
    "\u{fffd}",
];

/// Changes a text a little: a byte, a word, a part that is gone, twice there, or cut off.
pub(super) fn damage(text: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(text.len() + 1);
    let end = (at + 1 + random.below(12)).min(text.len());
    match random.below(6) {
        0 => {
            let byte = any_byte(random);
            if let Some(place) = text.get_mut(at) {
                *place = byte;
            }
        }
        1 => drop(text.splice(at..at, random.one(&WORDS).bytes())),
        2 => drop(text.drain(at..end)),
        3 => {
            let part: Vec<u8> = text.get(at..end).unwrap_or_default().to_vec();
            drop(text.splice(at..at, part));
        }
        4 => text.truncate(at),
        _ => text.insert(at, any_byte(random)),
    }
}

fn any_byte(random: &mut Random) -> u8 {
    u8::try_from(random.below(256)).unwrap_or_default()
}

/// A byte that HTTP lets stand in a field's value.
pub(super) fn any_value_byte(random: &mut Random) -> u8 {
    match any_byte(random) {
        0..=31 | 127 => b'x',
        byte => byte,
    }
}
