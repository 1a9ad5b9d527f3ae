//! What lists cost: the calls to the engine for a page are the same for a hundred times as many
//! resources, but for the height of the tree (`docs/design.md` §4).

#![expect(clippy::unwrap_used, reason = "a test says what is wrong")]

use std::collections::BTreeMap;

use pollster::block_on;
use scim_core::protocol::Error;
use scim_core::schema::{self, ResourceType};
use scim_core::service::{Config, Head, Service};
use scim_core::store::directory;
use scim_core::store::keys::ResourceId;
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use scim_core::store::record::Record;
use scim_core::store::{Options, Store};
use serde_json::{Value, json};

const TOKEN: &str = "token-for-the-tests";
/// Resources that are written in one commit.
const BATCH: u64 = 2000;
/// Milliseconds since 1970 at which the first user is created; the others follow by one each.
const START_MS: u64 = 1_000_000_000_000;

fn user(number: u64) -> Record {
    let attributes = json!({
        "userName": format!("user{number:06}"),
        "displayName": format!("User {:03}", number % 1000),
        "emails": [{"value": format!("user{number:06}@example.com")}],
        "active": number.is_multiple_of(2),
    });
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Record {
        id: ResourceId::new(START_MS + number, random),
        created_ms: START_MS + number,
        modified_ms: START_MS + number,
        version: 1,
        external_ids: BTreeMap::from([("default".to_string(), format!("x{number}"))]),
        attributes: attributes.as_object().unwrap().clone(),
    }
}

fn filled(resource_type: &ResourceType, count: u64) -> Memory {
    let memory = Memory::new();
    let clock = VirtualClock::new(START_MS);
    let store = Store::new(memory.clone(), clock, Seeded::new(1), Options::default());
    for first in (0..count).step_by(BATCH.try_into().unwrap()) {
        let job = store.transact(async |tx| {
            for number in first..count.min(first + BATCH) {
                directory::put(tx, resource_type, None, &user(number)).await?;
            }
            Ok::<_, Error>(())
        });
        block_on(job).unwrap();
    }
    memory
}

/// The answer, and how many calls to the engine it took without a cache.
fn get(memory: &Memory, query: &str) -> (Value, u64) {
    let config = Config::default().with_token(TOKEN).unwrap();
    let clock = VirtualClock::new(2 * START_MS);
    let service = Service::new(config, memory.clone(), clock, Seeded::new(1));
    let target = format!("/scim/v2/Users?{}", query.replace(' ', "%20").replace('"', "%22"));
    let authorization = format!("Bearer {TOKEN}");
    let headers: [(&str, &[u8]); 1] = [("authorization", authorization.as_bytes())];
    let head = Head { method: "GET", target: &target, headers: &headers };
    let before = memory.calls();
    let outcome = block_on(service.handle(head, async |_| Ok(Vec::new())));
    let answer = serde_json::from_slice(&outcome.body).unwrap_or_default();
    assert_eq!(outcome.status, 200, "{query}: {answer}");
    (answer, memory.calls() - before)
}

#[test]
fn a_page_costs_the_same_of_a_hundred_times_as_many() {
    /// Levels that the tree of the larger store has more.
    const LEVELS: u64 = 2;
    let (small, large) = (1_000, 100_000);
    let user_type = schema::user();
    let stores = [filled(&user_type, small), filled(&user_type, large)];
    let time = |number: u64| scim_core::protocol::datetime::format_ms(START_MS + number);
    // A query of so many resources, how many match, the name of the first on the page.
    let queries: [&dyn Fn(u64) -> (String, u64, u64); 12] = [
        &|n| ("count=100".into(), n, 0),
        &|n| (format!("count=100&startIndex={}", n / 2), n, n / 2 - 1),
        &|n| ("sortBy=userName&sortOrder=descending&count=100".into(), n, n - 1),
        &|n| (format!("sortBy=meta.lastModified&count=100&startIndex={}", n - 200), n, n - 201),
        &|n| ("sortBy=displayName&count=10".into(), n, 0),
        &|n| ("filter=userName sw \"USER\"&count=100".into(), n, 0),
        &|n| (format!("filter=userName ge \"user{:06}\"&count=100", n / 4), n - n / 4, n / 4),
        &|n| {
            (
                "filter=displayName pr&sortBy=displayName&sortOrder=descending&count=10".into(),
                n,
                n - 1,
            )
        },
        &|n| {
            let (from, to) = (time(n / 4), time(n / 2));
            let between =
                format!("meta.lastModified gt \"{from}\" and meta.lastModified le \"{to}\"");
            (format!("filter={between}&count=100&startIndex=51"), n / 4, n / 4 + 51)
        },
        &|n| (format!("filter=externalId eq \"x{}\"", n - 1), 1, n - 1),
        &|n| (format!("filter=emails.value eq \"user{:06}@example.com\"", n / 3), 1, n / 3),
        &|n| {
            let one = format!("userName eq \"user{:06}\" or externalId eq \"x{}\"", n / 2, n / 3);
            (format!("filter=({one}) and active pr"), 2, n / 3)
        },
    ];
    for query in queries {
        let mut costs = Vec::new();
        for (memory, count) in stores.iter().zip([small, large]) {
            let (text, total, first) = query(count);
            let (answer, calls) = get(memory, &text);
            assert_eq!(answer["totalResults"], total, "{text}");
            let name = format!("user{first:06}");
            assert_eq!(answer["Resources"][0]["userName"], *name, "{text}");
            // Each resource is an entry of its own.
            let shown = answer["Resources"].as_array().unwrap().len() as u64;
            costs.push(calls - shown);
        }
        let text = query(large).0;
        println!("{text}: {costs:?} calls beside the bodies");
        // The ends of a range, and what it begins with, lie on ways of their own; in the order of a
        // name so do the ten resources of a page.
        let ways = if text.contains("sortBy=displayName") { 15 } else { 5 };
        assert!(costs[1] <= costs[0] + ways * LEVELS, "{text}: {costs:?}");
    }
}
