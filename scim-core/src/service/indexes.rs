//! Which attributes have an index: what the configuration says, and the work that a change of it
//! brings (`docs/decisions/0014-indexes.md`).

use alloc::format;
use alloc::vec::Vec;

use serde_json::Value;

use super::Tenant;
use crate::auth::ConfigError;
use crate::port::{Clock, Kv, Random};
use crate::protocol::path::AttrPath;
use crate::schema::{Catalog, ResourceType};
use crate::store::index::Index;
use crate::store::{Store, StoreError, upkeep};

/// Indexes that a configuration may give one type.
const INDEXES: usize = 16;
/// Resources that one write puts into an index that is not complete, after its own work.
const RESOURCES_PER_WRITE: usize = 64;
/// Resources in one commit when nobody waits.
const RESOURCES_PER_COMMIT: usize = 1000;

/// What has an index, or needs none, in every type.
const ALWAYS: [&str; 6] =
    ["id", "externalId", "meta.created", "meta.lastModified", "members.value", "groups.value"];

/// Reads the field `indexes`: per type the attributes that have an index.
pub(super) fn read(value: &Value, catalog: &mut Catalog) -> Result<(), ConfigError> {
    let Value::Object(types) = value else {
        return Err(ConfigError::new("indexes", "must be an object"));
    };
    for (name, paths) in types {
        let wrong = |message: &str| ConfigError::new(format!("indexes.{name}"), message);
        let resource_type = catalog.by_name(name).ok_or_else(|| wrong("is no resource type"))?;
        let Value::Array(paths) = paths else {
            return Err(wrong("must be an array of attribute names"));
        };
        if paths.len() > INDEXES {
            return Err(wrong(&format!("has more than {INDEXES} names")));
        }
        let mut indexed = Vec::with_capacity(paths.len());
        for (at, path) in paths.iter().enumerate() {
            let field = || format!("indexes.{name}[{at}]");
            let path = read_path(path, resource_type).ok_or_else(|| {
                ConfigError::new(field(), "names no attribute that can have an index")
            })?;
            indexed.push(path);
        }
        catalog.set_indexed(name, indexed);
    }
    Ok(())
}

fn read_path(path: &Value, resource_type: &ResourceType) -> Option<AttrPath> {
    let text = path.as_str()?;
    let path = AttrPath::parse(text).ok()?;
    let is_always = ALWAYS.iter().any(|always| always.eq_ignore_ascii_case(text));
    (is_always || Index::find(resource_type, &path).is_some()).then_some(path)
}

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    /// Goes on with indexes that are not complete; asked after a write, since reads write nothing.
    /// Once there is nothing to do, this instance does not look again.
    pub(super) async fn tend(&self) {
        if !self.tended.get() {
            // A failure changes nothing that the client was told; the next write goes on.
            let left = step(&self.store, self.catalog.types(), RESOURCES_PER_WRITE).await;
            self.tended.set(left == Ok(false));
        }
    }
}

/// Makes the indexes of a tree those of the configuration, and all of them complete. `progress` is
/// called after each commit.
///
/// # Errors
/// As [`Store::transact`]; what was done stays done.
pub async fn reindex<K: Kv, C: Clock, R: Random>(
    store: &Store<K, C, R>,
    types: &[ResourceType],
    mut progress: impl FnMut(),
) -> Result<(), StoreError> {
    for resource_type in types {
        store.transact(async |tx| upkeep::tidy(tx, resource_type).await).await?;
    }
    while step(store, types, RESOURCES_PER_COMMIT).await? {
        progress();
    }
    Ok(())
}

/// One commit's work on the first index that is not complete. Whether there was one.
async fn step<K: Kv, C: Clock, R: Random>(
    store: &Store<K, C, R>,
    types: &[ResourceType],
    resources: usize,
) -> Result<bool, StoreError> {
    store
        .transact(async |tx| {
            for resource_type in types {
                if upkeep::step(tx, resource_type, resources).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
}
