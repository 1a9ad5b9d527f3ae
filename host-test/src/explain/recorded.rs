//! An application that answers what was recorded, or what one could answer.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use scim_core::port::http::{NoReply, Reply};
use scim_core::port::upstream::{Request, Upstream};
use scim_core::upstream::Gateway;
use serde::Deserialize;
use serde_json::{Value, json};

/// One answer of a recording.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
}

/// The application of an explanation.
pub(crate) struct Recorded {
    /// Answers that are left; `None` imagines them.
    answers: Option<RefCell<Vec<Recording>>>,
    list_key: String,
    /// The paths of groups: their resources have other attributes.
    groups: String,
    /// Calls and their answers.
    pub(crate) calls: RefCell<Vec<Value>>,
}

impl Recorded {
    /// The recording in a file; without one, an imagined application.
    ///
    /// # Errors
    ///
    /// When the file is no recording.
    pub(crate) fn open(file: Option<&PathBuf>, gateway: &Gateway) -> anyhow::Result<Self> {
        let read = |file: &PathBuf| -> anyhow::Result<RefCell<Vec<Recording>>> {
            let text = fs::read_to_string(file).context("cannot read the recorded answers")?;
            let mut all: Vec<Recording> =
                serde_json::from_str(&text).context("the recorded answers have another form")?;
            all.reverse();
            Ok(RefCell::new(all))
        };
        Ok(Self {
            answers: file.map(read).transpose()?,
            list_key: gateway.profile.list_key.clone(),
            groups: format!("/{}", gateway.profile.path("Groups")),
            calls: RefCell::default(),
        })
    }

    fn answer(&self, request: &Request) -> Option<Recording> {
        match &self.answers {
            Some(answers) => answers.borrow_mut().pop(),
            None => Some(self.imagined(request)),
        }
    }

    /// Nothing is found in lists, what is asked for by its id is there, what is written is kept.
    fn imagined(&self, request: &Request) -> Recording {
        let path = request.target.split('?').next().unwrap_or_default();
        let is_group = path.contains(&self.groups);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let id = path.rsplit('/').next().unwrap_or_default();
        let (status, body) = match request.method {
            "GET" if request.target.contains('?') => {
                (200, json!({"totalResults": 0, self.list_key.as_str(): []}))
            }
            "GET" if is_group => (200, json!({"id": id, "displayName": "Some group"})),
            "GET" => (200, json!({"id": id, "userName": "someone@example.com", "active": true})),
            "POST" => {
                let mut kept = body;
                if let Some(kept) = kept.as_object_mut() {
                    kept.insert("id".into(), "1".into());
                }
                (201, kept)
            }
            "PUT" => (200, body),
            _ => (204, Value::Null),
        };
        Recording { status, headers: BTreeMap::new(), body }
    }
}

impl Upstream for Recorded {
    async fn send(&self, request: Request, _: u64, _: usize) -> Result<Reply, NoReply> {
        let answer = self.answer(&request);
        let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let headers: BTreeMap<&str, &str> =
            request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.calls.borrow_mut().push(json!({
            "method": request.method,
            "path": request.target,
            "headers": headers,
            "body": sent,
            "status": answer.as_ref().map(|answer| answer.status),
            "answer": answer.as_ref().map(|answer| &answer.body),
        }));
        let Recording { status, headers, body } = answer.ok_or(NoReply)?;
        let body = match body {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            other => other.to_string().into_bytes(),
        };
        let headers =
            headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        Ok(Reply { status, headers, body })
    }
}
