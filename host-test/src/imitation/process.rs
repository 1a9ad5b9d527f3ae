//! What all VMs of one Envoy share: the clock, shared data, metrics, the log.

use std::collections::BTreeMap;

/// Lines of the log that are kept.
const LOG_LINES: usize = 10_000;
/// When the clock starts, in nanoseconds since 1970-01-01T00:00:00Z: 2027-01-15T08:00:00Z.
const START_NS: u64 = 1_800_000_000 * 1_000_000_000;

/// One line that a filter wrote.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// 0 (trace) to 5 (critical).
    pub level: u32,
    /// What was written.
    pub text: String,
}

/// A metric's kind; the numbers are the ABI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// The state of the process.
pub(super) struct Process {
    /// Nanoseconds since 1970-01-01T00:00:00Z. It moves only when it is told to.
    pub(super) now_ns: u64,
    /// Value and number of its last change, by `vm_id` and key.
    shared: BTreeMap<(String, Vec<u8>), (Vec<u8>, u32)>,
    /// One counter for all keys.
    next_cas: u32,
    metrics: BTreeMap<String, (MetricKind, u64)>,
    log: Vec<LogLine>,
    random: u64,
}

impl Process {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now_ns: START_NS,
            shared: BTreeMap::new(),
            next_cas: 1,
            metrics: BTreeMap::new(),
            log: Vec::new(),
            random: seed,
        }
    }

    pub(super) fn shared_data(&self, vm_id: &str, key: &[u8]) -> Option<&(Vec<u8>, u32)> {
        self.shared.get(&(vm_id.to_owned(), key.to_vec()))
    }

    /// Sets a value; `cas` 0 is unconditional. Whether it was set.
    pub(super) fn set_shared_data(
        &mut self,
        vm_id: &str,
        key: &[u8],
        value: Vec<u8>,
        cas: u32,
    ) -> bool {
        let key = (vm_id.to_owned(), key.to_vec());
        // A condition on a key that is missing holds: so does Envoy.
        if self.shared.get(&key).is_some_and(|(_, known)| cas != 0 && cas != *known) {
            return false;
        }
        self.shared.insert(key, (value, self.next_cas));
        self.next_cas = self.next_cas.checked_add(1).unwrap_or(1);
        true
    }

    pub(super) fn define_metric(&mut self, name: &str, kind: MetricKind) {
        self.metrics.entry(name.to_owned()).or_insert((kind, 0));
    }

    pub(super) fn metric(&mut self, name: &str) -> Option<&mut (MetricKind, u64)> {
        self.metrics.get_mut(name)
    }

    /// All metrics: a counter's and a gauge's value, a histogram's count.
    pub(super) fn metrics(&self) -> BTreeMap<String, u64> {
        self.metrics.iter().map(|(name, (_, value))| (name.clone(), *value)).collect()
    }

    pub(super) fn write_log(&mut self, level: u32, text: String) {
        if self.log.len() < LOG_LINES {
            self.log.push(LogLine { level, text });
        }
    }

    pub(super) fn take_log(&mut self) -> Vec<LogLine> {
        core::mem::take(&mut self.log)
    }

    /// The next number of a sequence that the seed fixes (splitmix64).
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
