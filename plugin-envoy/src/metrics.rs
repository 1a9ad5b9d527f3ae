//! Counters in Envoy's statistics, with a bounded number of labels.

use core::cell::RefCell;
use std::collections::BTreeMap;

use crate::answer::Audit;
use crate::host;

/// Sets of labels of one worker; what comes after them is counted as `other`.
const LABEL_SETS: usize = 1000;

/// The counters of one worker, by their names.
#[derive(Default)]
pub(crate) struct Metrics {
    counters: RefCell<BTreeMap<String, u32>>,
    gauges: RefCell<BTreeMap<&'static str, u32>>,
}

impl Metrics {
    /// Counts a request that ended for `reason`. Names of clients and tenants are the configured
    /// ones: nobody makes up labels by sending requests.
    pub(crate) fn count(&self, audit: &Audit, reason: &str) {
        let label = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let (client, tenant) = (label(&audit.client), label(&audit.tenant));
        let named = format!("scim_edge.requests.result={reason};client={client};tenant={tenant}");
        let mut counters = self.counters.borrow_mut();
        let other = "scim_edge.requests.result=other;client=other;tenant=other";
        let full = counters.len() >= LABEL_SETS && !counters.contains_key(&named);
        let name = if full { other.to_owned() } else { named };
        let known = counters.get(&name).copied();
        if let Some(id) = known.or_else(|| host::define_counter(&name)) {
            if known.is_none() {
                counters.insert(name, id);
            }
            host::count(id);
        }
    }

    /// Sets a gauge.
    pub(crate) fn gauge(&self, name: &'static str, value: u64) {
        let mut gauges = self.gauges.borrow_mut();
        let known = gauges.get(name).copied();
        if let Some(id) = known.or_else(|| host::define_gauge(name)) {
            gauges.insert(name, id);
            host::set_gauge(id, value);
        }
    }
}
