//! The whole: workers, requests, the upstream, time.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::Result;

use super::calls::Cluster;
use super::headers::Headers;
use super::process::{LogLine, Process};
use super::reply::LocalReply;
use super::stream::{Exchange, Side, Stream};
use super::vm::{Program, Vm};

const NS_PER_MS: u64 = 1_000_000;

/// What Envoy's configuration says about the filter.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `vm_config.vm_id`: shared data is common to all filters of one.
    pub vm_id: String,
    /// `name`.
    pub plugin_name: String,
    /// `root_id`.
    pub root_id: String,
    /// `configuration`.
    pub configuration: Vec<u8>,
    /// `vm_config.environment_variables`.
    pub environment: Vec<(String, String)>,
    /// `allow_on_headers_stop_iteration`.
    pub holds_headers: bool,
    /// `per_connection_buffer_limit_bytes` of the listener.
    pub buffer_limit: usize,
    /// Milliseconds before a filter that died is started anew (`FAIL_RELOAD`).
    pub reload_ms: u64,
    /// Clusters that the filter can call.
    pub clusters: BTreeMap<String, Cluster>,
    /// Fixes what the filter is given as randomness.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            vm_id: "scim".into(),
            plugin_name: "scim".into(),
            root_id: "scim".into(),
            configuration: Vec::new(),
            environment: Vec::new(),
            holds_headers: true,
            buffer_limit: 1024 * 1024,
            reload_ms: 100,
            clusters: BTreeMap::new(),
            seed: 0,
        }
    }
}

/// How an upstream fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing listens there.
    Refused,
    /// It closes the connection.
    Reset,
    /// It does not answer in time.
    Late,
}

/// A request, by worker, VM and context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    worker: usize,
    vm: usize,
    context: u32,
}

struct Worker {
    /// The last one is in use; the others died, with requests still in them.
    vms: Vec<Vm>,
    loaded_ns: u64,
}

/// An Envoy with one filter, a router behind it, and a clock that stands until it is moved.
pub struct Envoy {
    program: Rc<Program>,
    settings: Rc<Settings>,
    process: Rc<RefCell<Process>>,
    workers: Vec<Worker>,
    reloads: u64,
}

impl Envoy {
    /// Starts an Envoy of `workers` threads, and the VM of the main thread, which has no requests.
    ///
    /// # Errors
    /// As real Envoy: a filter that dies at its start, or refuses its configuration.
    pub fn start(program: &Rc<Program>, settings: Settings, workers: usize) -> Result<Self> {
        let process = Rc::new(RefCell::new(Process::new(settings.seed)));
        let settings = Rc::new(settings);
        let loaded_ns = process.borrow().now_ns;
        let worker = |_| {
            let vms = vec![Vm::start(program, &process, &settings)?];
            Ok(Worker { vms, loaded_ns })
        };
        let workers = (0..=workers).map(worker).collect::<Result<_>>()?;
        Ok(Self { program: Rc::clone(program), settings, process, workers, reloads: 0 })
    }

    /// A request's head comes to a worker (from 0).
    pub fn request(&mut self, worker: usize, headers: Headers, end: bool) -> StreamId {
        self.request_with(worker, headers, end, BTreeMap::new())
    }

    /// The same with properties of its connection, by their paths joined by NUL.
    pub fn request_with(
        &mut self,
        worker: usize,
        headers: Headers,
        end: bool,
        properties: BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> StreamId {
        // The first is the main thread's.
        let number = (worker + 1).min(self.workers.len().saturating_sub(1));
        self.reload(number);
        let mut id = StreamId { worker: number, vm: 0, context: 0 };
        if let Some(worker) = self.workers.get_mut(number) {
            id.vm = worker.vms.len().saturating_sub(1);
            if let Some(vm) = worker.vms.last_mut() {
                id.context = vm.open(Stream { properties, ..Stream::default() });
                vm.headers(id.context, Side::Request, headers, end);
            }
        }
        id
    }

    /// A filter that died is started anew, if the last start is long enough ago.
    fn reload(&mut self, number: usize) {
        let now = self.process.borrow().now_ns;
        let Some(worker) = self.workers.get_mut(number) else { return };
        let failed = worker.vms.last().is_some_and(Vm::failed);
        if !failed || now - worker.loaded_ns < self.settings.reload_ms * NS_PER_MS {
            return;
        }
        worker.loaded_ns = now;
        if let Ok(vm) = Vm::start(&self.program, &self.process, &self.settings) {
            worker.vms.push(vm);
            self.reloads += 1;
        }
    }

    fn vm(&mut self, id: StreamId) -> Option<&mut Vm> {
        self.workers.get_mut(id.worker)?.vms.get_mut(id.vm)
    }

    /// A piece of the request's body comes.
    pub fn request_data(&mut self, id: StreamId, data: &[u8], end: bool) {
        if let Some(vm) = self.vm(id) {
            vm.data(id.context, Side::Request, data.to_vec(), end);
        }
    }

    /// The request ends by trailers.
    pub fn request_trailers(&mut self, id: StreamId, trailers: Headers) {
        if let Some(vm) = self.vm(id) {
            vm.trailers(id.context, Side::Request, trailers);
        }
    }

    /// The client goes away.
    pub fn client_leaves(&mut self, id: StreamId) {
        if let Some(vm) = self.vm(id) {
            vm.cut(id.context);
        }
    }

    /// The upstream's answer begins. Nothing happens unless the request has reached it.
    pub fn answer(&mut self, id: StreamId, headers: Headers, end: bool) {
        if self.exchange(id).is_none_or(|exchange| exchange.upstream.headers.is_none()) {
            return;
        }
        if let Some(vm) = self.vm(id) {
            if let Some(stream) = vm.stream(id.context).filter(|stream| !stream.response.started) {
                stream.exchange.details = Some("via_upstream".into());
            }
            vm.headers(id.context, Side::Response, headers, end);
        }
    }

    /// A piece of the answer's body comes.
    pub fn answer_data(&mut self, id: StreamId, data: &[u8], end: bool) {
        if let Some(vm) = self.vm(id)
            && vm.stream(id.context).is_some_and(|stream| stream.response.started)
        {
            vm.data(id.context, Side::Response, data.to_vec(), end);
        }
    }

    /// The answer ends by trailers.
    pub fn answer_trailers(&mut self, id: StreamId, trailers: Headers) {
        if let Some(vm) = self.vm(id)
            && vm.stream(id.context).is_some_and(|stream| stream.response.started)
        {
            vm.trailers(id.context, Side::Response, trailers);
        }
    }

    /// The upstream fails in the middle of the request or of its answer.
    pub fn upstream_fails(&mut self, id: StreamId, failure: Failure) {
        const CONNECT: &str = "upstream connect error or disconnect/reset before headers. ";
        let Some(vm) = self.vm(id) else { return };
        let reached = |stream: &&mut Stream| stream.exchange.upstream.headers.is_some();
        let Some(stream) = vm.stream(id.context).filter(reached) else { return };
        if stream.response.started {
            vm.cut(id.context);
            return;
        }
        let reply = match failure {
            Failure::Refused => LocalReply::text(
                503,
                &format!("{CONNECT}reset reason: remote connection failure"),
                "upstream_reset_before_response_started{remote_connection_failure|\
                 delayed_connect_error:_Connection_refused}",
            ),
            Failure::Reset => LocalReply::text(
                503,
                &format!("{CONNECT}reset reason: connection termination"),
                "upstream_reset_before_response_started{connection_termination}",
            ),
            Failure::Late => LocalReply::text(504, "upstream request timeout", "response_timeout"),
        };
        vm.local_reply(id.context, reply);
    }

    /// Moves the clock; ticks and answers to calls that fall due come in their order.
    pub fn advance(&mut self, milliseconds: u64) {
        let until = self.process.borrow().now_ns + milliseconds * NS_PER_MS;
        while let Some((due, worker, vm, call)) = self.next_event(until) {
            {
                let mut process = self.process.borrow_mut();
                process.now_ns = process.now_ns.max(due);
            }
            let vm = self.workers.get_mut(worker).and_then(|worker| worker.vms.get_mut(vm));
            let Some(vm) = vm else { continue };
            if let Some(call) = call {
                let call = vm.store.data_mut().calls.remove(call);
                vm.on_call_response(call);
            } else {
                let host = vm.store.data_mut();
                host.next_tick_ns = due + host.tick_ns;
                vm.on_tick();
            }
        }
        self.process.borrow_mut().now_ns = until;
    }

    /// The next thing that falls due: when, in which VM, and which call (else a tick).
    fn next_event(&self, until: u64) -> Option<(u64, usize, usize, Option<usize>)> {
        let mut events = Vec::new();
        for (w, worker) in self.workers.iter().enumerate() {
            for (v, vm) in worker.vms.iter().enumerate().filter(|(_, vm)| !vm.failed()) {
                let host = vm.store.data();
                let calls = host.calls.iter().enumerate();
                events.extend(calls.map(|(c, call)| (call.due_ns, w, v, Some(c))));
                if host.next_tick_ns > 0 {
                    events.push((host.next_tick_ns, w, v, None));
                }
            }
        }
        events.into_iter().filter(|(due, ..)| *due <= until).min()
    }

    /// What became of a request so far.
    pub fn exchange(&mut self, id: StreamId) -> Option<&Exchange> {
        self.vm(id)?.stream(id.context).map(|stream| &stream.exchange)
    }

    /// Whether a request is over.
    pub fn is_over(&mut self, id: StreamId) -> bool {
        self.vm(id).and_then(|vm| vm.stream(id.context)).is_none_or(|stream| stream.done)
    }

    /// What became of a request, which is forgotten; one that is not over is ended.
    pub fn take(&mut self, id: StreamId) -> Exchange {
        let Some(vm) = self.vm(id) else { return Exchange::default() };
        vm.cut(id.context);
        let stream = vm.store.data_mut().streams.remove(&id.context);
        stream.map(|stream| stream.exchange).unwrap_or_default()
    }

    /// How often a filter died and was started anew.
    #[must_use]
    pub fn reloads(&self) -> u64 {
        self.reloads
    }

    /// Whether the filter is dead in some worker.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.workers.iter().any(|worker| worker.vms.last().is_some_and(Vm::failed))
    }

    /// What filters wrote since the last call.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        self.process.borrow_mut().take_log()
    }

    /// Metrics by name: values of counters and gauges, counts of histograms.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<String, u64> {
        self.process.borrow().metrics()
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.process.borrow().now_ns / NS_PER_MS
    }
}
