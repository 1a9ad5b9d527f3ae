//! Engines that misbehave as real ones do, for tests of the component.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use super::operation::{Failed, Write, Written};

/// One write in so many has the fault, where not all of them have.
const ODDS: usize = 7;

/// What an engine does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    /// Every swap says that it failed, also when it took place: Spin's Redis engine.
    FailedSwaps,
    /// Some writes are done and answered with an error: a connection that breaks.
    LostReplies,
    /// Some batches are written in part and answered with an error: `DynamoDB`.
    HalfBatches,
}

/// A fault, and how many writes it has seen.
#[derive(Clone, Debug)]
pub(super) struct Faults(Fault, Arc<AtomicUsize>);

impl Faults {
    pub(super) fn new(fault: Fault) -> Self {
        // Counted from one: the first writes make the root, before anybody is there to wait.
        Self(fault, Arc::new(AtomicUsize::new(1)))
    }

    /// What reaches the engine of `write`.
    pub(super) fn before(&self, mut write: Write) -> (Write, Answered) {
        let turn = self.1.fetch_add(1, Ordering::Relaxed).is_multiple_of(ODDS);
        let answered = match (self.0, &mut write) {
            (Fault::FailedSwaps, Write::Swap { .. }) => Answered::NotSwapped,
            (Fault::LostReplies, _) if turn => Answered::Failed,
            (Fault::HalfBatches, Write::Set(entries)) if turn && entries.len() > 1 => {
                entries.truncate(entries.len() / 2);
                Answered::Failed
            }
            _ => Answered::Truly,
        };
        (write, answered)
    }
}

/// What is said of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Truly,
    NotSwapped,
    Failed,
}

impl Answered {
    pub(super) fn after(self, written: Result<Written, Failed>) -> Result<Written, Failed> {
        match self {
            Self::Truly => written,
            Self::NotSwapped => written.map(|_| Written::Swapped(false)),
            Self::Failed => written.and(Err(Failed("a fault that was asked for".into()))),
        }
    }
}
