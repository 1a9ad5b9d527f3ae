//! PATCH on a resource in memory, against a round trip of that resource through `serde_json`: what
//! a service pays anyway to load and store it.

use anyhow::{Context as _, anyhow, ensure};
use scim_core::protocol::json::Object;
use scim_core::protocol::{Error, Notes, limits::Limits, patch};
use scim_core::resource::patch::{Change, Leniency, apply as apply_changes, resolve};
use scim_core::resource::read::{Reading, Unknown};
use scim_core::schema::{self, ResourceType};
use serde_json::{Value, json};

use super::bodies::bare_round_trip;
use super::sample::{self, MEMBERS};
use super::stopwatch::Stopwatch;
use super::table::{Aim, Row};

/// One attribute of a user; one member of a group.
pub(super) fn apply(watch: &mut Stopwatch) -> anyhow::Result<Vec<Row>> {
    // Every message leaves the resource as the one before found it, so that it can be repeated.
    let member = json!({"value": "2819c223-7f76-453a-919d-413861904646"});
    let selected = "members[value eq \"2819c223-7f76-453a-919d-413861904646\"]";
    let user = row(
        watch,
        "PATCH one of 40 attributes of a user",
        &schema::user(),
        sample::stored_user()?,
        &json!([{"op": "replace", "path": "title", "value": "Vice President"}]),
    )?;
    let group = row(
        watch,
        &format!("PATCH a member into a group of {MEMBERS}, and out"),
        &schema::group(),
        sample::group(),
        &json!([
            {"op": "add", "path": "members", "value": [member]},
            {"op": "remove", "path": selected},
        ]),
    )?;
    Ok(vec![user, group])
}

fn row(
    watch: &mut Stopwatch,
    what: &str,
    resource_type: &ResourceType,
    resource: Value,
    operations: &Value,
) -> anyhow::Result<Row> {
    let body = serde_json::to_vec(&resource)?;
    let Value::Object(mut resource) = resource else { return Err(anyhow!("not an object")) };
    let changes = changes(resource_type, operations).map_err(|error| anyhow!("{error}"))?;
    ensure!(changes.len() == operations.as_array().context("operations")?.len(), "{what}");
    let mut once = || apply_changes(resource_type, &mut resource, &changes);
    once().map_err(|error| anyhow!("{error}"))?;
    Ok(Row {
        what: what.into(),
        own: watch.time(what, || once().is_ok())?,
        other: watch.time("serde_json round trip", || bare_round_trip(&body).is_ok())?,
        baseline: "serde_json::Value there and back".into(),
        aim: Aim::Open,
    })
}

fn changes(resource_type: &ResourceType, operations: &Value) -> Result<Vec<Change>, Error> {
    let limits = Limits::default();
    let message: Object = [("Operations".into(), operations.clone())].into_iter().collect();
    let operations = patch::parse(&message, &limits)?;
    let reading = Reading { resource_type, unknown: Unknown::Ignore };
    let leniency = Leniency { replace_creates: false, remove_all_members: false };
    resolve(&operations, &reading, leniency, &mut Notes::default())
}
