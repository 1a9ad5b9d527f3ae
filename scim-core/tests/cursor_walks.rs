//! Walks by cursor (RFC 9865 §2): who is there throughout is seen exactly once, whatever is
//! written meanwhile.
//!
//! `SCIM_WALKS` is the number of walks per query (6), `SCIM_WALK_SEED` runs a single one again.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what is wrong")]

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Waker};
use std::collections::{BTreeMap, BTreeSet};

use pollster::block_on;
use scim_core::service::{Config, Head, Service};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use serde_json::{Value, json};

type TestService = Service<Memory, VirtualClock, Seeded>;

const TOKEN: &str = "token-for-the-tests";
const OTHER: &str = "token-of-someone-else";

/// Every way in which a list can be read.
const QUERIES: [(&str, &str); 15] = [
    ("/Users", ""),
    ("/Users", "sortBy=id&sortOrder=descending"),
    ("/Users", "sortBy=userName"),
    ("/Users", "sortBy=userName&sortOrder=descending"),
    ("/Users", "sortBy=meta.created"),
    ("/Users", "sortBy=meta.lastModified&sortOrder=descending"),
    ("/Users", "sortBy=displayName"),
    ("/Users", "sortBy=name.familyName&sortOrder=descending"),
    ("/Users", "filter=active%20eq%20true"),
    ("/Users", "filter=active%20eq%20true&sortBy=userName&sortOrder=descending"),
    ("/Users", "filter=displayName%20eq%20%22b%22%20or%20displayName%20eq%20%22c%22"),
    ("/Users", "filter=displayName%20eq%20%22b%22&sortBy=userName"),
    ("/", ""),
    ("/", "sortBy=displayName&sortOrder=descending"),
    ("/", "filter=displayName%20pr"),
];

fn service(memory: &Memory, clock: &VirtualClock, seed: u64) -> TestService {
    let mut config = Config::default().with_token(TOKEN).unwrap();
    config.registry.add_token("other", OTHER).unwrap();
    Service::new(config, memory.clone(), clock.clone(), Seeded::new(seed))
}

async fn send_as(
    service: &TestService,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let target = format!("/scim/v2{path}");
    let authorization = format!("Bearer {token}");
    let headers: [(&str, &[u8]); 2] =
        [("authorization", authorization.as_bytes()), ("content-type", b"application/scim+json")];
    let head = Head { method, target: &target, headers: &headers };
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let outcome = service.handle(head, async |_| Ok(body.into_bytes())).await;
    (outcome.status, serde_json::from_slice(&outcome.body).unwrap_or_default())
}

async fn send(service: &TestService, method: &str, path: &str, body: Option<Value>) -> Value {
    let (status, answer) = send_as(service, TOKEN, method, path, body).await;
    assert!(status < 300, "{method} {path} {status} {answer}");
    answer
}

fn below(random: &Seeded, limit: u64) -> u64 {
    random.next() % limit
}

fn user(random: &Seeded, number: u64) -> Value {
    let mut user = json!({
        "userName": format!("{:x}-{number}", random.next() & 0xfff),
        "active": !below(random, 3).is_multiple_of(3),
    });
    if below(random, 3) > 0 {
        user["displayName"] =
            ["a", "b", "B", "c"][usize::try_from(below(random, 4)).unwrap()].into();
    }
    if below(random, 2) > 0 {
        user["name"] = json!({"familyName": format!("f{}", below(random, 5))});
    }
    user
}

async fn create(service: &TestService, random: &Seeded, number: u64) -> String {
    let made = if below(random, 4) == 0 {
        let name = ["a", "b", "c"][usize::try_from(below(random, 3)).unwrap()];
        send(service, "POST", "/Groups", Some(json!({"displayName": name}))).await
    } else {
        send(service, "POST", "/Users", Some(user(random, number))).await
    };
    let location = made["meta"]["location"].as_str().unwrap();
    location.split_once("/scim/v2").unwrap().1.to_string()
}

fn separator(query: &str) -> &str {
    if query.is_empty() { "" } else { "&" }
}

async fn page(
    service: &TestService,
    (path, query): (&str, &str),
    cursor: &str,
    count: u64,
) -> (Vec<String>, Value) {
    let and = separator(query);
    let target = format!("{path}?{query}{and}cursor={cursor}&count={count}");
    let answer = send(service, "GET", &target, None).await;
    assert!(answer.get("startIndex").is_none());
    let resources = answer["Resources"].as_array().unwrap();
    assert!(resources.len() <= usize::try_from(count).unwrap());
    assert_eq!(answer["itemsPerPage"], resources.len());
    (resources.iter().map(|r| r["id"].as_str().unwrap().to_string()).collect(), answer)
}

/// The whole list, page by page.
async fn walk(service: &TestService, query: (&str, &str), random: &Seeded) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (ids, answer) = page(service, query, &cursor, 1 + below(random, 5)).await;
        seen.extend(ids);
        match answer.get("nextCursor") {
            Some(next) => cursor = next.as_str().unwrap().to_string(),
            None => return seen,
        }
    }
}

/// The whole list by `startIndex`.
async fn indexed(service: &TestService, (path, query): (&str, &str)) -> Vec<String> {
    let (mut seen, and) = (Vec::new(), separator(query));
    loop {
        let start = seen.len() + 1;
        let target = format!("{path}?{query}{and}startIndex={start}&count=4");
        let answer = send(service, "GET", &target, None).await;
        let resources = answer["Resources"].as_array().unwrap();
        seen.extend(resources.iter().map(|r| r["id"].as_str().unwrap().to_string()));
        if resources.is_empty() {
            assert_eq!(answer["totalResults"], seen.len());
            return seen;
        }
    }
}

fn seeds() -> Vec<u64> {
    if let Ok(seed) = std::env::var("SCIM_WALK_SEED") {
        return vec![seed.parse().unwrap()];
    }
    let walks = std::env::var("SCIM_WALKS").map_or(6, |walks| walks.parse().unwrap());
    (1..=walks).collect()
}

async fn world(seed: u64) -> (TestService, Seeded, Vec<String>) {
    let random = Seeded::new(seed);
    let (memory, clock) = (Memory::new(), VirtualClock::new(1_000_000));
    let service = service(&memory, &clock, seed);
    let mut paths = Vec::new();
    for number in 0..20 + below(&random, 20) {
        paths.push(create(&service, &random, number).await);
    }
    (service, random, paths)
}

#[test]
fn pages_by_cursor_are_the_pages_by_index() {
    for seed in seeds() {
        block_on(async {
            let (service, random, _) = world(seed).await;
            for query in QUERIES {
                let by_index = indexed(&service, query).await;
                assert_eq!(walk(&service, query, &random).await, by_index, "{query:?} {seed}");
                assert!(!by_index.is_empty());
            }
        });
    }
}

#[test]
fn the_way_back_is_the_way_there() {
    for seed in seeds() {
        block_on(async {
            let (service, random, _) = world(seed).await;
            for query in QUERIES {
                let count = 1 + below(&random, 6);
                let (mut pages, mut cursor) = (Vec::new(), String::new());
                let mut back = loop {
                    let (ids, answer) = page(&service, query, &cursor, count).await;
                    assert_eq!(answer.get("previousCursor").is_none(), pages.is_empty());
                    pages.push(ids);
                    match answer.get("nextCursor") {
                        Some(next) => cursor = next.as_str().unwrap().to_string(),
                        None => break answer.get("previousCursor").cloned(),
                    }
                };
                pages.pop();
                while let Some(previous) = back {
                    let previous = previous.as_str().unwrap();
                    let (ids, answer) = page(&service, query, previous, count).await;
                    assert_eq!(Some(ids), pages.pop(), "{query:?} {seed}");
                    let next = answer["nextCursor"].as_str().unwrap();
                    assert!(!page(&service, query, next, count).await.0.is_empty());
                    back = answer.get("previousCursor").cloned();
                }
                assert!(pages.is_empty(), "{query:?} {seed}");
            }
        });
    }
}

/// Runs two tasks at once, by turns that chance gives.
fn run_both<'a>(random: &Seeded, mut tasks: [Pin<Box<dyn Future<Output = ()> + 'a>>; 2]) {
    let mut context = Context::from_waker(Waker::noop());
    let mut open = [true, true];
    while open.contains(&true) {
        let at = usize::try_from(below(random, 2)).unwrap();
        if open[at] {
            open[at] = tasks[at].as_mut().poll(&mut context).is_pending();
        }
    }
}

#[test]
fn who_is_there_throughout_is_seen_once() {
    for seed in seeds() {
        for query in QUERIES {
            let random = Seeded::new(seed);
            let (memory, clock) = (Memory::new(), VirtualClock::new(1_000_000));
            let service = service(&memory, &clock, seed);
            let mut paths = Vec::new();
            for number in 0..24 {
                paths.push(block_on(create(&service, &random, number)));
            }
            let expected = block_on(indexed(&service, query));
            // Some stay as they are, the others are deleted and changed while the walk goes on.
            let touched = |path: &str| path.bytes().last().unwrap().is_multiple_of(2);
            let (changing, staying): (Vec<_>, Vec<_>) =
                paths.into_iter().partition(|path| touched(path));
            let staying: BTreeSet<&str> =
                staying.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
            let (done, seen) = (Cell::new(false), RefCell::new(Vec::new()));
            memory.set_yields(true);
            let (writing, walking) = (Seeded::new(seed + 1), Seeded::new(seed + 2));
            let writer = async {
                let mut changing = changing;
                for number in 100.. {
                    if done.get() {
                        break;
                    }
                    match (below(&writing, 3), changing.pop()) {
                        (0, Some(path)) => drop(send(&service, "DELETE", &path, None).await),
                        (1, Some(path)) => {
                            let change = json!({"displayName": "d"});
                            let operation = json!({"op": "replace", "value": change});
                            let body = json!({
                                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                                "Operations": [operation],
                            });
                            send(&service, "PATCH", &path, Some(body)).await;
                        }
                        _ if number < 130 => drop(create(&service, &writing, number).await),
                        _ => break,
                    }
                }
            };
            let walker = async {
                seen.replace(walk(&service, query, &walking).await);
                done.set(true);
            };
            run_both(&random, [Box::pin(writer), Box::pin(walker)]);
            let seen: Vec<String> =
                seen.take().into_iter().filter(|id| staying.contains(&**id)).collect();
            let expected: Vec<String> =
                expected.into_iter().filter(|id| staying.contains(&**id)).collect();
            assert_eq!(seen, expected, "{query:?} {seed}");
        }
    }
}

#[test]
fn a_total_is_that_of_the_first_page_and_the_last_page_has_no_next() {
    block_on(async {
        let (service, _, _) = world(1).await;
        for query in QUERIES {
            let total = indexed(&service, query).await.len();
            let (_, first) = page(&service, query, "", 3).await;
            assert_eq!(first["totalResults"], total);
            let next = first["nextCursor"].as_str().unwrap();
            let (_, second) = page(&service, query, next, 200).await;
            assert_eq!(second["totalResults"], total, "{query:?}");
            assert!(second.get("nextCursor").is_none());
            assert!(second.get("previousCursor").is_some());
        }
    });
}

#[test]
fn a_cursor_is_good_for_one_client_one_query_and_an_hour() {
    block_on(async {
        let (memory, clock) = (Memory::new(), VirtualClock::new(1_000_000));
        let own = service(&memory, &clock, 1);
        for number in 0..5 {
            let body = json!({"userName": format!("u{number}")});
            send(&own, "POST", "/Users", Some(body)).await;
        }
        let (_, first) = page(&own, ("/Users", ""), "", 2).await;
        let cursor = first["nextCursor"].as_str().unwrap();
        let refused = async |service: &TestService, token: &str, target: String| {
            let (status, answer) = send_as(service, token, "GET", &target, None).await;
            assert_eq!(status, 400, "{answer}");
            answer["scimType"].as_str().unwrap_or_default().to_string()
        };
        // Another process with the same store has the same key.
        let twin = service(&memory, &clock, 2);
        assert_eq!(page(&twin, ("/Users", ""), cursor, 2).await.0.len(), 2);
        for target in [
            format!("/Users?cursor={cursor}&sortBy=userName"),
            format!("/Users?cursor={cursor}&filter=userName%20pr"),
            format!("/Groups?cursor={cursor}"),
            format!("/?cursor={cursor}"),
            format!("/Users?cursor={cursor}A"),
            "/Users?cursor=x".to_string(),
        ] {
            assert_eq!(refused(&own, TOKEN, target).await, "invalidCursor");
        }
        let target = format!("/Users?cursor={cursor}");
        assert_eq!(refused(&own, OTHER, target.clone()).await, "invalidCursor");
        // Another tenant's store has another key.
        let foreign = service(&Memory::new(), &clock, 3);
        send(&foreign, "POST", "/Users", Some(json!({"userName": "x"}))).await;
        assert_eq!(refused(&foreign, TOKEN, target.clone()).await, "invalidCursor");
        clock.advance(3_599_000);
        assert_eq!(page(&own, ("/Users", ""), cursor, 2).await.0.len(), 2);
        clock.advance(1_000);
        assert_eq!(refused(&own, TOKEN, target).await, "expiredCursor");
    });
}

#[test]
fn only_the_first_cursor_of_a_tenant_writes() {
    block_on(async {
        let (service, _, _) = world(1).await;
        let commits = async || service.store().snapshot().await.unwrap().commit_number();
        let before = commits().await;
        indexed(&service, ("/Users", "")).await;
        assert_eq!(commits().await, before);
        for _ in 0..3 {
            page(&service, ("/Users", ""), "", 1).await;
            assert_eq!(commits().await, before + 1);
        }
    });
}

#[test]
fn what_is_sorted_by_an_index_is_read_from_it() {
    block_on(async {
        let (memory, clock) = (Memory::new(), VirtualClock::new(1_000_000));
        let service = service(&memory, &clock, 1);
        for number in 0..300 {
            let body = json!({"userName": format!("u{number:03}")});
            send(&service, "POST", "/Users", Some(body)).await;
        }
        let mut calls = BTreeMap::new();
        for sort_by in ["userName", "meta.lastModified", "displayName", "title"] {
            let before = memory.calls();
            let target = format!("/Users?sortBy={sort_by}&sortOrder=descending&count=5");
            let answer = send(&service, "GET", &target, None).await;
            calls.insert(sort_by, memory.calls() - before);
            if ["userName", "meta.lastModified"].contains(&sort_by) {
                assert_eq!(answer["Resources"][0]["userName"], "u299");
                assert_eq!(answer["totalResults"], 300);
            }
        }
        // The root, some nodes and six bodies, against all 300.
        assert!(calls.remove("title").is_some_and(|calls| calls > 300));
        assert!(calls.values().all(|calls| *calls < 30), "{calls:?}");
    });
}
