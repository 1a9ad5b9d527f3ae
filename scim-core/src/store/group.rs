//! Group commit: whose turn it is on the transaction that the tasks of one store share.
//!
//! Writers that wait in one store are published together. Each has a ticket. One after the other,
//! in the order of their tickets, they run their jobs on one shared draft; the last one, or the
//! one that fills the batch, publishes it for all. Nobody runs a job while a batch is published:
//! those who come meanwhile make the next one. There is no executor here, only the wakers of the
//! tasks: whoever ends its turn, or is dropped in it, hands on to the next.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::task::{Context, Poll, Waker};

use super::StoreError;
use super::address::EntryId;
use super::commit::{Outcome, Sealed};
use super::transaction::Draft;

/// Most jobs of one batch.
pub(super) const MAX_JOBS: u32 = 64;
/// A batch takes no further job once it writes more than this many bytes.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// A writer, in the order of arrival.
pub(super) type Ticket = u64;

/// What a writer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    /// Run the job, for the first time or again because what it ran on was never published.
    Run,
    /// Publish the batch; its own job is part of it.
    Publish,
    /// Nothing: this is how the batch ended.
    Settled(Result<(), StoreError>),
}

struct Waiting {
    waker: Option<Waker>,
    /// Its batch must hold no other job: one of them may have been the reason why it failed.
    alone: bool,
}

/// A shared transaction, from its first job until it is known what became of it.
struct Batch {
    /// Those whose jobs have run.
    members: BTreeMap<Ticket, Option<Waker>>,
    stage: Stage,
    alone: bool,
}

enum Stage {
    /// `None` while the acting writer holds it.
    Open(Option<Draft>),
    Sealed(Rc<Sealed>),
}

/// The writers of one store.
#[derive(Default)]
pub(super) struct Group {
    last: Ticket,
    /// Those whose jobs have yet to run.
    waiting: BTreeMap<Ticket, Waiting>,
    /// The one whose turn it is.
    acting: Option<Ticket>,
    batch: Option<Batch>,
    /// How the batch ended, for members that have not looked yet.
    settled: BTreeMap<Ticket, Result<(), StoreError>>,
    /// Entries of batches that have lost. They are retired by the next one that wins.
    pub(super) orphans: Vec<EntryId>,
    /// How many batches in a row have lost.
    pub(super) lost: u32,
}

impl Group {
    /// A new writer at the end of the queue.
    pub(super) fn join(&mut self) -> Ticket {
        self.last += 1;
        self.queue(self.last, false);
        self.last
    }

    /// Puts a writer into the queue (again).
    pub(super) fn queue(&mut self, ticket: Ticket, alone: bool) {
        self.waiting.insert(ticket, Waiting { waker: None, alone });
        if self.acting == Some(ticket) {
            self.acting = None;
        }
        self.hand_on();
    }

    pub(super) fn poll(&mut self, ticket: Ticket, context: &Context<'_>) -> Poll<Cue> {
        if let Some(end) = self.settled.remove(&ticket) {
            return Poll::Ready(Cue::Settled(end));
        }
        let member = self.batch.as_mut().and_then(|batch| batch.members.get_mut(&ticket));
        if self.acting == Some(ticket) {
            return Poll::Ready(if member.is_some() { Cue::Publish } else { Cue::Run });
        }
        let waker = match (member, self.waiting.get_mut(&ticket)) {
            (Some(waker), _) => waker,
            (None, Some(waiting)) => &mut waiting.waker,
            (None, None) => return Poll::Pending,
        };
        *waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// The draft of the open batch, for the acting writer to put its changes on. `None` if there
    /// is no such batch, or if nothing stands in it: then it begins anew, on the newest root.
    pub(super) fn open(&mut self, ticket: Ticket) -> Option<Draft> {
        let alone = self.waiting.remove(&ticket).is_some_and(|waiting| waiting.alone);
        if let Some(Batch { stage: Stage::Open(draft), members, .. }) = &mut self.batch
            && let Some(draft) = draft.take()
            && !(draft.is_unchanged() && members.is_empty())
        {
            return Some(draft);
        }
        self.batch = Some(Batch { members: BTreeMap::new(), stage: Stage::Open(None), alone });
        None
    }

    /// What the batch has become, for the acting writer to publish it.
    pub(super) fn sealed(&self) -> Option<Rc<Sealed>> {
        match &self.batch.as_ref()?.stage {
            Stage::Sealed(sealed) => Some(Rc::clone(sealed)),
            Stage::Open(_) => None,
        }
    }

    pub(super) fn draft(&mut self) -> Option<Draft> {
        match &mut self.batch.as_mut()?.stage {
            Stage::Open(draft) => draft.take(),
            Stage::Sealed(_) => None,
        }
    }

    /// Gives the draft back.
    pub(super) fn put_back(&mut self, draft: Draft) {
        if let Some(Batch { stage: Stage::Open(place), .. }) = &mut self.batch {
            *place = Some(draft);
        }
    }

    /// The acting writer's job has run, and its end depends on that of the batch.
    pub(super) fn stage(&mut self, ticket: Ticket, draft: Draft) {
        self.put_back(draft);
        if let Some(batch) = &mut self.batch {
            batch.members.insert(ticket, None);
        }
        self.acting = None;
        self.hand_on();
    }

    /// From here on the batch is what is to be written.
    pub(super) fn seal(&mut self, sealed: Rc<Sealed>) {
        if let Some(batch) = &mut self.batch {
            batch.stage = Stage::Sealed(sealed);
        }
    }

    /// Ends the batch: all its members learn of it, or run their jobs again if it is lost.
    pub(super) fn settle(&mut self, end: Result<Outcome, StoreError>) {
        self.acting = None;
        let members = self.batch.take().map(|batch| batch.members).unwrap_or_default();
        for (ticket, waker) in members {
            match end {
                Ok(Outcome::Lost) => {
                    self.waiting.insert(ticket, Waiting { waker, alone: false });
                }
                Ok(Outcome::Published) => self.inform(ticket, Ok(()), waker),
                Err(error) => self.inform(ticket, Err(error), waker),
            }
        }
        self.hand_on();
    }

    fn inform(&mut self, ticket: Ticket, end: Result<(), StoreError>, waker: Option<Waker>) {
        self.settled.insert(ticket, end);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A writer goes, at its end or in the middle of its turn. What its job has put on the draft
    /// stays if the draft was given back with it.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
        self.settled.remove(&ticket);
        if let Some(batch) = &mut self.batch {
            batch.members.remove(&ticket);
        }
        if self.acting == Some(ticket) {
            self.acting = None;
        }
        self.hand_on();
    }

    /// What lost batches have left, if nobody is here whose batch could retire it.
    pub(super) fn leftovers(&mut self) -> Vec<EntryId> {
        let idle = self.waiting.is_empty() && self.acting.is_none() && self.batch.is_none();
        if idle { core::mem::take(&mut self.orphans) } else { Vec::new() }
    }

    /// Decides whose turn it is if it is nobody's: the next in the queue adds its job, or a member
    /// publishes. A batch without members is nobody's any more.
    fn hand_on(&mut self) {
        if self.acting.is_some() {
            return;
        }
        let front =
            self.waiting.first_key_value().map(|(ticket, waiting)| (*ticket, waiting.alone));
        let waker = match (&mut self.batch, front) {
            (Some(batch), Some((ticket, alone))) if batch.takes(alone) => {
                self.acting = Some(ticket);
                self.waiting.get_mut(&ticket).and_then(|waiting| waiting.waker.take())
            }
            (Some(batch), _) if !batch.members.is_empty() => {
                let mut member = batch.members.first_entry();
                self.acting = member.as_ref().map(|member| *member.key());
                member.as_mut().and_then(|member| member.get_mut().take())
            }
            (_, front) => {
                self.batch = None;
                self.acting = front.map(|(ticket, _)| ticket);
                front.and_then(|(ticket, _)| self.waiting.get_mut(&ticket)?.waker.take())
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Batch {
    /// Whether one more job may join.
    fn takes(&self, alone: bool) -> bool {
        match &self.stage {
            Stage::Open(Some(draft)) => {
                !self.alone && !alone && draft.turns < MAX_JOBS && draft.bytes < MAX_BATCH_BYTES
            }
            Stage::Open(None) | Stage::Sealed(_) => false,
        }
    }
}
