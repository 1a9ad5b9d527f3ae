//! What one VM's host calls work on.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use wasmtime::{Memory, TypedFunc};

use super::calls::{Answer, Call};
use super::envoy::Settings;
use super::headers::Headers;
use super::process::Process;
use super::stream::{Side, Stream};

/// Something that a host call asked for, done when the callback has returned.
pub(super) enum Deferred {
    Answer { context: u32, status: u32, headers: Headers, body: Vec<u8> },
    Resume { context: u32, side: Side },
    Close { context: u32 },
}

/// The state of one VM.
pub(super) struct Host {
    pub(super) process: Rc<RefCell<Process>>,
    pub(super) settings: Rc<Settings>,
    pub(super) memory: Option<Memory>,
    pub(super) allocate: Option<TypedFunc<u32, u32>>,
    pub(super) streams: BTreeMap<u32, Stream>,
    /// The context that host calls work on.
    pub(super) context: u32,
    pub(super) deferred: Vec<Deferred>,
    /// The filter gave an answer: whatever its callback returns, nothing goes on.
    pub(super) stops: bool,
    pub(super) configuring: bool,
    /// The answer to a call, while the filter looks at it.
    pub(super) call_answer: Option<Answer>,
    pub(super) calls: Vec<Call>,
    pub(super) next_call: u32,
    pub(super) tick_ns: u64,
    /// When the next tick is due; 0 if none is.
    pub(super) next_tick_ns: u64,
    /// Names of metrics; a metric's number is its place and one.
    pub(super) metrics: Vec<String>,
    pub(super) failed: bool,
}

impl Host {
    pub(super) fn new(process: Rc<RefCell<Process>>, settings: Rc<Settings>) -> Self {
        Self {
            process,
            settings,
            memory: None,
            allocate: None,
            streams: BTreeMap::new(),
            context: 0,
            deferred: Vec::new(),
            stops: false,
            configuring: false,
            call_answer: None,
            calls: Vec::new(),
            next_call: 1,
            tick_ns: 0,
            next_tick_ns: 0,
            metrics: Vec::new(),
            failed: false,
        }
    }

    /// The stream that host calls work on; none in a root context.
    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        self.streams.get_mut(&self.context)
    }

    pub(super) fn log(&self, level: u32, text: impl Into<String>) {
        self.process.borrow_mut().write_log(level, text.into());
    }
}
