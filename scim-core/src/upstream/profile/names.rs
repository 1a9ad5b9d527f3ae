//! Sets of attributes.

use alloc::string::String;
use alloc::vec::Vec;

/// A set of attributes by their names: `name` holds `name.familyName` as well, `*` holds all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    pub(super) const fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds every attribute.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.iter().any(|name| name == "*")
    }

    /// Whether it holds the attribute of that name (`members`, `name.familyName`), in any letter
    /// case.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let covers = |own: &String| {
            let own = own.as_str();
            let head = name.get(..own.len()).is_some_and(|head| head.eq_ignore_ascii_case(own));
            own == "*" || head && matches!(name.as_bytes().get(own.len()), None | Some(b'.' | b':'))
        };
        self.0.iter().any(covers)
    }

    /// The names as they were given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
