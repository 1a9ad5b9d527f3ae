//! The provisioning log: what was changed and by whom, in the same commit as the change, as a
//! ring of bounded length in the tenant's tree. It never holds a value or a credential.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::audit::Audit;
use crate::port::{Clock, Kv, Random};
use crate::protocol::datetime;
use crate::store::keys::{self, ResourceId};
use crate::store::{MAX_TREE_VALUE, Read, StoreError, Transaction};

/// The log may be longer than its limit by this many entries, so that the oldest go many at once.
const TRIMMED_AT_ONCE: u64 = 64;
/// Entries of one page.
const PAGE: usize = 200;

/// A resource that a request changed.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) operation: &'static str,
    pub(super) endpoint: String,
    pub(super) id: ResourceId,
}

/// The entry for a change by a client.
pub(super) fn of_change(change: &Change, audit: &Audit) -> Value {
    let mut entry = json!({
        "request": audit.request_id,
        "client": audit.client,
        "dialect": audit.dialect,
        "operation": change.operation,
        "endpoint": change.endpoint,
        "id": change.id.to_text(),
    });
    if !audit.notes.is_empty() {
        entry.as_object_mut().map(|entry| entry.insert("notes".into(), audit.notes.to_json()));
    }
    entry
}

/// The entry for an act of the administrator.
pub(super) fn of_act(operation: &str, target: &str, audit: &Audit) -> Value {
    json!({"request": audit.request_id, "client": null, "administrator": true,
        "operation": operation, "target": target})
}

/// Appends entries, and drops the oldest above `most`; with `most` 0 there is no log.
pub(super) async fn append<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    entries: &[Value],
    most: u64,
) -> Result<(), StoreError> {
    if most == 0 {
        return Ok(());
    }
    let (start, end) = keys::log();
    let count = tx.count(&start, &end).await?;
    let last = match count.checked_sub(1) {
        Some(skip) => tx.range(&start, &end, skip, 1).await?,
        None => Vec::new(),
    };
    let mut number = last.first().and_then(|(key, _)| keys::log_number(key)).unwrap_or_default();
    let time = datetime::format_ms(tx.now_ms());
    for entry in entries {
        let mut entry = entry.clone();
        if let Some(object) = entry.as_object_mut() {
            object.insert("time".into(), time.as_str().into());
        }
        let mut text = entry.to_string();
        if text.len() > MAX_TREE_VALUE {
            entry.as_object_mut().map(|entry| entry.remove("notes"));
            text = entry.to_string();
        }
        number = number.saturating_add(1);
        tx.put(keys::log_entry(number), text.into_bytes());
    }
    let added = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let spare = count.saturating_add(added).saturating_sub(most);
    if spare >= TRIMMED_AT_ONCE {
        let spare = usize::try_from(spare).unwrap_or(usize::MAX);
        for (key, _) in tx.range(&start, &end, 0, spare).await? {
            tx.delete(&key);
        }
    }
    Ok(())
}

/// A page of the log, the latest first: entries with a number below `before`, and the number to
/// ask for the next page with.
pub(super) async fn page(read: &impl Read, before: Option<u64>) -> Result<Value, StoreError> {
    let (start, mut end) = keys::log();
    if let Some(before) = before {
        end = keys::log_entry(before);
    }
    let count = read.count(&start, &end).await?;
    let skip = count.saturating_sub(u64::try_from(PAGE).unwrap_or(u64::MAX));
    let mut entries = Vec::new();
    let mut next = None;
    for (key, value) in read.range(&start, &end, skip, PAGE).await? {
        let number = keys::log_number(&key).unwrap_or_default();
        next = next.or(Some(number)).filter(|_| skip > 0);
        let entry: Option<Value> = serde_json::from_slice(&value).ok();
        let mut entry = entry.ok_or(StoreError::Corrupt("a log entry"))?;
        if let Some(object) = entry.as_object_mut() {
            object.insert("number".into(), number.into());
        }
        entries.push(entry);
    }
    entries.reverse();
    Ok(json!({"entries": entries, "before": next}))
}
