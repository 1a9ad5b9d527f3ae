//! Reading a user from a body and writing it again, against `serde_json` alone.

use anyhow::{anyhow, ensure};
use scim_core::protocol::limits::Limits;
use scim_core::protocol::{Notes, json};
use scim_core::resource::read::{Reading, Unknown};
use scim_core::schema::{self, ResourceType};
use serde_json::Value;

use super::sample;
use super::stopwatch::Stopwatch;
use super::table::{Aim, Row};

/// Parse, validate and serialize.
pub(super) fn round_trip(watch: &mut Stopwatch) -> anyhow::Result<Row> {
    let resource_type = schema::user();
    let body = sample::body()?;
    let bare: Value = serde_json::from_slice(&validated(&body, &resource_type)?)?;
    ensure!(bare == sample::user()?, "reading changes the user");
    Ok(Row {
        what: format!("parse, validate, serialize a user of {} bytes", body.len()),
        baseline: "serde_json::Value there and back".into(),
        own: watch.time("user, validated", || validated(&body, &resource_type).is_ok())?,
        other: watch.time("user, bare", || bare_round_trip(&body).is_ok())?,
        aim: Aim::Within(3.0),
    })
}

fn validated(body: &[u8], resource_type: &ResourceType) -> anyhow::Result<Vec<u8>> {
    let reading = Reading { resource_type, unknown: Unknown::Ignore };
    let object = json::parse_object(body, &Limits::default());
    let resource = object.and_then(|object| reading.resource(object, &mut Notes::default()));
    Ok(serde_json::to_vec(&resource.map_err(|error| anyhow!("{error}"))?)?)
}

/// From text to text through a `Value`.
pub(super) fn bare_round_trip(body: &[u8]) -> serde_json::Result<Vec<u8>> {
    serde_json::from_slice::<Value>(body).and_then(|value| serde_json::to_vec(&value))
}
