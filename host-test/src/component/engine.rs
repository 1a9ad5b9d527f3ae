//! The compiled component and the engine that runs it.

use core::time::Duration;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use wasmtime::component::Linker;
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
};
use wasmtime_wasi_http::handler::Proxy;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use super::host::{self, Blocked, State, Variables};
use super::pool::{CONCURRENT, INSTANCES};
use crate::storage;

/// Most bytes of one instance's memory.
const MAX_MEMORY: usize = 256 * 1024 * 1024;
/// Bytes of a finished instance's memory that stay mapped for the next one.
const KEEP_RESIDENT: usize = 1024 * 1024;
/// How often a computing guest is made to let the host look at it.
const EPOCH: Duration = Duration::from_millis(10);
/// Core modules within one component: its own, and the shims that the linker makes.
const CORE_INSTANCES: u32 = 16;

/// A component that is ready to be instantiated.
pub(crate) struct Component {
    engine: Engine,
    service: ServicePre<State>,
    kv: storage::Engine,
    variables: Arc<Variables>,
}

impl Component {
    /// Compiles the component in `file`, or takes it from the cache in `cache`.
    ///
    /// # Errors
    ///
    /// When the file is no component, or asks for imports that this host does not have.
    pub(crate) fn load(
        file: &Path,
        cache: &Path,
        kv: storage::Engine,
        variables: Variables,
    ) -> anyhow::Result<Self> {
        let engine = Engine::new(&config(cache))?;
        let component = wasmtime::component::Component::from_file(&engine, file)
            .map_err(anyhow::Error::from)
            .with_context(|| format!("cannot compile {}", file.display()))?;
        let mut linker = Linker::new(&engine);
        host::link(&mut linker)?;
        let service = ServicePre::new(linker.instantiate_pre(&component)?)?;
        let ticking = engine.weak();
        thread::Builder::new().name("epoch".into()).spawn(move || {
            while let Some(engine) = ticking.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(EPOCH);
            }
        })?;
        Ok(Self { engine, service, kv, variables: Arc::new(variables) })
    }

    /// Makes a new instance.
    ///
    /// # Errors
    ///
    /// When there is no memory for it, or its start traps.
    pub(super) async fn instantiate(
        &self,
        blocked: Blocked,
    ) -> wasmtime::Result<(Store<State>, Proxy)> {
        let state = State::new(self.kv.clone(), self.variables.clone(), blocked);
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let service = self.service.instantiate_async(&mut store).await?;
        Ok((store, Proxy::P3(service)))
    }
}

fn config(cache: &Path) -> Config {
    let instances = u32::try_from(INSTANCES).unwrap_or(u32::MAX);
    let stacks = u32::try_from(INSTANCES * (CONCURRENT + 2)).unwrap_or(u32::MAX);
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES)
        .total_memories(instances)
        .total_tables(instances * CORE_INSTANCES)
        .total_stacks(stacks)
        .max_memory_size(MAX_MEMORY)
        .linear_memory_keep_resident(KEEP_RESIDENT);
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    // Without a cache the start takes a second longer, and that is all.
    let mut folder = CacheConfig::new();
    folder.with_directory(cache);
    if let Ok(cache) = Cache::new(folder) {
        config.cache(Some(cache));
    }
    config
}
