//! A Bulk is one commit, whatever happens around it.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Waker};

use pollster::block_on;
use serde_json::{Value, json};

use crate::protocol::limits::Limits;
use crate::protocol::urn;
use crate::service::{Config, Head, Service};
use crate::store::memory::{Call, Fault, Memory, Seeded, VirtualClock};
use crate::store::{Read as _, prefix_end};

type TestService = Service<Memory, VirtualClock, Seeded>;

const TOKEN: &str = "token-for-the-tests";

fn service(memory: &Memory, seed: u64, limits: Limits) -> TestService {
    let config = Config { limits, ..Config::default() }.with_token(TOKEN).unwrap();
    Service::new(config, memory.clone(), VirtualClock::new(1_000), Seeded::new(seed))
}

fn open(memory: &Memory) -> TestService {
    service(memory, 1, Limits::default())
}

async fn send(service: &TestService, method: &str, path: &str, body: &str) -> (u16, Value) {
    let target = format!("/scim/v2{path}");
    let authorization = format!("Bearer {TOKEN}");
    let headers: [(&str, &[u8]); 2] =
        [("authorization", authorization.as_bytes()), ("content-type", b"application/scim+json")];
    let head = Head { method, target: &target, headers: &headers };
    let outcome = service.handle(head, async |_| Ok(body.as_bytes().to_vec())).await;
    (outcome.status, serde_json::from_slice(&outcome.body).unwrap_or_default())
}

/// The status of each operation.
async fn bulk(service: &TestService, operations: Vec<Value>) -> Vec<String> {
    let message = json!({"schemas": [urn::BULK_REQUEST], "Operations": operations}).to_string();
    let (status, body) = send(service, "POST", "/Bulk", &message).await;
    assert_eq!(status, 200, "{body}");
    let outcomes = body["Operations"].as_array().unwrap();
    outcomes.iter().map(|outcome| outcome["status"].as_str().unwrap().to_string()).collect()
}

fn user(name: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name}})
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|member| json!({"value": member})).collect();
    let data = json!({"displayName": name, "members": members});
    json!({"method": "POST", "path": "/Groups", "bulkId": name, "data": data})
}

async fn commits(service: &TestService) -> u64 {
    service.store().snapshot().await.unwrap().commit_number()
}

/// Every entry of the tree, but for the times and names that each commit draws anew.
async fn keys(service: &TestService) -> Vec<Vec<u8>> {
    let snapshot = service.store().snapshot().await.unwrap();
    snapshot.check().await.unwrap();
    let entries = snapshot.range(b"", &prefix_end(b""), 0, 100_000).await.unwrap();
    entries.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn many_operations_are_one_commit() {
    let memory = Memory::new();
    let service = open(&memory);
    block_on(async {
        assert_eq!(bulk(&service, vec![user("first")]).await, ["201"]);
        let before = commits(&service).await;
        let mut operations: Vec<Value> = (0..500).map(|n| user(&format!("user-{n}"))).collect();
        operations.push(group("all", &["bulkId:user-0", "bulkId:user-499"]));
        operations.push(user("first"));
        operations.push(json!({"method": "DELETE", "path": "/Users/bulkId:user-7"}));
        let statuses = bulk(&service, operations).await;
        assert_eq!(statuses.iter().filter(|status| *status == "201").count(), 501);
        assert_eq!(statuses[500..], ["201", "409", "204"]);
        assert_eq!(commits(&service).await, before + 1);
        let (_, list) = send(&service, "GET", "/Users?count=0", "").await;
        assert_eq!(list["totalResults"], 500);
    });
}

#[test]
fn what_fails_leaves_nothing() {
    let memory = Memory::new();
    let service = open(&memory);
    block_on(async {
        let nobody = "01a20000-0000-7000-8000-000000000000";
        assert_eq!(bulk(&service, vec![user("a"), group("g", &["bulkId:a"])]).await.len(), 2);
        let (_, list) = send(&service, "GET", "/Groups", "").await;
        let id = list["Resources"][0]["id"].as_str().unwrap().to_string();
        let (before, entries) = (keys(&service).await, memory.entries());
        let number = commits(&service).await;
        let patch = json!({"Operations": [
            {"op": "replace", "path": "displayName", "value": "other"},
            {"op": "remove", "path": "members"},
            {"op": "add", "path": "members", "value": [{"value": nobody}]},
        ]});
        let statuses = bulk(
            &service,
            vec![
                user("a"),
                group("h", &["bulkId:i"]),
                group("i", &["bulkId:h", nobody]),
                json!({"method": "PATCH", "path": format!("/Groups/{id}"), "data": patch}),
                json!({"method": "DELETE", "path": "/Groups/bulkId:h"}),
            ],
        );
        assert_eq!(statuses.await, ["409", "409", "400", "400", "409"]);
        assert_eq!(commits(&service).await, number);
        assert_eq!(keys(&service).await, before);
        assert_eq!(memory.entries(), entries);

        // What succeeds beside failures is what would be there without them.
        let other = Memory::new();
        let alone = open(&other);
        bulk(&alone, vec![user("a"), group("g", &["bulkId:a"])]).await;
        bulk(&alone, vec![user("b")]).await;
        let failing = group("j", &["bulkId:a2", nobody]);
        assert_eq!(
            bulk(&service, vec![user("a2"), failing, user("b"), user("a")]).await,
            ["201", "400", "201", "409"]
        );
        let kinds = |keys: &[Vec<u8>]| keys.iter().map(|key| key[0]).collect::<Vec<u8>>();
        bulk(&alone, vec![user("a2")]).await;
        assert_eq!(kinds(&keys(&service).await), kinds(&keys(&alone).await));
    });
}

#[test]
fn an_operation_that_cannot_be_stored_fails_alone() {
    let memory = Memory::new();
    let service = open(&memory);
    block_on(async {
        // Each name alone is cut to fit its key; a whole message still goes through.
        let long = "x".repeat(5_000);
        bulk(&service, vec![user("first")]).await;
        let before = commits(&service).await;
        let statuses = bulk(&service, vec![user("a"), user(&long), user("b")]).await;
        assert_eq!(statuses[0], "201");
        assert_eq!(statuses[2], "201");
        assert_eq!(commits(&service).await, before + 1);
    });
}

#[test]
fn a_store_that_fails_fails_the_whole_request() {
    let memory = Memory::new();
    let service = open(&memory);
    block_on(async {
        bulk(&service, vec![user("first")]).await;
        let before = commits(&service).await;
        memory.set_plan(|call| match call {
            Call::SetMany(_) => Fault::Refused,
            _ => Fault::None,
        });
        let message = json!({"Operations": [user("a"), user("b")]}).to_string();
        let (status, _) = send(&service, "POST", "/Bulk", &message).await;
        assert_eq!(status, 503);
        memory.heal();
        assert_eq!(commits(&service).await, before);
        assert_eq!(bulk(&service, vec![user("a"), user("b")]).await, ["201", "201"]);
    });
}

/// Runs tasks, one step of one at a time, in an order that `random` draws.
fn interleave(random: &Seeded, mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) {
    let mut context = Context::from_waker(Waker::noop());
    while !tasks.is_empty() {
        let at = usize::try_from(random.next() % tasks.len() as u64).unwrap();
        if tasks[at].as_mut().poll(&mut context).is_ready() {
            drop(tasks.remove(at));
        }
    }
}

#[test]
fn bulks_that_compete_are_each_one_commit_and_names_stay_unique() {
    const WRITERS: u64 = 4;
    for seed in 0..20 {
        let memory = Memory::new();
        memory.set_yields(true);
        let services: Vec<TestService> = (0..WRITERS)
            .map(|n| service(&memory, seed * WRITERS + n + 1, Limits::default()))
            .collect();
        let winners = Rc::new(RefCell::new(Vec::new()));
        let tasks = services.iter().enumerate().map(|(n, service)| {
            let winners = Rc::clone(&winners);
            let task = async move {
                let own = format!("own-{n}");
                let (g, h) = (format!("g-{n}"), format!("h-{n}"));
                let (to_g, to_h) = (format!("bulkId:{g}"), format!("bulkId:{h}"));
                let operations = vec![
                    user(&own),
                    user("shared"),
                    group(&g, &[&to_h, &format!("bulkId:{own}")]),
                    group(&h, &[&to_g]),
                ];
                let statuses = bulk(service, operations).await;
                assert_eq!(statuses[0], "201");
                assert_eq!(statuses[2..], ["201", "201"]);
                if statuses[1] == "201" {
                    winners.borrow_mut().push(n);
                }
            };
            Box::pin(task) as Pin<Box<dyn Future<Output = ()> + '_>>
        });
        interleave(&Seeded::new(seed), tasks.collect());
        memory.set_yields(false);
        assert_eq!(winners.borrow().len(), 1, "seed {seed}");
        let fresh = open(&memory);
        block_on(async {
            assert_eq!(commits(&fresh).await, WRITERS, "seed {seed}");
            keys(&fresh).await;
            let (_, users) = send(&fresh, "GET", "/Users?count=0", "").await;
            let (_, groups) = send(&fresh, "GET", "/Groups?count=0", "").await;
            assert_eq!(users["totalResults"], WRITERS + 1, "seed {seed}");
            assert_eq!(groups["totalResults"], 2 * WRITERS, "seed {seed}");
        });
    }
}

#[test]
fn limits_of_a_bulk_are_its_own() {
    let limits =
        Limits { bulk_operations: 2, bulk_bytes: 600, body_bytes: 300, ..Limits::default() };
    let service = service(&Memory::new(), 1, limits);
    block_on(async {
        let (_, config) = send(&service, "GET", "/ServiceProviderConfig", "").await;
        let announced = json!({"supported": true, "maxOperations": 2, "maxPayloadSize": 600});
        assert_eq!(config["bulk"], announced);
        let padded = |length: usize| {
            let mut message = json!({"Operations": [user("a"), user("b")]}).to_string();
            message.extend(core::iter::repeat_n(' ', length - message.len()));
            message
        };
        assert_eq!(send(&service, "POST", "/Bulk", &padded(601)).await.0, 413);
        assert_eq!(send(&service, "POST", "/Bulk", &padded(600)).await.0, 200);
        let three = json!({"Operations": [user("c"), user("d"), user("e")]}).to_string();
        assert_eq!(send(&service, "POST", "/Bulk", &three).await.0, 413);
    });
}

#[test]
fn what_may_nest_alone_may_nest_in_a_bulk() {
    let service = open(&Memory::new());
    let nested = |levels: usize| {
        let mut value = json!(1);
        for _ in 0..levels {
            value = json!([value]);
        }
        json!({"userName": format!("u-{levels}"), "unknown": value})
    };
    block_on(async {
        for levels in 10..20 {
            let data = nested(levels);
            let operation =
                json!({"method": "POST", "path": "/Users", "bulkId": "x", "data": data});
            let message = json!({"Operations": [operation]}).to_string();
            let (in_bulk, body) = send(&service, "POST", "/Bulk", &message).await;
            let status = match in_bulk {
                200 => body["Operations"][0]["status"].as_str().unwrap().to_string(),
                refused => refused.to_string(),
            };
            // A second user of that name is refused, but not for its depth.
            let (alone, _) = send(&service, "POST", "/Users", &data.to_string()).await;
            assert_eq!(status == "400", alone == 400, "{levels} levels: {status} and {alone}");
        }
    });
}
