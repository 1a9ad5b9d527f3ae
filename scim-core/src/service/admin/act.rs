//! What an administrator asks for.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::auth;
use crate::protocol::Error;
use crate::protocol::json::Object;
use crate::protocol::query::parameter;
use crate::service::audit::Audit;

/// A request of the administrator.
pub(super) struct Act<'a> {
    pub(super) audit: &'a Audit,
    pub(super) body: Object,
    pub(super) query: Vec<(String, String)>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(super) now_s: u64,
    /// Scheme and authority that clients see.
    pub(super) origin: String,
}

impl Act<'_> {
    /// Refuses fields that mean nothing.
    ///
    /// # Errors
    /// 400 with the names that are known.
    pub(super) fn check_fields(&self, known: &[&str]) -> Result<(), Error> {
        if self.body.keys().all(|key| known.contains(&key.as_str())) {
            return Ok(());
        }
        let known = known.join(", ");
        Err(Error::invalid_value(format!("a field is unknown; known are {known}")))
    }

    /// Whether the administrator insists.
    pub(super) fn is_forced(&self) -> bool {
        parameter(&self.query, "force") == Some("true")
    }

    /// A date of the body in seconds since 1970.
    ///
    /// # Errors
    /// 400 if it is none.
    pub(super) fn date(&self, name: &str) -> Result<Option<u64>, Error> {
        let wrong = || Error::invalid_value(format!("`{name}` must be a date and time"));
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => auth::seconds_of(text).map(Some).ok_or_else(wrong),
            Some(_) => Err(wrong()),
        }
    }

    /// A name of the body.
    ///
    /// # Errors
    /// 400 if it is missing or no text.
    pub(super) fn name(&self) -> Result<String, Error> {
        let name = self.body.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| Error::invalid_value("`name` is missing"))?;
        // It becomes a segment of a path.
        if name.contains('/') {
            return Err(Error::invalid_value("`name` may not hold a slash"));
        }
        Ok(name.to_owned())
    }
}
