//! A SCIM client for the tests, and the vectors they read.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::path::PathBuf;

use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// The body as JSON; null if there is none.
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A client of one SCIM root.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

static UNIQUE: AtomicU64 = AtomicU64::new(0);

/// A name that no other case uses.
pub fn unique(prefix: &str) -> String {
    let (process, count) = (std::process::id(), UNIQUE.fetch_add(1, Ordering::Relaxed));
    format!("{prefix}.{process:x}.{count}@vectors.example")
}

impl Client {
    pub fn new(base: &str, token: Option<&str>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)))
            .allow_non_standard_methods(true)
            .build();
        Self { agent: config.into(), base: base.into(), token: token.map(Into::into) }
    }

    /// The same client with another credential.
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(Into::into), ..self.clone() }
    }

    /// Sends a request to a path below the SCIM root, with a JSON body if there is one.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let text = body.map(Value::to_string);
        self.send_text(method, path, headers, text.as_deref())
    }

    /// Sends a request with any body.
    pub fn send_text(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        self.try_send(method, path, headers, body).expect("the service answers")
    }

    /// Sends a request to a service that may be gone.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, ureq::Error> {
        let mut request =
            http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        let given = |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        if let (Some(token), false) = (&self.token, given("authorization")) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() && !given("content-type") {
            request = request.header("content-type", "application/scim+json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => self.agent.run(request.body(body.to_owned())?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_str().unwrap_or_default().to_owned()))
            .collect();
        let text = response.into_body().read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, body, text })
    }
}

/// All JSON files of a folder below `vectors/`: name and text.
pub fn vector_files(folder: &str) -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../vectors").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap_or_else(|error| panic!("{}: {error}", root.display()))
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no vectors in {}", root.display());
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("a vector can be read");
    let name = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("{folder}/{file}")
    };
    files.iter().map(|path| (name(path), read(path))).collect()
}
