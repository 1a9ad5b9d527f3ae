//! Bulk: many operations in one request, published by one commit (RFC 7644 §3.7).
//!
//! Each operation is all or nothing: one that fails is taken back by a savepoint. Operations that
//! refer to each other in a circle succeed or fail together.

mod order;
mod prepare;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;

use self::order::order;
use self::prepare::{Action, Prepared, What};
use super::answer::Answer;
use super::audit::{Audit, Operations};
use super::log::Change;
use super::view::etag;
use super::{Call, Tenant};
use crate::port::{Clock, Kv, Random};
use crate::protocol::Error;
use crate::protocol::bulk::{self, Method, Operation, Outcome};
use crate::protocol::json::Object;
use crate::store::Transaction;
use crate::store::record::Record;

/// From this status on the fault is ours and not the operation's: nothing of the request is kept.
const OWN_FAULT: u16 = 500;

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    /// Carries a Bulk message out.
    ///
    /// # Errors
    /// As [`bulk::parse`]; 503 and 500 of the store. Whatever else goes wrong stands in the
    /// answer, by operation.
    pub(super) async fn bulk(
        &self,
        call: &Call<'_>,
        message: &Object,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        let request = bulk::parse(message, &self.config.limits)?;
        let operations = &request.operations;
        let names = prepare::names(operations, self.store.clock().now_ms(), self.store.random());
        let notes = &mut audit.notes;
        let prepare = |operation| self.prepare(call, operation, &names, notes);
        let prepared: Vec<Prepared<'_>> = operations.iter().map(prepare).collect();
        let most = request
            .fail_on_errors
            .map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let waits_for: Vec<BTreeSet<usize>> =
            prepared.iter().map(|p| p.waits_for.clone()).collect();
        let groups = order(&waits_for);
        let job = async |tx: &mut Transaction<'_, K, C, R>| {
            let outcomes = run(tx, &prepared, &groups, most).await?;
            let changes = changes(tx, operations, &prepared, &outcomes);
            Ok((outcomes, changes))
        };
        let outcomes = self.commit(audit, job).await?;
        let mut done_operations = Operations::default();
        for (at, outcome) in &outcomes {
            let (Some(operation), Some(prepared)) = (operations.get(*at), prepared.get(*at)) else {
                continue;
            };
            let target = prepared.action.as_ref().ok();
            let target = target.map(|a| (&*a.write.view.resource_type.endpoint, a.id));
            done_operations.add(operation.method.as_str(), target, outcome.status);
        }
        audit.bulk = Some(done_operations);
        let done =
            outcomes.iter().filter_map(|(at, outcome)| Some((operations.get(*at)?, outcome)));
        Ok(Answer::ok(bulk::response(done)))
    }
}

/// Carries out what was prepared, group after group, until `most` of it have failed. The outcomes
/// by operation; what was left undone has none.
async fn run<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    prepared: &[Prepared<'_>],
    groups: &[Vec<usize>],
    most: usize,
) -> Result<BTreeMap<usize, Outcome>, Error> {
    let mut outcomes = BTreeMap::new();
    let mut failed = BTreeSet::new();
    for group in groups {
        if failed.len() >= most {
            break;
        }
        match run_group(tx, prepared, group, &failed).await {
            Ok(done) => outcomes.extend(done),
            Err((_, error)) if error.status() >= OWN_FAULT => return Err(error),
            Err((culprit, error)) => {
                failed.extend(group);
                for at in group {
                    let location = prepared.get(*at).and_then(|p| p.location.clone());
                    let error = if *at == culprit { &error } else { &refers_to_failed() };
                    outcomes.insert(*at, Outcome::failed(error, location));
                }
            }
        }
    }
    Ok(outcomes)
}

/// What the operations changed, for the log.
fn changes<K: Kv, C: Clock, R: Random>(
    tx: &Transaction<'_, K, C, R>,
    operations: &[Operation],
    prepared: &[Prepared<'_>],
    outcomes: &BTreeMap<usize, Outcome>,
) -> Vec<Change> {
    let now = etag(tx.version());
    let change = |(at, outcome): (&usize, &Outcome)| {
        let action = prepared.get(*at)?.action.as_ref().ok()?;
        let operation = match operations.get(*at)?.method {
            Method::Post => "create",
            Method::Put => "replace",
            Method::Patch => "modify",
            Method::Delete => "delete",
        };
        let wrote = outcome.version.as_ref().is_none_or(|version| *version == now);
        let endpoint = action.write.view.resource_type.endpoint.to_string();
        (outcome.status < 400 && wrote).then_some(Change { operation, endpoint, id: action.id })
    };
    outcomes.iter().filter_map(change).collect()
}

fn refers_to_failed() -> Error {
    Error::unresolved("an operation that this one refers to has failed")
}

/// Carries out a group of operations that refer to each other, or a single one: all or nothing.
///
/// # Errors
/// Which operation failed, and why. The transaction is as it was before.
async fn run_group<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    prepared: &[Prepared<'_>],
    group: &[usize],
    failed: &BTreeSet<usize>,
) -> Result<Vec<(usize, Outcome)>, (usize, Error)> {
    let mut actions = Vec::with_capacity(group.len());
    for at in group {
        let Some(prepared) = prepared.get(*at) else { continue };
        if !prepared.waits_for.is_disjoint(failed) {
            return Err((*at, refers_to_failed()));
        }
        actions.push((*at, prepared.action.as_ref().map_err(|error| (*at, error.clone()))?));
    }
    let before = tx.savepoint();
    let mut outcomes = Vec::with_capacity(actions.len());
    for (at, action) in &actions {
        match run_action(tx, action).await {
            Ok(outcome) => outcomes.push((*at, outcome)),
            Err(error) => {
                tx.rollback_to(&before);
                return Err((*at, error));
            }
        }
    }
    for (at, action) in &actions {
        // Only now all members that the group names can be there.
        if let Err(error) = add_members(tx, action).await {
            tx.rollback_to(&before);
            return Err((*at, error));
        }
    }
    Ok(outcomes)
}

async fn run_action<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    action: &Action<'_>,
) -> Result<Outcome, Error> {
    let Action { write, id, condition, what } = action;
    let shown = |status, record: &Record| Outcome {
        status,
        location: Some(write.view.location(*id)),
        version: Some(etag(record.version)),
        response: None,
    };
    let outcome = match what {
        What::Create(wanted) => shown(201, &write.create_alone(tx, *id, wanted).await?),
        What::Replace(wanted) => shown(200, &write.replace(tx, *id, wanted, condition).await?),
        What::Modify(change) => shown(200, &write.modify(tx, *id, change, condition).await?),
        What::Delete => {
            write.delete(tx, *id, condition).await?;
            let location = Some(write.view.location(*id));
            Outcome { status: 204, location, version: None, response: None }
        }
    };
    tx.check()?;
    Ok(outcome)
}

async fn add_members<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    action: &Action<'_>,
) -> Result<(), Error> {
    if let What::Create(wanted) = &action.what {
        action.write.add_members(tx, action.id, wanted).await?;
        tx.check()?;
    }
    Ok(())
}
