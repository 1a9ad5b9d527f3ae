//! The audit line: one JSON object per request, never a value and never a credential.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::protocol::{Notes, datetime};
use crate::store::keys::ResourceId;

/// Operations of a Bulk request that its line lists; it counts them all.
const LISTED_OPERATIONS: usize = 100;

/// What is known of a request when it is answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    pub(super) request_id: String,
    pub(super) tenant: Option<String>,
    pub(super) client: Option<String>,
    pub(super) dialect: Option<&'static str>,
    pub(super) method: &'static str,
    pub(super) endpoint: String,
    pub(super) resource_id: Option<String>,
    pub(super) reason: Option<&'static str>,
    pub(super) notes: Notes,
    /// What became of the operations of a Bulk request.
    pub(super) bulk: Option<Operations>,
}

/// The operations of a Bulk request, as far as they were carried out.
#[derive(Clone, Debug, Default)]
pub(super) struct Operations {
    listed: Vec<Value>,
    done: usize,
    failed: usize,
}

impl Operations {
    /// Notes one operation; `target` is the endpoint and the resource, where they are known.
    pub(super) fn add(
        &mut self,
        method: &'static str,
        target: Option<(&str, ResourceId)>,
        status: u16,
    ) {
        self.done += 1;
        self.failed += usize::from(status >= 400);
        if self.listed.len() < LISTED_OPERATIONS {
            let endpoint = target.map(|(endpoint, _)| endpoint);
            let id = target.map(|(_, id)| id.to_text());
            let one = json!({"method": method, "endpoint": endpoint, "id": id, "status": status});
            self.listed.push(one);
        }
    }
}

impl Audit {
    /// The line; `started_ms` and `ended_ms` are times since 1970.
    pub(super) fn line(&self, status: u16, started_ms: u64, ended_ms: u64) -> String {
        let mut line = json!({
            "time": datetime::format_ms(started_ms),
            "request": self.request_id,
            "tenant": self.tenant,
            "client": self.client,
            "dialect": self.dialect,
            "method": self.method,
            "endpoint": self.endpoint,
            "id": self.resource_id,
            "status": status,
            "reason": self.reason,
            "ms": ended_ms.saturating_sub(started_ms),
        });
        let bulk = self.bulk.as_ref().map(
            |bulk| json!({"done": bulk.done, "failed": bulk.failed, "operations": bulk.listed}),
        );
        let notes = (!self.notes.is_empty()).then(|| self.notes.to_json());
        if let Some(object) = line.as_object_mut() {
            object.extend(bulk.map(|bulk| ("bulk".into(), bulk)));
            object.extend(notes.map(|notes| ("notes".into(), notes)));
        }
        line.to_string()
    }

    /// A method's own name; clients can send any text as a method.
    pub(super) fn method(name: &str) -> &'static str {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        KNOWN.into_iter().find(|known| *known == name).unwrap_or("other")
    }
}
