//! A check finds what is wrong, names it, and finds nothing where nothing is wrong.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

use pollster::block_on;
use scim_core::schema::{Catalog, ResourceType};
use scim_core::service::{Config, Head, Service};
use scim_core::store::keys::{self, ResourceId};
use scim_core::store::memory::{Memory, Seeded, VirtualClock};
use scim_core::store::{BodyId, Finding, Options, Read as _, Store, StoreError};
use serde_json::{Value, json};

const TOKEN: &str = "token-for-the-tests";

type TestStore = Store<Memory, VirtualClock, Seeded>;

async fn post(
    service: &Service<Memory, VirtualClock, Seeded>,
    path: &str,
    body: Value,
) -> ResourceId {
    let target = format!("/scim/v2{path}");
    let authorization = format!("Bearer {TOKEN}");
    let headers: [(&str, &[u8]); 2] =
        [("authorization", authorization.as_bytes()), ("content-type", b"application/scim+json")];
    let head = Head { method: "POST", target: &target, headers: &headers };
    let outcome = service.handle(head, async |_| Ok(body.to_string().into_bytes())).await;
    assert_eq!(outcome.status, 201);
    let answer: Value = serde_json::from_slice(&outcome.body).expect("JSON");
    ResourceId::parse(answer["id"].as_str().expect("an id")).expect("an id of ours")
}

/// Three users, two of them in a group.
fn directory() -> (Memory, TestStore, Vec<ResourceId>) {
    let (memory, clock) = (Memory::new(), VirtualClock::new(1_000_000));
    let config = Config::parse("{}").and_then(|c| c.with_token(TOKEN)).expect("a configuration");
    let service = Service::new(config, memory.clone(), clock.clone(), Seeded::new(1));
    let ids = block_on(async {
        let mut ids = Vec::new();
        for name in ["ada", "grace", "edsger"] {
            let user = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name,
                "externalId": name, "emails": [{"value": format!("{name}@example.com")}],
            });
            ids.push(post(&service, "/Users", user).await);
        }
        let members: Vec<Value> =
            ids.iter().take(2).map(|id| json!({"value": id.to_text()})).collect();
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "all",
            "members": members,
        });
        ids.push(post(&service, "/Groups", group).await);
        ids
    });
    let store = Store::new(memory.clone(), clock, Seeded::new(2), Options::default());
    (memory, store, ids)
}

fn types() -> Vec<ResourceType> {
    Catalog::configured(None, None).expect("the types of RFC 7643").types().to_vec()
}

fn found(store: &TestStore) -> Vec<Finding> {
    block_on(store.check(&types())).expect("the engine answers").findings
}

fn change(store: &TestStore, put: &[(Vec<u8>, Vec<u8>)], delete: &[Vec<u8>]) {
    let changed = block_on(store.transact(async |tx| {
        for (key, value) in put {
            tx.put(key.clone(), value.clone());
        }
        for key in delete {
            tx.delete(key);
        }
        Ok::<_, StoreError>(())
    }));
    changed.expect("the engine answers");
}

#[test]
fn a_sound_store_is_sound() {
    let (_, store, _) = directory();
    let report = block_on(store.check(&types())).expect("the engine answers");
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!((report.resources, report.other_resources, report.memberships), (4, 0, 2));
    assert_eq!((report.space.orphans.entries, report.space.foreign.entries), (0, 0));
    assert!(report.space.live.entries > 4 && report.nodes > 0);
}

#[test]
fn each_damage_has_its_finding() {
    let user = || "User".to_owned();

    let (memory, store, ids) = directory();
    let ada = ids[0];
    let snapshot = block_on(store.snapshot()).expect("the engine answers");
    let pointer = block_on(snapshot.get(&keys::resource("User", ada))).expect("readable");
    BodyId::from_bytes(&pointer.expect("there")).expect("a body");
    // The body is the only entry whose loss leaves the tree readable.
    for key in memory.keys() {
        let (other, store, ids) = directory();
        other.lose(&key);
        let findings = found(&store);
        if !findings.is_empty() && !matches!(findings[0], Finding::Tree(_) | Finding::NoRoot) {
            let expected = |id| matches!(&findings[0], Finding::Body(_, found) if *found == id);
            assert!(ids.iter().any(|id| expected(*id)), "{findings:?}");
        }
    }

    let (_, store, ids) = directory();
    let snapshot = block_on(store.snapshot()).expect("the engine answers");
    // The entries of indexes whose values may occur more than once.
    let all = block_on(snapshot.range(b"I", b"J", 0, 1000)).expect("readable");
    assert!(!all.is_empty());
    for (key, value) in &all {
        change(&store, &[], core::slice::from_ref(key));
        assert!(!found(&store).is_empty(), "the loss of an entry is not found");
        change(&store, &[(key.clone(), value.clone())], &[]);
        assert_eq!(found(&store), []);
    }

    let other = keys::modified("User", 5, ids[1]);
    change(&store, &[(other.clone(), Vec::new())], &[]);
    assert_eq!(found(&store), [Finding::Stray(user(), "meta.lastModified".into(), 4, 3)]);
    change(&store, &[], &[other]);

    let (group, member) = (ids[3], ids[0]);
    change(&store, &[], &[keys::group(member, group)]);
    assert_eq!(found(&store), [Finding::Member(group, member), Finding::StrayMembers(1, 2)]);
    change(&store, &[(keys::group(member, group), Vec::new())], &[keys::member(group, member)]);
    assert_eq!(found(&store), [Finding::StrayMembers(2, 1)]);
    let nobody = ResourceId([9; 16]);
    let entries = [
        (keys::member(group, member), b"User".to_vec()),
        (keys::member(group, nobody), b"User".to_vec()),
        (keys::group(nobody, group), Vec::new()),
    ];
    change(&store, &entries, &[]);
    assert_eq!(found(&store), [Finding::Member(group, nobody)]);
}

#[test]
fn only_a_guard_without_a_root_asks_for_a_new_generation() {
    let (memory, clock) = (Memory::new(), VirtualClock::new(0));
    let open = || Store::new(memory.clone(), clock.clone(), Seeded::new(1), Options::default());
    assert_eq!(found(&open()), []);
    block_on(open().create_root()).expect("the engine answers");
    assert_eq!(found(&open()), []);
    let root = memory.keys().into_iter().find(|key| key.contains(".root")).expect("a root");
    memory.lose(&root);
    assert_eq!(found(&open()), [Finding::NoRoot]);
}
