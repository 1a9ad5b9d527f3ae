//! Reading the members of one JSON object of a definition, with their paths.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::{DefinitionError, NAME_BYTES, TEXT_BYTES};
use crate::protocol::json::Object;
use crate::protocol::path::AttrPath;

/// One object and where it stands.
pub(super) struct Fields<'a> {
    object: &'a Object,
    at: String,
}

impl<'a> Fields<'a> {
    /// The object that `value` must be, without members of other names than `known`.
    pub(super) fn new(
        value: &'a Value,
        at: String,
        known: &[&str],
    ) -> Result<Self, DefinitionError> {
        let Value::Object(object) = value else {
            return Err(DefinitionError::new(at, "must be an object"));
        };
        match object.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => {
                let shown = key.chars().filter(|c| !c.is_control()).take(NAME_BYTES);
                Err(DefinitionError::new(
                    format!("{at}.{}", shown.collect::<String>()),
                    format!("is not a known field; known are {}", known.join(", ")),
                ))
            }
            None => Ok(Self { object, at }),
        }
    }

    /// The path of a member.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.at)
    }

    /// The refusal of a member.
    pub(super) fn wrong(&self, name: &str, message: impl Into<String>) -> DefinitionError {
        DefinitionError::new(self.path(name), message)
    }

    /// Whether the member is there. A null is as good as nothing.
    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, DefinitionError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= TEXT_BYTES => Ok(Some(text)),
            Some(Value::String(_)) => {
                Err(self.wrong(name, format!("is longer than {TEXT_BYTES} bytes")))
            }
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    pub(super) fn needed_text(&self, name: &str) -> Result<&'a str, DefinitionError> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.wrong(name, "is missing")),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, DefinitionError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    /// The member as one of the words of a table.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, DefinitionError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let known = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        known.map(Some).ok_or_else(|| {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(name, format!("must be one of {}", all.join(", ")))
        })
    }

    /// The elements of an array of at most `most`; none if there is no array.
    pub(super) fn array(&self, name: &str, most: usize) -> Result<&'a [Value], DefinitionError> {
        match self.value(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) if items.len() <= most => Ok(items),
            Some(Value::Array(_)) => Err(self.wrong(name, format!("holds more than {most}"))),
            Some(_) => Err(self.wrong(name, "must be an array")),
        }
    }

    /// The elements of an array of texts that are not empty and not the same.
    pub(super) fn texts(
        &self,
        name: &str,
        most: usize,
    ) -> Result<Vec<Cow<'static, str>>, DefinitionError> {
        let mut texts: Vec<Cow<'static, str>> = Vec::new();
        for (at, item) in self.array(name, most)?.iter().enumerate() {
            let wrong = |message: &str| Err(DefinitionError::new(self.element(name, at), message));
            match item.as_str() {
                None => return wrong("must be a string"),
                Some("") => return wrong("is empty"),
                Some(text) if text.len() > TEXT_BYTES => return wrong("is too long"),
                Some(text) if texts.iter().any(|known| *known == text) => {
                    return wrong("is there twice");
                }
                Some(text) => texts.push(Cow::Owned(text.into())),
            }
        }
        Ok(texts)
    }

    /// The path of an element of a member.
    pub(super) fn element(&self, name: &str, at: usize) -> String {
        format!("{}.{name}[{at}]", self.at)
    }

    /// The member as a name (RFC 7643 §2.1) that is not too long; `$ref` is one.
    pub(super) fn name(&self, field: &str) -> Result<&'a str, DefinitionError> {
        let text = self.needed_text(field)?;
        let is_name = AttrPath::parse(text)
            .is_ok_and(|path| path.urn.is_none() && path.sub.is_none() && path.name == text);
        if !is_name {
            let message = "must be a letter, and then letters, digits, `-` and `_`";
            return Err(self.wrong(field, message));
        }
        if text.len() > NAME_BYTES {
            return Err(self.wrong(field, format!("is longer than {NAME_BYTES} bytes")));
        }
        Ok(text)
    }
}
