//! Single operations in a large directory, against the same in a small one.

use scim_core::port::Random as _;
use serde_json::{Value, json};

use super::data::{self, Directory, GROUP, USER};
use super::service::{Client, Service};
use super::{median, row};
use crate::bench::table::{Aim, Row};
use crate::storage::OsRandom;

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Users of the warm working set.
const HOT: u64 = 200;

/// A random number below `end`.
pub(super) fn below(end: u64) -> u64 {
    let mut bytes = [0; 8];
    OsRandom.fill(&mut bytes);
    u64::from_be_bytes(bytes) % end.max(1)
}

/// Which users an operation is about.
#[derive(Clone, Copy, PartialEq)]
enum Among {
    /// Some that were just used.
    Hot,
    /// All.
    All,
}

impl Among {
    fn draw(self, directory: Directory) -> u64 {
        match self {
            // Spread over the whole directory.
            Self::Hot => below(HOT) * (directory.users / HOT).max(1) % directory.users.max(1),
            Self::All => below(directory.users),
        }
    }
}

pub(super) fn create(client: &Client) -> anyhow::Result<f64> {
    let name = format!("new.{:016x}@example.com", below(u64::MAX));
    let mut user = data::attributes(&name, below(1_000_000));
    if let Some(user) = user.as_object_mut() {
        user.insert("schemas".into(), json!([SCHEMA]));
    }
    Ok(client.send("POST", "/Users", Some(&user))?.0)
}

pub(super) fn get(client: &Client, user: u64) -> anyhow::Result<f64> {
    Ok(client.send("GET", &format!("/Users/{}", data::id(USER, user)), None)?.0)
}

fn find(client: &Client, user: u64) -> anyhow::Result<f64> {
    let name = data::user_name(user);
    let path = format!("/Users?filter=userName%20eq%20%22{}%22", name.replace('@', "%40"));
    let (took, text) = client.send("GET", &path, None)?;
    anyhow::ensure!(text.contains(&name), "a user was not found");
    Ok(took)
}

fn message(operation: &Value) -> Value {
    json!({"schemas": [PATCH], "Operations": [operation]})
}

pub(super) fn patch(client: &Client, user: u64) -> anyhow::Result<f64> {
    let title = format!("Engineer {}", below(u64::MAX));
    let body = message(&json!({"op": "replace", "path": "title", "value": title}));
    Ok(client.send("PATCH", &format!("/Users/{}", data::id(USER, user)), Some(&body))?.0)
}

/// Adds one member to a group and takes it out again.
pub(super) fn member(client: &Client, group: u64, user: &str) -> anyhow::Result<f64> {
    let path = format!("/Groups/{}?excludedAttributes=members", data::id(GROUP, group));
    let add = json!({"op": "add", "path": "members", "value": [{"value": user}]});
    let remove = json!({"op": "remove", "path": format!("members[value eq \"{user}\"]")});
    let (added, _) = client.send("PATCH", &path, Some(&message(&add)))?;
    let (removed, _) = client.send("PATCH", &path, Some(&message(&remove)))?;
    Ok(f64::midpoint(added, removed))
}

/// A user that is in no group.
pub(super) fn outsider(client: &Client) -> anyhow::Result<String> {
    let name = format!("outsider.{:016x}@example.com", below(u64::MAX));
    let user = json!({"schemas": [SCHEMA], "userName": name});
    let (_, text) = client.send("POST", "/Users", Some(&user))?;
    let user: Value = serde_json::from_str(&text)?;
    Ok(user.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
}

type Operation = fn(&Client, u64) -> anyhow::Result<f64>;

/// The operations of the table. The two services take turns, so that both see the same noise.
///
/// # Errors
///
/// When a request fails.
pub(super) fn measure(
    services: &[Service; 2],
    directories: [Directory; 2],
    rounds: usize,
) -> anyhow::Result<Vec<Row>> {
    let [small, large] = services;
    let clients = [small.client(), large.client()];
    let [few, many] = directories;
    let mut rows = Vec::new();
    let operations: [(&str, Operation, Among, f64); 7] = [
        ("GET by id", get, Among::Hot, 1.5),
        ("GET by id, random user", get, Among::All, 0.0),
        ("userName eq", find, Among::Hot, 1.5),
        ("userName eq, random user", find, Among::All, 0.0),
        ("create", |client, _| create(client), Among::Hot, 1.5),
        ("PATCH one attribute", patch, Among::Hot, 1.5),
        ("PATCH one attribute, random user", patch, Among::All, 0.0),
    ];
    for (name, operation, among, most) in operations {
        let mut samples = [Vec::new(), Vec::new()];
        let warm_up = if among == Among::Hot { rounds } else { 0 };
        for round in 0..rounds + warm_up {
            for ((client, directory), samples) in clients.iter().zip(directories).zip(&mut samples)
            {
                let took = operation(client, among.draw(directory))?;
                if round >= warm_up {
                    samples.push(took);
                }
            }
        }
        let [other, own] = samples.map(median);
        let aim = if among == Among::Hot { Aim::Within(most) } else { Aim::Open };
        let (what, than) =
            (format!("{name}, {} users", many.users), format!("{} users", few.users));
        rows.push(row(&what, &than, own, other, aim));
    }

    let [_, client] = &clients;
    let user = outsider(client)?;
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..rounds + rounds / 4 {
        for (group, samples) in (0..).zip(&mut samples) {
            let took = member(client, group, &user)?;
            if round >= rounds / 4 {
                samples.push(took);
            }
        }
    }
    let [other, own] = samples.map(median);
    let what = format!("one member of a group of {}", many.large_group());
    let than = format!("of {}", data::SMALL_GROUP);
    rows.push(row(&what, &than, own, other, Aim::Within(1.3)));
    Ok(rows)
}
