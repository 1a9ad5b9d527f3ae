//! Reading one JSON object of a configuration: every field known, every type checked.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use crate::auth::ConfigError;
use crate::protocol::json::Object;
use crate::resource::element::printable;

/// Elements of a list in a configuration.
const LIST_ITEMS: usize = 512;
/// Bytes of a text in a configuration.
const TEXT_BYTES: usize = 2048;

/// One object and where it stands.
pub(crate) struct Fields<'a> {
    object: &'a Object,
    at: String,
}

impl<'a> Fields<'a> {
    /// The object that `value` must be, without members of other names than `known`.
    pub(crate) fn new(
        value: &'a Value,
        at: impl Into<String>,
        known: &[&str],
    ) -> Result<Self, ConfigError> {
        let fields = Self::open(value, at)?;
        match fields.object.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(fields.wrong(&printable(key), unknown(key, known))),
            None => Ok(fields),
        }
    }

    /// The object that `value` must be, whatever the names of its members.
    pub(crate) fn open(value: &'a Value, at: impl Into<String>) -> Result<Self, ConfigError> {
        let at = at.into();
        match value {
            Value::Object(object) => Ok(Self { object, at }),
            _ => Err(ConfigError::new(at, "must be an object")),
        }
    }

    /// The members with their paths.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'a str, String, &'a Value)> {
        self.object.iter().map(|(name, value)| (name.as_str(), self.path(name), value))
    }

    /// The path of a member.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_string() } else { format!("{}.{name}", self.at) }
    }

    /// The refusal of a member.
    pub(crate) fn wrong(&self, name: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::new(self.path(name), message)
    }

    /// The member; a null is as good as nothing.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, ConfigError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= TEXT_BYTES => Ok(Some(text)),
            Some(Value::String(_)) => {
                Err(self.wrong(name, format!("is longer than {TEXT_BYTES} bytes")))
            }
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    pub(crate) fn needed_text(&self, name: &str) -> Result<&'a str, ConfigError> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.wrong(name, "is missing")),
        }
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, ConfigError> {
        match self.value(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    /// A whole number of at least 1.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, ConfigError> {
        match self.value(name).map(Value::as_u64) {
            None => Ok(None),
            Some(Some(number)) if number > 0 => Ok(Some(number)),
            Some(_) => Err(self.wrong(name, "must be an integer above 0")),
        }
    }

    /// The member as one of the words of a table.
    pub(crate) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let known = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        known.map(Some).ok_or_else(|| {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(name, format!("must be one of {}{}", all.join(", "), meant(text, &all)))
        })
    }

    /// The texts of an array; none without the member.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        let items = match self.value(name) {
            None => &[],
            Some(Value::Array(items)) if items.len() <= LIST_ITEMS => items.as_slice(),
            Some(Value::Array(_)) => {
                return Err(self.wrong(name, format!("holds more than {LIST_ITEMS}")));
            }
            Some(_) => return Err(self.wrong(name, "must be an array of strings")),
        };
        let text = |(at, item): (usize, &Value)| match item {
            Value::String(text) if !text.is_empty() && text.len() <= TEXT_BYTES => Ok(text.clone()),
            _ => Err(self.wrong(&format!("{name}[{at}]"), "must be a string that is not empty")),
        };
        items.iter().enumerate().map(text).collect()
    }

    /// The members of an object of texts; none without the member.
    pub(crate) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, ConfigError> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let inner = Self::open(value, self.path(name))?;
        let pair = |(key, _, _): (&str, String, &Value)| {
            Ok((key.to_string(), inner.needed_text(key)?.to_string()))
        };
        inner.members().map(pair).collect()
    }
}

/// The message for a name that is not among those known.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    match meant(name, known) {
        hint if hint.is_empty() => {
            format!("is not a known field; known are {}", known.join(", "))
        }
        hint => format!("is not a known field{hint}"),
    }
}

/// `; did you mean …?` where one of the words is near.
pub(crate) fn meant(name: &str, known: &[&str]) -> String {
    let name = name.to_ascii_lowercase();
    let by_distance = known.iter().map(|word| (distance(&name, &word.to_ascii_lowercase()), word));
    match by_distance.min_by_key(|(distance, _)| *distance) {
        Some((far, word)) if far <= 1 + word.len() / 4 => format!("; did you mean `{word}`?"),
        _ => String::new(),
    }
}

/// How many letters must be put in, left out or changed to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (at, x) in a.chars().enumerate() {
        let mut left = at + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for ((y, diagonal), above) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, meant};

    #[test]
    fn words_that_are_near_are_proposed() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(meant("fliters", &["filters", "paging"]), "; did you mean `filters`?");
        assert_eq!(meant("Paging", &["filters", "paging"]), "; did you mean `paging`?");
        assert_eq!(meant("colour", &["filters", "paging"]), "");
    }
}
