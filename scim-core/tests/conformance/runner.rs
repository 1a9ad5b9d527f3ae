//! Runs `vectors/patch`, `vectors/service*` and `vectors/rfc` against the service in memory.

use std::collections::BTreeMap;
use std::fs;

use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};

use super::common::{Answer, Case, File, PatchCase, Subject, run_case, run_patch};
use super::vectors;

const TOKEN: &str = "conformance-token-0123456789";
const BASE: &str = "/scim/v2";

/// The service in memory, and its clock.
struct InMemory {
    service: Service<Memory, VirtualClock, Seeded>,
    clock: VirtualClock,
}

/// Runs one file: the result of each case by its name.
pub(crate) fn run(folder: &str, file: &str) -> BTreeMap<String, Result<(), String>> {
    let text = vectors(&format!("{folder}/{file}.json"));
    let mut results = BTreeMap::new();
    let mut put = |name: String, proves: &[String], result| {
        assert!(!proves.is_empty(), "{folder}/{file}: `{name}` proves nothing");
        let twice = results.insert(name, result).is_some();
        assert!(!twice, "{folder}/{file}: two cases of one name");
    };
    let subject = InMemory::new(folder);
    if folder == "patch" {
        let file: File<PatchCase> = serde_json::from_str(&text).unwrap();
        for (number, case) in file.cases.into_iter().enumerate() {
            let result = run_patch(&subject, &case, &format!("user-{number}"));
            put(case.name, &case.proves, result);
        }
        return results;
    }
    let cases: File<Case> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{folder}/{file}: {error}"));
    for (number, case) in cases.cases.into_iter().enumerate() {
        // Text that no other case has, and that is in none of them as a part.
        let unique = format!("c{number:03}-{}", &TOKEN[..11]);
        put(case.name.clone(), &case.proves, run_case(&subject, &case, &unique));
    }
    results
}

impl InMemory {
    /// `service_x` asks for a service with the configuration `vectors/config/x.json`.
    fn new(folder: &str) -> Self {
        let config = folder.strip_prefix("service_").map_or_else(String::new, |name| {
            let path = super::root().join(format!("config/{name}.json"));
            fs::read_to_string(path).unwrap()
        });
        let config = Config::parse(&config).and_then(|config| config.with_token(TOKEN));
        let config = config.unwrap_or_else(|error| panic!("{folder}: {error}"));
        let clock = VirtualClock::new(1_700_000_000_000);
        let service = Service::new(config, Memory::new(), clock.clone(), Seeded::new(1));
        Self { service, clock }
    }
}

impl Subject for InMemory {
    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<&str>,
    ) -> Answer {
        let mut fields = BTreeMap::from([
            ("authorization".to_owned(), format!("Bearer {TOKEN}")),
            ("host".to_owned(), "scim.example".to_owned()),
        ]);
        if body.is_some() {
            fields.insert("content-type".to_owned(), "application/scim+json".to_owned());
        }
        for (name, value) in headers {
            fields.insert(name.to_ascii_lowercase(), value.clone());
        }
        let fields: Vec<(&str, &[u8])> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let target = format!("{BASE}{path}");
        let head = Head { method, target: &target, headers: &fields };
        let body = body.unwrap_or_default().as_bytes().to_vec();
        self.clock.advance(1);
        let outcome = pollster::block_on(self.service.handle(head, async |_| Ok(body)));
        let body = serde_json::from_slice(&outcome.body).unwrap_or_default();
        let headers = outcome.headers.into_iter().map(|(name, v)| (name.to_owned(), v)).collect();
        Answer { status: outcome.status, headers, body, audit: outcome.audit }
    }

    fn token(&self) -> &str {
        TOKEN
    }
}
