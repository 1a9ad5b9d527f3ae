//! One VM: the filter's module with its memory.

use core::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use wasmtime::{
    Cache, CacheConfig, Config, Engine, Instance, InstancePre, Linker, Module, Store, TypedFunc,
    WasmParams, WasmResults,
};

use super::calls::Call;
use super::envoy::Settings;
use super::host::Host;
use super::hostcalls;
use super::process::Process;
use super::stream::{Side, Stream};

/// The root context; requests have higher numbers.
pub(super) const ROOT: u32 = 1;
/// What one callback may compute, in instructions. Real Envoy has no such limit: there a filter
/// that does not end hangs its worker for ever, so here it counts as dead.
const FUEL: u64 = 20_000_000_000;
/// The level of a line about the VM itself.
const CRITICAL: u32 = 5;

/// A compiled filter.
pub struct Program {
    engine: Engine,
    instance: InstancePre<Host>,
}

impl Program {
    /// Compiles `wasm`; with the folder of a cache, the next time is faster.
    ///
    /// # Errors
    /// What is no module, and an import that Envoy does not have.
    pub fn compile(wasm: &[u8], cache: Option<&Path>) -> Result<Self> {
        let mut config = Config::new();
        config.consume_fuel(true);
        if let Some(folder) = cache {
            let mut settings = CacheConfig::new();
            settings.with_directory(folder);
            config.cache(Cache::new(settings).ok());
        }
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, wasm).map_err(anyhow::Error::from)?;
        let mut linker = Linker::new(&engine);
        hostcalls::link(&mut linker)?;
        let instance = linker.instantiate_pre(&module).map_err(anyhow::Error::from);
        let instance = instance.context("missing import")?;
        Ok(Self { engine, instance })
    }
}

/// Context, call, and how many headers, body bytes and trailers it was answered with.
type Reply = (u32, u32, u32, u32, u32);
type Head = TypedFunc<(u32, u32, u32), u32>;
type Trailers = TypedFunc<(u32, u32), u32>;

/// The callbacks that the filter exports.
struct Exports {
    create: Option<TypedFunc<(u32, u32), ()>>,
    vm_start: Option<TypedFunc<(u32, u32), u32>>,
    configure: Option<TypedFunc<(u32, u32), u32>>,
    tick: Option<TypedFunc<u32, ()>>,
    headers: [Option<Head>; 2],
    body: [Option<Head>; 2],
    trailers: [Option<Trailers>; 2],
    call_response: Option<TypedFunc<Reply, ()>>,
    done: Option<TypedFunc<u32, u32>>,
    log: Option<TypedFunc<u32, ()>>,
    delete: Option<TypedFunc<u32, ()>>,
}

impl Exports {
    fn of(instance: &Instance, store: &mut Store<Host>) -> Self {
        Self {
            create: find(instance, store, "proxy_on_context_create"),
            vm_start: find(instance, store, "proxy_on_vm_start"),
            configure: find(instance, store, "proxy_on_configure"),
            tick: find(instance, store, "proxy_on_tick"),
            headers: ["proxy_on_request_headers", "proxy_on_response_headers"]
                .map(|name| find(instance, store, name)),
            body: ["proxy_on_request_body", "proxy_on_response_body"]
                .map(|name| find(instance, store, name)),
            trailers: ["proxy_on_request_trailers", "proxy_on_response_trailers"]
                .map(|name| find(instance, store, name)),
            call_response: find(instance, store, "proxy_on_http_call_response"),
            done: find(instance, store, "proxy_on_done"),
            log: find(instance, store, "proxy_on_log"),
            delete: find(instance, store, "proxy_on_delete"),
        }
    }
}

fn find<P: WasmParams, R: WasmResults>(
    instance: &Instance,
    store: &mut Store<Host>,
    name: &str,
) -> Option<TypedFunc<P, R>> {
    instance.get_typed_func(store, name).ok()
}

const fn of<T>(both: &[T; 2], side: Side) -> &T {
    let [request, response] = both;
    match side {
        Side::Request => request,
        Side::Response => response,
    }
}

/// A VM in which the filter is configured.
pub(super) struct Vm {
    pub(super) store: Store<Host>,
    exports: Exports,
    next_context: u32,
}

impl Vm {
    /// Starts a VM and configures the filter in it.
    ///
    /// # Errors
    /// A filter that traps, or refuses its configuration: Envoy then refuses to start.
    pub(super) fn start(
        program: &Program,
        process: &Rc<RefCell<Process>>,
        settings: &Rc<Settings>,
    ) -> Result<Self> {
        let host = Host::new(Rc::clone(process), Rc::clone(settings));
        let mut store = Store::new(&program.engine, host);
        store.set_fuel(FUEL)?;
        let instance = program.instance.instantiate(&mut store).map_err(anyhow::Error::from)?;
        let memory = instance.get_memory(&mut store, "memory");
        let allocate = find(&instance, &mut store, "proxy_on_memory_allocate")
            .or_else(|| find(&instance, &mut store, "malloc"));
        let host = store.data_mut();
        (host.memory, host.allocate) = (memory, allocate);
        let initialize = find::<(), ()>(&instance, &mut store, "_initialize")
            .or_else(|| find(&instance, &mut store, "_start"));
        let exports = Exports::of(&instance, &mut store);
        let mut vm = Self { store, exports, next_context: ROOT + 1 };
        vm.call(initialize.as_ref(), ROOT, ());
        vm.call(vm.exports.create.clone().as_ref(), ROOT, (ROOT, 0));
        let started = vm.call(vm.exports.vm_start.clone().as_ref(), ROOT, (ROOT, 0));
        ensure!(started != Some(0) && !vm.failed(), "the filter did not start");
        vm.store.data_mut().configuring = true;
        let size = u32::try_from(settings.configuration.len()).unwrap_or(u32::MAX);
        let configured = vm.call(vm.exports.configure.clone().as_ref(), ROOT, (ROOT, size));
        vm.store.data_mut().configuring = false;
        ensure!(configured != Some(0) && !vm.failed(), "the filter refused its configuration");
        vm.after_call();
        Ok(vm)
    }

    /// Whether the filter died in it.
    pub(super) fn failed(&self) -> bool {
        self.store.data().failed
    }

    pub(super) fn stream(&mut self, context: u32) -> Option<&mut Stream> {
        self.store.data_mut().streams.get_mut(&context)
    }

    /// Makes room for a request; its number.
    pub(super) fn open(&mut self, stream: Stream) -> u32 {
        let context = self.next_context;
        self.next_context += 1;
        self.store.data_mut().streams.insert(context, stream);
        context
    }

    /// Calls the filter. `None` if it does not export the callback, or died in it.
    fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        callback: Option<&TypedFunc<P, R>>,
        context: u32,
        parameters: P,
    ) -> Option<R> {
        let host = self.store.data_mut();
        (host.context, host.stops) = (context, false);
        let callback = callback.filter(|_| !self.failed())?;
        // Fuel is on: see `Program::compile`.
        self.store.set_fuel(FUEL).ok()?;
        match callback.call(&mut self.store, parameters) {
            Ok(result) => Some(result),
            Err(error) => {
                let host = self.store.data_mut();
                host.failed = true;
                host.log(CRITICAL, format!("the filter died: {error:?}"));
                None
            }
        }
    }

    pub(super) fn on_create(&mut self, context: u32) {
        self.call(self.exports.create.clone().as_ref(), context, (context, ROOT));
    }

    pub(super) fn on_tick(&mut self) {
        self.call(self.exports.tick.clone().as_ref(), ROOT, ROOT);
        self.after_call();
    }

    pub(super) fn on_headers(&mut self, context: u32, side: Side, count: u32, end: bool) -> u32 {
        let callback = of(&self.exports.headers, side).clone();
        self.call(callback.as_ref(), context, (context, count, end.into())).unwrap_or(0)
    }

    pub(super) fn on_body(&mut self, context: u32, side: Side, bytes: u32, end: bool) -> u32 {
        let callback = of(&self.exports.body, side).clone();
        self.call(callback.as_ref(), context, (context, bytes, end.into())).unwrap_or(0)
    }

    pub(super) fn on_trailers(&mut self, context: u32, side: Side, count: u32) -> u32 {
        let callback = of(&self.exports.trailers, side).clone();
        self.call(callback.as_ref(), context, (context, count)).unwrap_or(0)
    }

    /// Hands the answer to a call to the root context, whichever context made it: it is the SDK that
    /// finds the request, and drops the answer if that is over.
    pub(super) fn on_call_response(&mut self, call: Call) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let token = call.token;
        let answer = &call.answer;
        let sizes = (answer.headers.len(), answer.body.len(), answer.trailers.len());
        let sizes = (count(sizes.0), count(sizes.1), count(sizes.2));
        self.store.data_mut().call_answer = Some(call.answer);
        let callback = self.exports.call_response.clone();
        self.call(callback.as_ref(), ROOT, (ROOT, token, sizes.0, sizes.1, sizes.2));
        self.store.data_mut().call_answer = None;
        self.after_call();
    }

    /// Tells the filter that a request is over.
    pub(super) fn on_end(&mut self, context: u32) {
        self.call(self.exports.log.clone().as_ref(), context, context);
        self.call(self.exports.done.clone().as_ref(), context, context);
        self.call(self.exports.delete.clone().as_ref(), context, context);
    }
}
