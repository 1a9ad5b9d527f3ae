//! What each identity provider really sends, told apart and made canonical.
//!
//! The rules that hold for every client (booleans as strings, odd letter case, dotted keys) stand in
//! [`crate::resource`]; here stands only where one client means something else than another.

mod canonicalize;
mod legacy;
mod modification;

pub use canonicalize::{canonicalize_body, check_understood};
pub use legacy::modernize;
pub use modification::modification;

use crate::protocol::patch::Operation;
use crate::resource::patch::Leniency;

/// An identity provider's way of speaking SCIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 7643 and RFC 7644 to the letter.
    Rfc,
    /// Microsoft Entra ID.
    Entra,
    /// Okta.
    Okta,
    /// JumpCloud.
    JumpCloud,
    /// Keycloak with a SCIM plugin.
    Keycloak,
    /// authentik.
    Authentik,
    /// OneLogin.
    OneLogin,
    /// PingOne and PingFederate.
    PingOne,
    /// Google Workspace.
    Google,
}

const NAMES: [(&str, Dialect); 9] = [
    ("rfc", Dialect::Rfc),
    ("entra", Dialect::Entra),
    ("okta", Dialect::Okta),
    ("jumpcloud", Dialect::JumpCloud),
    ("keycloak", Dialect::Keycloak),
    ("authentik", Dialect::Authentik),
    ("onelogin", Dialect::OneLogin),
    ("pingone", Dialect::PingOne),
    ("google", Dialect::Google),
];

impl Dialect {
    /// The dialect of that name in a configuration; `auto` and unknown names have none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, dialect)| *dialect)
    }

    /// All names, for messages and help texts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The name in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, dialect)| *dialect == self).map_or("rfc", |(name, _)| name)
    }

    /// Tells a client by header fields that it alone sends (names in lower case).
    pub fn of_headers<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Option<Self> {
        let mut found = None;
        for (name, value) in headers {
            match name {
                "adscimversion" => return Some(Self::Entra),
                "user-agent" if value.starts_with(b"Okta") || value.starts_with(b"OKTA") => {
                    found = Some(Self::Okta);
                }
                "user-agent" if value.starts_with(b"authentik@") => found = Some(Self::Authentik),
                _ => {}
            }
        }
        found
    }

    /// Tells a client by the PATCH that it sent.
    #[must_use]
    pub fn of_patch(operations: &[Operation]) -> Option<Self> {
        operations.iter().any(|operation| operation.capitalised).then_some(Self::Entra)
    }

    /// How PATCH is read where this dialect and the RFC contradict each other.
    #[must_use]
    pub const fn leniency(self) -> Leniency {
        Leniency {
            replace_creates: matches!(self, Self::Entra),
            remove_all_members: matches!(self, Self::Rfc | Self::Keycloak),
        }
    }

    /// Whether a PATCH of a resource at this endpoint is answered by 204 instead of the resource.
    #[must_use]
    pub fn patch_answers_empty(self, endpoint: &str) -> bool {
        self == Self::Entra && endpoint == "Groups"
    }
}
