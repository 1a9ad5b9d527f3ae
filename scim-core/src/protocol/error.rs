//! Errors as a client sees them: status, `scimType` and detail (RFC 7644 §3.12).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Value, json};

use super::urn;

/// The error keywords of RFC 7644 §3.12 (table 9) and RFC 9865 §2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScimType {
    /// The filter's syntax is wrong, or it compares what cannot be compared.
    InvalidFilter,
    /// The filter yields more than the server is willing to work through.
    TooMany,
    /// A value that must be unique is taken.
    Uniqueness,
    /// The attribute cannot be changed as asked.
    Mutability,
    /// The body is no JSON, or not of the message's shape.
    InvalidSyntax,
    /// The path of a PATCH operation is malformed or names nothing known.
    InvalidPath,
    /// The path of a PATCH operation selects nothing.
    NoTarget,
    /// A value is missing or has the wrong type.
    InvalidValue,
    /// The protocol version is not supported.
    InvalidVers,
    /// The request carries in its URI what must not stand there.
    Sensitive,
    /// The cursor is none of ours.
    InvalidCursor,
    /// The cursor is too old.
    ExpiredCursor,
    /// The page size is out of range.
    InvalidCount,
}

impl ScimType {
    /// All keywords, in the order of the RFCs' tables.
    pub const ALL: [Self; 13] = [
        Self::InvalidFilter,
        Self::TooMany,
        Self::Uniqueness,
        Self::Mutability,
        Self::InvalidSyntax,
        Self::InvalidPath,
        Self::NoTarget,
        Self::InvalidValue,
        Self::InvalidVers,
        Self::Sensitive,
        Self::InvalidCursor,
        Self::ExpiredCursor,
        Self::InvalidCount,
    ];

    /// The keyword of that name, in any letter case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }

    /// The keyword as it stands in the error body.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// Problems that one answer names.
pub const NAMED_PROBLEMS: usize = 5;
/// The status for an application whose answer makes no sense (RFC 9110 §15.6.3).
const BAD_GATEWAY: u16 = 502;

/// A refusal: what the client is told, and the headers that go with it.
///
/// The detail names attributes, positions and limits, never a value and never a credential.
///
/// ```
/// use scim_core::protocol::Error;
/// let error = Error::uniqueness("userName");
/// assert_eq!(error.status(), 409);
/// assert_eq!(error.to_json()["status"], "409");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: u16,
    scim_type: Option<ScimType>,
    detail: Cow<'static, str>,
    headers: Vec<(&'static str, String)>,
    reason: &'static str,
}

/// One constructor per row: name, status, `scimType`, reason for the audit line.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident = $status:literal $($kind:ident)?, $reason:literal;)*) => {
        impl Error {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(detail: impl Into<Cow<'static, str>>) -> Self {
                    let scim_type: Option<ScimType> = None $(.or(Some(ScimType::$kind)))?;
                    Self { status: $status, scim_type, detail: detail.into(), headers: Vec::new(), reason: $reason }
                }
            )*
        }
    };
}

rows! {
    /// 400 without a keyword: the request line, a header or a parameter is malformed.
    bad_request = 400, "bad_request";
    /// 400 `invalidFilter`.
    invalid_filter = 400 InvalidFilter, "invalid_filter";
    /// 400 `tooMany`.
    too_many = 400 TooMany, "too_many";
    /// 400 `mutability`.
    mutability = 400 Mutability, "mutability";
    /// 400 `invalidSyntax`.
    invalid_syntax = 400 InvalidSyntax, "invalid_syntax";
    /// 400 `invalidPath`.
    invalid_path = 400 InvalidPath, "invalid_path";
    /// 400 `noTarget`.
    no_target = 400 NoTarget, "no_target";
    /// 400 `invalidValue`.
    invalid_value = 400 InvalidValue, "invalid_value";
    /// 400 `invalidCursor` (RFC 9865 §2.1).
    invalid_cursor = 400 InvalidCursor, "invalid_cursor";
    /// 400 `expiredCursor` (RFC 9865 §2.1).
    expired_cursor = 400 ExpiredCursor, "expired_cursor";
    /// 400 `invalidCount` (RFC 9865 §2.1).
    invalid_count = 400 InvalidCount, "invalid_count";
    /// 403: known, but not allowed to do this.
    forbidden = 403, "forbidden";
    /// 404: nothing of that name here.
    not_found = 404, "not_found";
    /// 406: no media type that the client accepts is served.
    not_acceptable = 406, "not_acceptable";
    /// 409 `uniqueness` with a text of its own.
    conflict = 409 Uniqueness, "uniqueness";
    /// 409 without a keyword: a bulk operation refers to another one that failed (RFC 7644 §3.7.1).
    unresolved = 409, "unresolved";
    /// 412: a condition of the request does not hold (RFC 7644 §3.14).
    precondition_failed = 412, "precondition_failed";
    /// 415: the body's media type is not JSON.
    unsupported_media_type = 415, "unsupported_media_type";
    /// 413: the body or message is over a limit.
    payload_too_large = 413, "payload_too_large";
    /// 431: the request's header fields are over a limit.
    header_too_large = 431, "header_too_large";
    /// 500: our own fault.
    internal = 500, "internal";
    /// 501: SCIM knows it, this service does not.
    not_implemented = 501, "not_implemented";
}

impl Error {
    /// 409 `uniqueness`: the value of `attribute` is taken.
    #[must_use]
    pub fn uniqueness(attribute: &str) -> Self {
        Self::conflict(format!("a resource with the same `{attribute}` exists"))
    }

    /// 401 with a challenge (RFC 6750 §3). Outside it is always the same; `reason` is for the audit line.
    #[must_use]
    pub fn unauthorized(challenge: String, reason: &'static str) -> Self {
        let mut error = Self::bad_request("the request carries no valid credential");
        error.status = 401;
        error.reason = reason;
        error.headers.push(("www-authenticate", challenge));
        error
    }

    /// 403 with a challenge (RFC 6750 §3.1): the credential is good, and not for this.
    #[must_use]
    pub fn insufficient_scope(challenge: String) -> Self {
        let mut error = Self::forbidden("the credential does not permit this");
        error.reason = "insufficient_scope";
        error.headers.push(("www-authenticate", challenge));
        error
    }

    /// 429: more than the client's share. It may try again after `seconds`.
    #[must_use]
    pub fn too_many_requests(seconds: u64) -> Self {
        let mut error = Self::internal("too many requests");
        error.status = 429;
        error.reason = "too_many_requests";
        error.headers.push(("retry-after", seconds.to_string()));
        error
    }

    /// 405 with the methods that the path does have.
    #[must_use]
    pub fn method_not_allowed(allow: &str) -> Self {
        let mut error = Self::bad_request("the method is not allowed on this path");
        error.status = 405;
        error.reason = "method_not_allowed";
        error.headers.push(("allow", allow.to_string()));
        error
    }

    /// 503: try again after `seconds`.
    #[must_use]
    pub fn unavailable(detail: &'static str, seconds: u32) -> Self {
        let mut error = Self::internal(detail);
        error.status = 503;
        error.reason = "unavailable";
        error.headers.push(("retry-after", seconds.to_string()));
        error
    }

    /// One error that tells of all those that have the status and keyword of the first; `None` of
    /// none.
    #[must_use]
    pub fn joined(errors: Vec<Self>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        for other in errors {
            if (other.status, other.scim_type) == (first.status, first.scim_type) {
                first.detail = format!("{}; {}", first.detail, other.detail).into();
            }
        }
        Some(first)
    }

    /// What the application behind a gateway answered, in our words. A `status` that is no error's
    /// becomes 502.
    #[must_use]
    pub fn of_upstream(
        status: u16,
        scim_type: Option<ScimType>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let status = if (400..600).contains(&status) { status } else { BAD_GATEWAY };
        let detail = detail.into();
        Self { status, scim_type, detail, headers: Vec::new(), reason: "upstream" }
    }

    /// The same with a header field that goes with it.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The HTTP status: 4xx or 5xx.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The error keyword, where RFC 7644 has one.
    #[must_use]
    pub const fn scim_type(&self) -> Option<ScimType> {
        self.scim_type
    }

    /// The human-readable text.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The header fields that go with the answer: challenge, `allow`, `retry-after`.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// A short word for the audit line. It may say more than the client is told.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// The body of RFC 7644 §3.12; `status` is a string.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = json!({"schemas": [urn::ERROR], "status": self.status.to_string(), "detail": self.detail});
        if let (Some(kind), Some(object)) = (self.scim_type, body.as_object_mut()) {
            object.insert("scimType".into(), kind.as_str().into());
        }
        body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.status)?;
        if let Some(kind) = self.scim_type {
            write!(f, "{} ", kind.as_str())?;
        }
        f.write_str(&self.detail)
    }
}

impl core::error::Error for Error {}
