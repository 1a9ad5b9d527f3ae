//! Whole requests: Bulk is all or nothing per operation, a cursor is ours or it is refused
//! (RFC 7644 §3.7, RFC 9865 §2).

use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use serde_json::{Value, json};

const TOKEN: &str = "fuzz-token-0123456789";
const START_MS: u64 = 1_700_000_000_000;

/// A service in memory.
pub struct Harness {
    service: Service<Memory, VirtualClock, Seeded>,
    clock: VirtualClock,
}

impl Harness {
    /// A service with this configuration.
    pub fn new(config: &str) -> Self {
        let config = Config::parse(config).and_then(|config| config.with_token(TOKEN));
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let clock = VirtualClock::new(START_MS);
        let service = Service::new(config, Memory::new(), clock.clone(), Seeded::new(1));
        Self { service, clock }
    }

    /// Status and body of the answer to a request below `/scim/v2`.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.send_bytes(method, path, body.map(|body| body.to_string().into_bytes()))
    }

    fn send_bytes(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> (u16, Value) {
        let bearer = format!("Bearer {TOKEN}");
        let headers: [(&str, &[u8]); 3] = [
            ("host", b"scim.example"),
            ("authorization", bearer.as_bytes()),
            ("content-type", b"application/scim+json"),
        ];
        let target = format!("/scim/v2{path}");
        let head = Head { method, target: &target, headers: &headers };
        self.clock.advance(1);
        let body = body.unwrap_or_default();
        let outcome = pollster::block_on(self.service.handle(head, async |_| Ok(body)));
        assert!((200..600).contains(&outcome.status) && outcome.status != 500, "{outcome:?}");
        if outcome.body.is_empty() {
            return (outcome.status, Value::Null);
        }
        let body = serde_json::from_slice::<Value>(&outcome.body)
            .unwrap_or_else(|error| panic!("the answer is no JSON: {error}"));
        if outcome.status >= 400 {
            assert_eq!(body["status"].as_str(), Some(&*outcome.status.to_string()));
        }
        (outcome.status, body)
    }

    /// Everything that there is.
    fn everything(&self) -> Value {
        let (status, list) = self.send("GET", "/?count=200", None);
        assert_eq!(status, 200);
        list
    }
}

/// The body of a request to `/Bulk`.
pub fn bulk(data: &[u8]) {
    let service = Harness::new("{}");
    for name in ["u1", "u2"] {
        let (status, _) = service.send("POST", "/Users", Some(&json!({"userName": name})));
        assert_eq!(status, 201);
    }
    let before = service.everything();
    let (status, answer) = service.send_bytes("POST", "/Bulk", Some(data.to_vec()));
    if status != 200 {
        assert_eq!(service.everything(), before, "a refused request changed something");
        return;
    }
    let results = answer["Operations"].as_array().map_or(&[][..], Vec::as_slice);
    let mut changed = false;
    for result in results {
        let status = result["status"].as_str().and_then(|status| status.parse::<u16>().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {result}"));
        assert!((200..600).contains(&status) && status != 500);
        if status >= 400 {
            assert_eq!(result["response"]["status"], result["status"]);
        } else {
            changed = true;
        }
        if status == 201 {
            let location = result["location"].as_str().unwrap_or_default();
            let path = location.strip_prefix("http://scim.example/scim/v2").unwrap_or_default();
            // What was created can be deleted by a later operation.
            assert!(matches!(service.send("GET", path, None).0, 200 | 404), "{location}");
        }
    }
    if !changed {
        assert_eq!(service.everything(), before, "failed operations changed something");
    }
}

/// A cursor as it comes, and a cursor of ours that was changed.
pub fn cursor(data: &[u8]) {
    let service = Harness::new("{}");
    for name in ["u1", "u2", "u3"] {
        let (status, _) = service.send("POST", "/Users", Some(&json!({"userName": name})));
        assert_eq!(status, 201);
    }
    let (status, first) = service.send("GET", "/Users?cursor=&count=1", None);
    let ours = first["nextCursor"].as_str().map(str::to_owned);
    let is_served = status == 200 && ours.is_some();
    let text = String::from_utf8_lossy(data).into_owned();
    let (status, found) = service.send("GET", &format!("/Users?{}", encoded(&text)), None);
    if is_served && !text.trim().is_empty() {
        assert_eq!(status, 400, "a cursor that we did not make: {found}");
    }
    let search = json!({"cursor": text, "count": 1});
    service.send("POST", "/Users/.search", Some(&search));
    let Some(ours) = ours else { return };
    let mut bytes = ours.clone().into_bytes();
    for pair in data.chunks_exact(2) {
        let [at, flip] = pair else { continue };
        let at = usize::from(*at) % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = b'!' + (byte.wrapping_add(*flip) % 94);
        }
    }
    let changed = String::from_utf8_lossy(&bytes).into_owned();
    let (status, _) = service.send("GET", &format!("/Users?count=1&{}", encoded(&changed)), None);
    assert_eq!(status, if changed == ours { 200 } else { 400 }, "{changed}");
}

fn encoded(cursor: &str) -> String {
    let hex: String = cursor.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("cursor={hex}")
}
