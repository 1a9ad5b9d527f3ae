//! One way from a request as sent to the answer, over a stub.

use core::cell::{Cell, RefCell};

use scim_core::dialect::Dialect;
use scim_core::port::http::{NoReply, Reply};
use scim_core::port::{Clock, Upstream, upstream};
use scim_core::protocol::Notes;
use scim_core::protocol::limits::Limits;
use scim_core::protocol::route::Bases;
use scim_core::schema::Catalog;
use scim_core::upstream::{Answer, Bounds, Gateway, Policy, Profile, Sent};
use serde_json::Value;

use crate::stubs::{self, Asked, Stub, TOKEN};

pub(crate) const ORIGIN: &str = "https://gate.example";

/// A clock that moves by ten milliseconds whenever it is read.
pub(crate) struct Ticking(Cell<u64>);

impl Clock for Ticking {
    fn now_ms(&self) -> u64 {
        self.0.set(self.0.get() + 10);
        self.0.get()
    }

    async fn sleep_ms(&self, ms: u64) {
        self.0.set(self.0.get() + ms);
    }
}

pub(crate) fn clock() -> Ticking {
    Ticking(Cell::new(1_700_000_000_000))
}

/// An application behind the gateway.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) stub: RefCell<Box<dyn Stub>>,
    pub(crate) calls: Cell<usize>,
    /// From this call on nothing answers.
    pub(crate) dies_at: Cell<usize>,
}

impl Upstream for World {
    async fn send(&self, request: upstream::Request, _: u64, _: usize) -> Result<Reply, NoReply> {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() >= self.dies_at.get() {
            return Err(NoReply);
        }
        let mut headers: Vec<(String, String)> =
            request.headers.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        headers.push(("authorization".into(), format!("Bearer {TOKEN}")));
        let asked = Asked {
            method: request.method,
            target: &request.target,
            headers: &headers,
            body: &request.body,
        };
        let said = self.stub.borrow_mut().answer(&asked);
        let headers = said.headers.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Ok(Reply { status: said.status, headers, body: said.body })
    }
}

/// Where the stubs have their SCIM root.
pub(crate) fn root(profile: &str) -> &'static str {
    match profile {
        "bitwarden" => "/v2/org",
        "openproject" => "/scim_v2",
        "authentik-source" => "/source/scim/test/v2",
        _ => "/scim/v2",
    }
}

pub(crate) fn gateway(profile: &Value, root: &str) -> Gateway {
    Gateway {
        profile: Profile::from_json(profile).expect("the profile is right"),
        catalog: Catalog::default(),
        limits: Limits::default(),
        mapping: None,
        root: root.into(),
        policy: Policy::default(),
        bounds: Bounds::default(),
    }
}

pub(crate) fn world(profile: &str) -> World {
    World {
        gateway: gateway(&profile.into(), root(profile)),
        stub: RefCell::new(stubs::stub(profile).expect("there is a stub of it")),
        calls: Cell::new(0),
        dies_at: Cell::new(usize::MAX),
    }
}

/// Sends a request through the gateway, as `dialect` would.
pub(crate) fn send<U: Upstream>(
    gateway: &Gateway,
    upstream: &U,
    dialect: Option<&str>,
    (method, target): (&str, &str),
    headers: &[(String, String)],
    body: &Value,
) -> Answer {
    let body = match body {
        Value::Null => Vec::new(),
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    };
    let named = dialect.map(|name| Dialect::from_name(name).expect("a dialect"));
    let sent = Sent { method, target, headers, body: &body, dialect: named, origin: ORIGIN };
    let bases = Bases::parse(&["/scim/v2"]).expect("a base");
    match gateway.receive(&bases, &sent, &mut Notes::default()) {
        Ok(request) => pollster::block_on(gateway.handle(upstream, &clock(), &request)),
        Err(error) => error.into(),
    }
}

impl World {
    pub(crate) fn send(&self, dialect: &str, line: &str, body: &Value) -> Answer {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let target = format!("/scim/v2{path}");
        self.calls.set(0);
        let answer = send(&self.gateway, self, Some(dialect), (method, &target), &[], body);
        check_form(&answer);
        answer
    }

    /// Sends what must be done, and gives the body of the answer.
    pub(crate) fn done(&self, dialect: &str, line: &str, body: &Value) -> Value {
        let answer = self.send(dialect, line, body);
        assert!((200..300).contains(&answer.status), "{line}: {answer:?}");
        answer.body.unwrap_or_default()
    }

    /// Creates a user and gives its id.
    pub(crate) fn user(&self, name: &str) -> String {
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": format!("{name}@mill.example"),
            "externalId": format!("ext-{name}"),
            "name": {"givenName": "A", "familyName": name},
            "emails": [{"value": format!("{name}@mill.example"), "type": "work", "primary": true}],
            "active": true,
        });
        id(&self.done("rfc", "POST /Users", &body))
    }

    pub(crate) fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> =
            members.iter().map(|id| serde_json::json!({"value": id})).collect();
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name, "externalId": format!("ext-{name}"), "members": members,
        });
        id(&self.done("rfc", "POST /Groups", &body))
    }

    /// The members that the application itself keeps.
    pub(crate) fn members(&self) -> Vec<String> {
        let stub = self.stub.borrow();
        let kept = stub.kept("groups").first().and_then(|group| group.get("members")).cloned();
        let kept = kept.and_then(|members| members.as_array().cloned()).unwrap_or_default();
        let id = |member: &Value| {
            member.as_str().or_else(|| member["value"].as_str()).unwrap_or_default().to_owned()
        };
        kept.iter().map(id).collect()
    }

    /// What the application itself keeps of its first user.
    pub(crate) fn kept(&self, name: &str) -> Value {
        let stub = self.stub.borrow();
        stub.kept("users").first().and_then(|user| user.get(name)).cloned().unwrap_or_default()
    }
}

pub(crate) fn id(resource: &Value) -> String {
    resource["id"].as_str().expect("a resource has an id").to_owned()
}

/// What holds of every answer, whatever the application said.
fn check_form(answer: &Answer) {
    let text = answer.body.as_ref().map(Value::to_string).unwrap_or_default();
    for inner in ["internal", "Exception", "NoMethodError", "<html", TOKEN] {
        assert!(!text.contains(inner), "{inner} leaks: {text}");
    }
    for (name, value) in &answer.headers {
        assert!(!value.contains("internal"), "{name} leaks");
    }
    let Some(body) = &answer.body else { return };
    if answer.status >= 400 {
        assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
        assert_eq!(body["status"], answer.status.to_string());
        assert!(body["detail"].is_string());
    } else if body["Resources"].is_array() {
        let resources = body["Resources"].as_array().map_or(0, Vec::len);
        assert_eq!(body["itemsPerPage"], resources);
        assert!(body["totalResults"].is_u64() && body["startIndex"].is_u64());
    } else if let Some(location) = body["meta"]["location"].as_str() {
        assert!(location.starts_with(ORIGIN), "{location}");
    }
}
