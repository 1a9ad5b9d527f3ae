//! What one instance of the component sees of this host.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;
use wasmtime::component::{Accessor, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use super::bindings::spin::key_value::key_value;
use super::bindings::spin::variables::variables;
use super::bindings::wasi::keyvalue::{atomics, batch, store};
use crate::storage::Engine;

/// The application's variables by name, as `spin.toml` declares them.
pub(crate) type Variables = BTreeMap<&'static str, String>;

/// The data of one instance's store.
pub(crate) struct State {
    pub(super) table: ResourceTable,
    pub(super) kv: Engine,
    pub(super) blocked: Blocked,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutbound,
    variables: Arc<Variables>,
}

impl State {
    /// A fresh instance's data. `blocked` tells the pool when the instance cannot take requests.
    pub(super) fn new(kv: Engine, variables: Arc<Variables>, blocked: Blocked) -> Self {
        Self {
            table: ResourceTable::new(),
            kv,
            blocked,
            wasi: WasiCtx::builder().inherit_stderr().build(),
            http: WasiHttpCtx::new(),
            hooks: NoOutbound,
            variables,
        }
    }
}

/// Gives the component its imports.
///
/// # Errors
///
/// When two of them have the same name.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    key_value::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    variables::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    store::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    batch::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    atomics::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    Ok(())
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// `allowed_outbound_hosts = []`: the component calls nobody.
struct NoOutbound;

type Sent = Result<(http::Response<WasiBody>, SendEnd), HttpError>;
type SendEnd = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

impl WasiHttpHooks for NoOutbound {
    fn is_forbidden_header(&mut self, _name: &HeaderName) -> bool {
        false
    }

    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _end: SendEnd,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(async { Err(HttpError::HttpRequestDenied) })
    }
}

impl variables::Host for State {}

impl<T: Send> variables::HostWithStore<T> for HasSelf<State> {
    async fn get(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, variables::Error>> {
        Ok(accessor.with(|mut access| {
            let value = access.get().variables.get(name.as_str()).cloned();
            value.ok_or(variables::Error::Undefined(name))
        }))
    }
}

/// What holds an instance up: a call that blocks all of it, or the end of its life.
#[derive(Clone, Default)]
pub(super) struct Blocked(Arc<Flags>);

#[derive(Default)]
struct Flags {
    in_call: AtomicBool,
    closing: AtomicBool,
}

impl Blocked {
    /// Marks the instance as held up until the guard goes.
    pub(super) fn enter(&self) -> impl Drop + use<> {
        struct Leave(Blocked);
        impl Drop for Leave {
            fn drop(&mut self) {
                self.0.0.in_call.store(false, Ordering::Relaxed);
            }
        }
        self.0.in_call.store(true, Ordering::Relaxed);
        Leave(self.clone())
    }

    /// Says whether the instance takes no more requests, and is to be replaced.
    pub(super) fn set_closing(&self, closing: bool) {
        self.0.closing.store(closing, Ordering::Relaxed);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.in_call.load(Ordering::Relaxed)
    }
}
