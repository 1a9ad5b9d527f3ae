//! Spin's key-value interfaces on this host's engines.
//!
//! `spin:key-value` is asynchronous: its calls let the instance go on with other requests. Calls
//! of `wasi:keyvalue` hold up their whole instance, which the pool is told of.

use wasmtime::component::{Accessor, HasSelf, Resource};

use super::bindings::spin::key_value::key_value;
use super::bindings::wasi::keyvalue::{atomics, batch, store};
use super::host::State;
use crate::storage::{Engine, Failed, Write, Written};

/// The label that `spin.toml` grants the component.
const LABEL: &str = "default";

/// An open store. There is one, so it has nothing to say.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OpenStore;

/// A value seen, for the swap that follows.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Cas {
    key: String,
    seen: Option<Vec<u8>>,
}

/// The outer result is a trap, the inner one the guest's.
type Answer<T, E> = wasmtime::Result<Result<T, E>>;

fn spin_error(failed: Failed) -> key_value::Error {
    key_value::Error::Other(failed.0)
}

fn wasi_error(failed: Failed) -> store::Error {
    store::Error::Other(failed.0)
}

impl key_value::Host for State {}

impl key_value::HostStore for State {
    async fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

fn engine<T: Send>(accessor: &Accessor<T, HasSelf<State>>) -> Engine {
    accessor.with(|mut access| access.get().kv.clone())
}

impl<T: Send> key_value::HostStoreWithStore<T> for HasSelf<State> {
    async fn open(
        accessor: &Accessor<T, Self>,
        label: String,
    ) -> Answer<Resource<OpenStore>, key_value::Error> {
        if label != LABEL {
            return Ok(Err(key_value::Error::AccessDenied));
        }
        Ok(Ok(accessor.with(|mut access| access.get().table.push(OpenStore))?))
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        _: Resource<OpenStore>,
        key: String,
    ) -> Answer<Option<Vec<u8>>, key_value::Error> {
        Ok(engine(accessor).get(key).await.map_err(spin_error))
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        _: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<(), key_value::Error> {
        let written = engine(accessor).write(Write::Set(vec![(key, value)])).await;
        Ok(written.map(drop).map_err(spin_error))
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        _: Resource<OpenStore>,
        key: String,
    ) -> Answer<(), key_value::Error> {
        let written = engine(accessor).write(Write::Delete(vec![key])).await;
        Ok(written.map(drop).map_err(spin_error))
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        _: Resource<OpenStore>,
        key: String,
    ) -> Answer<bool, key_value::Error> {
        let value = engine(accessor).get(key).await;
        Ok(value.map(|value| value.is_some()).map_err(spin_error))
    }
}

impl State {
    async fn read(&mut self, key: String) -> Result<Option<Vec<u8>>, Failed> {
        let _blocked = self.blocked.enter();
        self.kv.get(key).await
    }

    async fn write(&mut self, write: Write) -> Result<Written, Failed> {
        let _blocked = self.blocked.enter();
        self.kv.write(write).await
    }
}

impl store::Host for State {
    async fn open(&mut self, label: String) -> Answer<Resource<OpenStore>, store::Error> {
        if label != LABEL {
            return Ok(Err(store::Error::AccessDenied));
        }
        Ok(Ok(self.table.push(OpenStore)?))
    }
}

impl store::HostBucket for State {
    async fn get(
        &mut self,
        _: Resource<OpenStore>,
        key: String,
    ) -> Answer<Option<Vec<u8>>, store::Error> {
        Ok(self.read(key).await.map_err(wasi_error))
    }

    async fn set(
        &mut self,
        _: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<(), store::Error> {
        Ok(self.write(Write::Set(vec![(key, value)])).await.map(drop).map_err(wasi_error))
    }

    async fn delete(&mut self, _: Resource<OpenStore>, key: String) -> Answer<(), store::Error> {
        Ok(self.write(Write::Delete(vec![key])).await.map(drop).map_err(wasi_error))
    }

    async fn exists(&mut self, _: Resource<OpenStore>, key: String) -> Answer<bool, store::Error> {
        Ok(self.read(key).await.map(|value| value.is_some()).map_err(wasi_error))
    }

    async fn drop(&mut self, bucket: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for State {
    async fn set_many(
        &mut self,
        _: Resource<OpenStore>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Answer<(), store::Error> {
        Ok(self.write(Write::Set(entries)).await.map(drop).map_err(wasi_error))
    }

    async fn delete_many(
        &mut self,
        _: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> Answer<(), store::Error> {
        Ok(self.write(Write::Delete(keys)).await.map(drop).map_err(wasi_error))
    }
}

impl atomics::Host for State {
    async fn increment(
        &mut self,
        _: Resource<OpenStore>,
        key: String,
        delta: i64,
    ) -> Answer<i64, store::Error> {
        Ok(match self.write(Write::Increment { key, delta }).await {
            Ok(Written::Number(sum)) => Ok(sum),
            Ok(_) => Err(store::Error::Other("an increment gave no number".into())),
            Err(failed) => Err(wasi_error(failed)),
        })
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Answer<(), atomics::CasError> {
        let Cas { key, seen } = self.table.delete(cas)?;
        let write = Write::Swap { key: key.clone(), expected: seen, new: value };
        match self.write(write).await {
            Ok(Written::Swapped(true)) => Ok(Ok(())),
            Ok(_) => {
                let fresh = self.table.push(Cas { key, seen: None })?;
                Ok(Err(atomics::CasError::CasFailed(fresh)))
            }
            Err(failed) => Ok(Err(atomics::CasError::StoreError(wasi_error(failed)))),
        }
    }
}

impl atomics::HostCas for State {
    async fn new(
        &mut self,
        _: Resource<OpenStore>,
        key: String,
    ) -> Answer<Resource<Cas>, store::Error> {
        Ok(Ok(self.table.push(Cas { key, seen: None })?))
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>, store::Error> {
        let key = self.table.get(&cas)?.key.clone();
        Ok(match self.read(key).await {
            Ok(value) => {
                self.table.get_mut(&cas)?.seen.clone_from(&value);
                Ok(value)
            }
            Err(failed) => Err(wasi_error(failed)),
        })
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}
