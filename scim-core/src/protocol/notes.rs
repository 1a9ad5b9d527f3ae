//! What was understood in another way than it was written: a rule and the attribute that it
//! concerned, never a value. Notes go to the audit line.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use serde_json::{Value, json};

/// Notes kept of one request.
pub const MOST_NOTES: usize = 16;

/// A form that clients use and the RFCs do not ask for; docs/dialects.md explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A boolean came as text.
    BooleanAsText,
    /// A single value came in an array.
    ValueInArray,
    /// An element came without an array around it.
    ElementWithoutArray,
    /// A complex value came as its `value` alone.
    BareValue,
    /// An element came twice in one list.
    RepeatedElement,
    /// A key was a path to an attribute.
    PathAsKey,
    /// An attribute of an extension came without the extension's URN.
    ExtensionWithoutUrn,
    /// A read-only attribute was left out.
    ReadOnlyIgnored,
    /// An attribute that no schema defines was left out.
    UnknownIgnored,
    /// `schemas` named a schema that is not ours.
    ForeignSchema,
    /// `schemas` was missing.
    SchemasMissing,
    /// A name of SCIM 1.1 was used.
    Scim1Name,
    /// The `op` of a PATCH operation began with a capital letter.
    CapitalOp,
    /// Elements to remove were named by a list of values instead of a filter.
    RemoveByValue,
    /// There were more notes than are kept.
    More,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 15] = [
        Self::BooleanAsText,
        Self::ValueInArray,
        Self::ElementWithoutArray,
        Self::BareValue,
        Self::RepeatedElement,
        Self::PathAsKey,
        Self::ExtensionWithoutUrn,
        Self::ReadOnlyIgnored,
        Self::UnknownIgnored,
        Self::ForeignSchema,
        Self::SchemasMissing,
        Self::Scim1Name,
        Self::CapitalOp,
        Self::RemoveByValue,
        Self::More,
    ];

    /// The name in audit lines.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::BooleanAsText => "boolean-as-text",
            Self::ValueInArray => "value-in-array",
            Self::ElementWithoutArray => "element-without-array",
            Self::BareValue => "bare-value",
            Self::RepeatedElement => "repeated-element",
            Self::PathAsKey => "path-as-key",
            Self::ExtensionWithoutUrn => "extension-without-urn",
            Self::ReadOnlyIgnored => "read-only-ignored",
            Self::UnknownIgnored => "unknown-ignored",
            Self::ForeignSchema => "foreign-schema",
            Self::SchemasMissing => "schemas-missing",
            Self::Scim1Name => "scim1-name",
            Self::CapitalOp => "capital-op",
            Self::RemoveByValue => "remove-by-value",
            Self::More => "more",
        }
    }
}

/// The notes of one request, each once, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    notes: Vec<(Rule, String)>,
}

impl Notes {
    /// Notes that `rule` was followed for the attribute at `path`; an empty path means the message.
    ///
    /// ```
    /// use scim_core::protocol::{Notes, Rule};
    /// let mut notes = Notes::default();
    /// notes.add(Rule::BooleanAsText, "active");
    /// assert_eq!(notes.to_json()[0]["rule"], "boolean-as-text");
    /// ```
    pub fn add(&mut self, rule: Rule, path: impl Display) {
        if self.notes.len() > MOST_NOTES {
            return;
        }
        let note = (rule, path.to_string());
        if !self.notes.contains(&note) {
            let fits = self.notes.len() < MOST_NOTES;
            self.notes.push(if fits { note } else { (Rule::More, String::new()) });
        }
    }

    /// Whether nothing was noted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// An array of objects with `rule` and, where it concerned an attribute, `path`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let one = |(rule, path): &(Rule, String)| {
            let rule = rule.id();
            if path.is_empty() {
                json!({"rule": rule})
            } else {
                json!({"rule": rule, "path": path})
            }
        };
        self.notes.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{MOST_NOTES, Notes, Rule};

    #[test]
    fn a_note_is_made_once_and_the_list_is_bounded() {
        let mut notes = Notes::default();
        notes.add(Rule::CapitalOp, "");
        notes.add(Rule::CapitalOp, "");
        assert_eq!(notes.to_json().to_string(), r#"[{"rule":"capital-op"}]"#);
        for number in 0..100 {
            notes.add(Rule::UnknownIgnored, number);
        }
        let listed = notes.to_json();
        assert_eq!(listed.as_array().unwrap().len(), MOST_NOTES + 1);
        assert_eq!(listed[MOST_NOTES]["rule"], "more");
    }
}
