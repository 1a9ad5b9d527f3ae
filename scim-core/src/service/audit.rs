//! The audit line: one JSON object per request, never a value and never a credential.

use alloc::string::{String, ToString};

use serde_json::json;

use crate::protocol::datetime;

/// What is known of a request when it is answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    pub(super) request_id: String,
    pub(super) client: Option<String>,
    pub(super) dialect: Option<&'static str>,
    pub(super) method: &'static str,
    pub(super) endpoint: String,
    pub(super) resource_id: Option<String>,
    pub(super) reason: Option<&'static str>,
}

impl Audit {
    /// The line; `started_ms` and `ended_ms` are times since 1970.
    pub(super) fn line(&self, status: u16, started_ms: u64, ended_ms: u64) -> String {
        json!({
            "time": datetime::format_ms(started_ms),
            "request": self.request_id,
            "client": self.client,
            "dialect": self.dialect,
            "method": self.method,
            "endpoint": self.endpoint,
            "id": self.resource_id,
            "status": status,
            "reason": self.reason,
            "ms": ended_ms.saturating_sub(started_ms),
        })
        .to_string()
    }

    /// A method's own name; clients can send any text as a method.
    pub(super) fn method(name: &str) -> &'static str {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        KNOWN.into_iter().find(|known| *known == name).unwrap_or("other")
    }
}
