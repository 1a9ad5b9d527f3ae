//! The default tenant's root, made before anybody can ask for it.

use anyhow::anyhow;
use scim_core::store::{Options, Store};

use crate::storage::{NativeKv, OsRandom, TokioClock};

/// Creates the root of the default tenant if there is none.
///
/// # Errors
///
/// When the store fails.
pub(super) async fn create(kv: NativeKv) -> anyhow::Result<()> {
    let tree = Store::new(kv, TokioClock, OsRandom, Options::default());
    tree.create_root().await.map_err(|error| anyhow!("cannot prepare the store: {error}"))
}
