//! Running a job and publishing what it wrote, alone or together with those of other tasks.

use core::future::poll_fn;

use super::commit::Outcome;
use super::group::{Cue, Ticket};
use super::kv::Kv;
use super::transaction::{Draft, Savepoint};
use super::{Store, StoreError, Transaction};
use crate::port::{Clock, Random};

/// How often a writer starts again because a node is gone.
const RESTARTS: u32 = 3;
/// Milliseconds for which a writer that loses races tries again.
const CONFLICT_MS: u64 = 20_000;

impl<K: Kv, C: Clock, R: Random> Store<K, C, R> {
    /// Runs `job` on the newest state and publishes what it wrote, all of it or nothing.
    ///
    /// Jobs that wait in one store are published together by one commit. Each sees what those
    /// before it wrote, and each succeeds or fails for itself. When another store was faster, the
    /// job runs again on what is there then: whatever it found out and put holds at the moment of
    /// publication. A job that writes nothing publishes nothing. A job that fails changes nothing.
    /// A missing root is created when there is something to publish.
    ///
    /// A job must not call `transact` of the same store: it would wait for itself.
    ///
    /// # Errors
    /// Those of the job; [`StoreError::Unavailable`] when nothing was changed, also after 20 s of
    /// lost races; [`StoreError::UnknownOutcome`] when the change may have been published.
    pub async fn transact<T, E: From<StoreError>>(
        &self,
        mut job: impl AsyncFnMut(&mut Transaction<'_, K, C, R>) -> Result<T, E>,
    ) -> Result<T, E> {
        let started = self.clock.now_ms();
        self.collect_sometimes().await;
        let mut member = Member::join(self);
        let mut restarts = 0;
        let mut staged = false;
        let mut result = None;
        let end = loop {
            match member.cue().await {
                Cue::Run => {
                    let waited = self.clock.now_ms().saturating_sub(started);
                    if core::mem::take(&mut staged) && waited > CONFLICT_MS {
                        break Err(StoreError::Unavailable("too many writers at once"));
                    }
                    let turn = match member.open().await {
                        Ok(turn) => turn,
                        Err(error) => break Err(error),
                    };
                    let ended = job(&mut turn.transaction).await;
                    if ended.is_err() && turn.transaction.has_moved() && restarts < RESTARTS {
                        restarts += 1;
                        member.spoil();
                        continue;
                    }
                    let ended = ended.and_then(|value| {
                        turn.transaction.check()?;
                        Ok(value)
                    });
                    let ended_well = ended.is_ok();
                    result = Some(ended);
                    if member.end_turn(ended_well) {
                        break Ok(());
                    }
                    staged = true;
                }
                Cue::Publish => self.publish(&mut member).await,
                Cue::Settled(Err(StoreError::Moved)) if restarts < RESTARTS => {
                    restarts += 1;
                    staged = false;
                    self.group.borrow_mut().queue(member.ticket, true);
                }
                Cue::Settled(end) => break end,
            }
        };
        drop(member);
        if !matches!(end, Err(StoreError::UnknownOutcome)) {
            self.tidy().await;
        }
        match (end, result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Unavailable("the job did not run").into()),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Deletes what lost batches have left, if no batch to come will retire it.
    async fn tidy(&self) {
        let orphans = self.group.borrow_mut().leftovers();
        self.delete(&orphans).await;
    }
}

/// A task among the writers of its store. Dropping it, at any time, takes back what its job has
/// written so far in its turn, and hands on.
pub(super) struct Member<'s, K: Kv, C: Clock, R: Random> {
    store: &'s Store<K, C, R>,
    ticket: Ticket,
    turn: Option<Turn<'s, K, C, R>>,
}

/// What the acting writer holds.
pub(super) struct Turn<'s, K, C, R> {
    pub(super) transaction: Transaction<'s, K, C, R>,
    /// The state before the job; none while the batch is published.
    before: Option<Savepoint>,
    /// Nothing was written before: what the job finds is what is published.
    fresh: bool,
}

impl<'s, K: Kv, C: Clock, R: Random> Member<'s, K, C, R> {
    fn join(store: &'s Store<K, C, R>) -> Self {
        let ticket = store.group.borrow_mut().join();
        Self { store, ticket, turn: None }
    }

    async fn cue(&self) -> Cue {
        poll_fn(|context| {
            let cue = self.store.group.borrow_mut().poll(self.ticket, context);
            if cue.is_pending() {
                self.store.clock.wait_for_another();
            }
            cue
        })
        .await
    }

    /// Begins the turn: on what others have put on the draft, or on the newest root.
    async fn open(&mut self) -> Result<&mut Turn<'s, K, C, R>, StoreError> {
        let draft = self.store.group.borrow_mut().open(self.ticket);
        let (draft, fresh) = if let Some(draft) = draft {
            (draft, false)
        } else {
            let lost = self.store.group.borrow().lost;
            if lost > 0 {
                self.store.back_off(lost - 1).await;
            }
            (Draft::new(self.store, self.store.published().await?), true)
        };
        let mut transaction = Transaction::new(self.store, draft);
        let before = Some(transaction.begin_job());
        Ok(self.turn.insert(Turn { transaction, before, fresh }))
    }

    /// Ends the turn. Whether that is the end of the writer, too, since nothing is to be published
    /// and what its job found out is published.
    fn end_turn(&mut self, ended_well: bool) -> bool {
        let Some(turn) = self.turn.take() else { return true };
        let Turn { mut transaction, before, fresh } = turn;
        if let (false, Some(before)) = (ended_well, before) {
            transaction.rollback_to(&before);
        }
        if fresh && transaction.draft.is_unchanged() {
            return true;
        }
        self.store.group.borrow_mut().stage(self.ticket, transaction.draft);
        false
    }

    /// Ends the turn and the batch with it: it is too old to be published.
    fn spoil(&mut self) {
        self.turn = None;
        let mut group = self.store.group.borrow_mut();
        group.settle(Ok(Outcome::Lost));
        group.queue(self.ticket, true);
    }

    /// The draft, for the time in which it is being made ready. Dropping the writer gives it back.
    pub(super) fn hold(&mut self) -> Option<&mut Turn<'s, K, C, R>> {
        let draft = self.store.group.borrow_mut().draft()?;
        let transaction = Transaction::new(self.store, draft);
        Some(self.turn.insert(Turn { transaction, before: None, fresh: false }))
    }

    /// The draft is ready.
    pub(super) fn release(&mut self) -> Option<Draft> {
        self.turn.take().map(|turn| turn.transaction.draft)
    }
}

impl<K: Kv, C: Clock, R: Random> Drop for Member<'_, K, C, R> {
    fn drop(&mut self) {
        let mut group = self.store.group.borrow_mut();
        if let Some(Turn { mut transaction, before, .. }) = self.turn.take() {
            if let Some(before) = before {
                transaction.rollback_to(&before);
            }
            group.put_back(transaction.draft);
        }
        group.leave(self.ticket);
    }
}
