//! Identity providers that compete and fail: seeded histories of SCIM requests on one thread.
//!
//! Some clients, on some instances, send requests to one tenant at once. The engine has the habits
//! of one of Spin's, any of its calls may fail, and a client may vanish in the middle. Each client
//! knows what it was told. In the end every resource is as some client was told, or as a request
//! without an answer left it, and every index says the same as the resources.
//!
//! `SCIM_SIM_HISTORIES` is the number of histories (300), `SCIM_SIM_SEED` runs a single one again.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Waker};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use scim_core::schema::Catalog;
use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Call, Engine, Fault, Memory, Seeded, VirtualClock};
use serde_json::{Value, json};

type TestService = Service<Memory, VirtualClock, Seeded>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

const TOKEN: &str = "token-for-the-tests";
/// Names that several users want.
const NAMES: u64 = 4;

/// A user as a client may find it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum User {
    Absent,
    Present { name: String, display: String, member: bool },
}

/// By `externalId`: the states in which a user may be, by what its client was told.
type Model = Rc<RefCell<BTreeMap<String, BTreeSet<User>>>>;

struct World {
    memory: Memory,
    clock: VirtualClock,
    random: Seeded,
    model: Model,
    group: String,
}

fn below(random: &Seeded, limit: u64) -> u64 {
    random.next() % limit
}

fn one_in(random: &Seeded, odds: u64) -> bool {
    odds > 0 && below(random, odds) == 0
}

async fn send(service: &TestService, method: &str, path: &str, body: Value) -> (u16, Value) {
    let target = format!("/scim/v2{path}");
    let authorization = format!("Bearer {TOKEN}");
    let headers: [(&str, &[u8]); 2] =
        [("authorization", authorization.as_bytes()), ("content-type", b"application/scim+json")];
    let head = Head { method, target: &target, headers: &headers };
    let body = async |_| Ok(body.to_string().into_bytes());
    let outcome = service.handle(head, body).await;
    (outcome.status, serde_json::from_slice(&outcome.body).unwrap_or_default())
}

async fn get(service: &TestService, path: &str) -> (u16, Value) {
    send(service, "GET", path, Value::Null).await
}

fn patch(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// One user's client: what it does, and what it knows.
struct Client {
    service: Rc<TestService>,
    random: Seeded,
    model: Model,
    group: String,
    external_id: String,
    id: Option<String>,
}

impl Client {
    /// Notes that a request is on its way which makes any of the possible states into another.
    fn sent(&self, change: impl Fn(&User) -> User) -> (BTreeSet<User>, BTreeSet<User>) {
        let mut model = self.model.borrow_mut();
        let before = model.entry(self.external_id.clone()).or_default().clone();
        let after: BTreeSet<User> = before.iter().map(change).collect();
        model.insert(self.external_id.clone(), before.union(&after).cloned().collect());
        (before, after)
    }

    /// Notes the answer. Only a status of 5xx leaves open what was done.
    fn answered(&self, status: u16, (before, after): (BTreeSet<User>, BTreeSet<User>)) {
        let known = match status {
            200..300 => after,
            400..500 => before,
            _ => return,
        };
        self.model.borrow_mut().insert(self.external_id.clone(), known);
    }

    async fn run(mut self, requests: u64) {
        self.model.borrow_mut().insert(self.external_id.clone(), [User::Absent].into());
        for _ in 0..requests {
            let Some(id) = self.id.clone() else {
                if !self.create().await {
                    return;
                }
                continue;
            };
            match below(&self.random, 8) {
                0 => self.rename(&id).await,
                1 => self.delete(&id).await,
                2 | 3 => self.join(&id, true).await,
                4 => self.join(&id, false).await,
                _ => self.display(&id).await,
            }
            self.read(&id).await;
        }
    }

    fn name(&self) -> String {
        let number = below(&self.random, NAMES);
        if one_in(&self.random, 2) { format!("Name{number}") } else { format!("name{number}") }
    }

    /// Whether it is worth going on.
    async fn create(&mut self) -> bool {
        let name = if one_in(&self.random, 3) { self.name() } else { self.external_id.clone() };
        let created =
            User::Present { name: name.to_lowercase(), display: "new".to_owned(), member: false };
        let known = self.sent(|_| created.clone());
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name, "externalId": self.external_id, "displayName": "new",
            "emails": [{"value": format!("{}@example.com", self.external_id), "type": "work"}],
        });
        let (status, answer) = send(&self.service, "POST", "/Users", body).await;
        assert!(matches!(status, 201 | 409 | 500..), "POST: {status} {answer}");
        self.answered(status, known);
        self.id = answer["id"].as_str().map(str::to_owned).filter(|_| status == 201);
        status != 503
    }

    async fn change(&self, id: &str, operations: Value, change: impl Fn(&User) -> User) {
        let known = self.sent(change);
        let path = format!("/Users/{id}");
        let (status, answer) = send(&self.service, "PATCH", &path, patch(&operations)).await;
        assert!(matches!(status, 200 | 204 | 404 | 409 | 500..), "PATCH: {status} {answer}");
        self.answered(status, known);
    }

    async fn display(&self, id: &str) {
        let text = format!("display {}", self.random.next());
        let operations = json!([{"op": "replace", "path": "displayName", "value": text}]);
        self.change(id, operations, |user| match user.clone() {
            User::Present { name, member, .. } => {
                User::Present { name, display: text.clone(), member }
            }
            User::Absent => User::Absent,
        })
        .await;
    }

    async fn rename(&self, id: &str) {
        let wanted = self.name();
        let operations = json!([{"op": "replace", "value": {"userName": wanted}}]);
        self.change(id, operations, |user| match user.clone() {
            User::Present { display, member, .. } => {
                User::Present { name: wanted.to_lowercase(), display, member }
            }
            User::Absent => User::Absent,
        })
        .await;
    }

    async fn delete(&self, id: &str) {
        let known = self.sent(|_| User::Absent);
        let (status, _) = send(&self.service, "DELETE", &format!("/Users/{id}"), Value::Null).await;
        assert!(matches!(status, 204 | 404 | 500..), "DELETE: {status}");
        self.answered(if status == 404 { 204 } else { status }, known);
    }

    async fn join(&self, id: &str, member: bool) {
        let known = self.sent(|user| match user.clone() {
            User::Present { name, display, .. } => User::Present { name, display, member },
            User::Absent => User::Absent,
        });
        let operations = if member {
            json!([{"op": "add", "path": "members", "value": [{"value": id}]}])
        } else {
            json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}])
        };
        let path = format!("/Groups/{}", self.group);
        let (status, answer) = send(&self.service, "PATCH", &path, patch(&operations)).await;
        // To add a user that was deleted is refused.
        assert!(matches!(status, 200 | 204 | 400 | 500..), "PATCH: {status} {answer}");
        self.answered(status, known);
    }

    /// Reads what it has written: a state that it knows to be possible.
    async fn read(&self, id: &str) {
        let possible = self.model.borrow()[&self.external_id].clone();
        let (status, user) = get(&self.service, &format!("/Users/{id}")).await;
        let found = match status {
            200 => present(&user, &self.group),
            404 => User::Absent,
            503 => return,
            _ => panic!("GET: {status} {user}"),
        };
        assert!(possible.contains(&found), "found {found:?}, possible {possible:?}");
    }
}

fn present(user: &Value, group: &str) -> User {
    let text = |name: &str| user[name].as_str().expect("text").to_owned();
    let groups = user["groups"].as_array().cloned().unwrap_or_default();
    User::Present {
        name: text("userName").to_lowercase(),
        display: text("displayName"),
        member: groups.iter().any(|member| member["value"] == *group),
    }
}

fn fault(call: Call, engine: Engine, odds: u64, random: &Seeded) -> Fault {
    if !one_in(random, odds) {
        return Fault::None;
    }
    let few = u32::try_from(below(random, 30)).expect("a small number");
    match (call, below(random, 5)) {
        // A replica that lags behind. Each client stays with its instance, and reads its writes.
        (Call::Get, 0 | 1) if engine == Engine::Dynamo => {
            Fault::Older(usize::try_from(below(random, 6)).expect("small"))
        }
        (Call::SetMany(length) | Call::DeleteMany(length), 0) if !engine.batches_are_whole() => {
            Fault::Half(usize::try_from(below(random, length as u64 + 1)).expect("small"))
        }
        (_, 0 | 1) => Fault::Refused,
        (_, 2) => Fault::ReplyLost,
        (_, 3) => Fault::Late(few),
        _ => Fault::Slow(few),
    }
}

impl World {
    fn service(&self) -> TestService {
        let config = Config::parse("{}").expect("a configuration");
        let config = config.with_token(TOKEN).expect("a token");
        let random = Seeded::new(self.random.next());
        Service::new(config, self.memory.clone(), self.clock.clone(), random)
    }

    /// Polls tasks in a random order until all have ended; some are dropped before.
    fn schedule(&self, mut tasks: Vec<Task>, crash: u64) {
        let mut context = Context::from_waker(Waker::noop());
        let mut steps = 0_u64;
        while !tasks.is_empty() {
            steps += 1;
            assert!(steps < 5_000_000, "the tasks do not end");
            if one_in(&self.random, 3) {
                self.clock.advance(1);
            }
            let chosen = usize::try_from(below(&self.random, tasks.len() as u64)).expect("small");
            if one_in(&self.random, crash) || tasks[chosen].as_mut().poll(&mut context).is_ready() {
                drop(tasks.swap_remove(chosen));
            }
        }
    }
}

fn history(seed: u64) {
    let random = Seeded::new(seed);
    let mut world = World {
        memory: Memory::new(),
        clock: VirtualClock::new(1_800_000_000_000),
        random: random.clone(),
        model: Rc::default(),
        group: String::new(),
    };
    let engine = Engine::ALL[usize::try_from(below(&random, 4)).expect("small")];
    world.memory.set_engine(engine);
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "all",
    });
    let (status, answer) = pollster::block_on(send(&world.service(), "POST", "/Groups", group));
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().expect("an id").clone_into(&mut world.group);

    let faults = Seeded::new(random.next());
    let odds = [0, 8, 30, 100][usize::try_from(below(&random, 4)).expect("small")];
    world.memory.set_plan(move |call| fault(call, engine, odds, &faults));
    world.memory.set_yields(true);
    let services: Vec<Rc<TestService>> =
        (0..=below(&random, 3)).map(|_| Rc::new(world.service())).collect();
    let tasks = (0..2 + below(&random, 6)).map(|number| -> Task {
        let service = &services[usize::try_from(number).expect("small") % services.len()];
        let client = Client {
            service: Rc::clone(service),
            random: Seeded::new(random.next()),
            model: Rc::clone(&world.model),
            group: world.group.clone(),
            external_id: format!("x-{number}"),
            id: None,
        };
        Box::pin(client.run(2 + below(&random, 5)))
    });
    let tasks = tasks.collect();
    world.schedule(tasks, if one_in(&random, 2) { 400 } else { 0 });
    drop(services);
    world.memory.set_yields(false);
    world.memory.heal();
    pollster::block_on(judge(&world));
}

async fn listed(service: &TestService, query: &str) -> Vec<Value> {
    let (status, answer) = get(service, &format!("/Users?{query}")).await;
    assert_eq!(status, 200, "{query}: {answer}");
    let resources = answer["Resources"].as_array().cloned().unwrap_or_default();
    assert_eq!(answer["totalResults"], resources.len(), "{query}: the count is right");
    resources
}

/// Looks at what is there.
async fn judge(world: &World) {
    let service = world.service();
    let catalog = Catalog::configured(None, None).expect("the types of RFC 7643");
    let report = service.store().check(catalog.types()).await.expect("nothing fails any more");
    assert!(report.is_sound(), "{:?}", report.findings);
    let users = listed(&service, "count=100").await;
    let (_, group) = get(&service, &format!("/Groups/{}", world.group)).await;
    let members = group["members"].as_array().cloned().unwrap_or_default();
    let ids: BTreeSet<&str> = users.iter().filter_map(|user| user["id"].as_str()).collect();
    assert_eq!(ids.len(), users.len(), "a user is listed twice");

    let mut found = BTreeMap::new();
    let mut names = BTreeSet::new();
    for user in &users {
        let text = |name: &str| user[name].as_str().expect("text");
        let state = present(user, &world.group);
        let User::Present { name, display, member } = &state else { continue };
        assert!(names.insert(name.clone()), "two users have the name {name}");
        let listed_as_member = members.iter().any(|other| other["value"] == user["id"]);
        assert_eq!(*member, listed_as_member, "user and group disagree");
        for filter in [
            format!("userName eq \"{name}\""),
            format!("externalId eq \"{}\"", text("externalId")),
            format!("emails.value eq \"{}@example.com\"", text("externalId")),
            format!("id eq \"{}\" and displayName eq \"{display}\"", text("id")),
        ] {
            let query = format!("filter={}", filter.replace(' ', "%20").replace('"', "%22"));
            assert_eq!(listed(&service, &query).await, core::slice::from_ref(user), "{filter}");
        }
        found.insert(text("externalId").to_owned(), state);
    }
    assert_eq!(members.len(), found.values().filter(|user| is_member(user)).count());
    for sorted in ["sortBy=userName", "sortBy=meta.lastModified&sortOrder=descending"] {
        let again = listed(&service, &format!("count=100&{sorted}")).await;
        let again: BTreeSet<&str> = again.iter().filter_map(|user| user["id"].as_str()).collect();
        assert_eq!(again, ids, "{sorted}");
    }
    for (external_id, possible) in world.model.borrow().iter() {
        let state = found.remove(external_id).unwrap_or(User::Absent);
        assert!(possible.contains(&state), "{external_id} is {state:?}, possible {possible:?}");
    }
    assert!(found.is_empty(), "nobody made {found:?}");
}

fn is_member(user: &User) -> bool {
    matches!(user, User::Present { member: true, .. })
}

#[test]
fn histories_of_competing_and_failing_clients() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let seeds = match variable("SCIM_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("SCIM_SIM_HISTORIES").unwrap_or(300),
    };
    for seed in seeds {
        assert!(
            std::panic::catch_unwind(|| history(seed)).is_ok(),
            "run it again with SCIM_SIM_SEED={seed}"
        );
    }
}
