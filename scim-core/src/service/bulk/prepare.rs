//! A bulk operation to what it asks of which resource, before the tree is touched
//! (RFC 7644 §3.7.2).

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::auth::{self, Access};
use crate::port::{Clock, Kv, Random};
use crate::protocol::bulk::{self, Method, Operation};
use crate::protocol::route::{self, Bases, Endpoint};
use crate::protocol::{Error, Notes};
use crate::service::condition::Condition;
use crate::service::write::{self, Modification, Wanted, Write};
use crate::service::{Call, Tenant, no_resource};
use crate::store::keys::ResourceId;

/// The operations that create a resource, by their names: which one, and the identifier that its
/// resource will have.
pub(super) type Names<'o> = BTreeMap<&'o str, (usize, ResourceId)>;

/// An operation as it will be carried out.
pub(super) struct Prepared<'a> {
    /// The operations that it refers to.
    pub(super) waits_for: BTreeSet<usize>,
    /// URI of the resource that the path names.
    pub(super) location: Option<String>,
    /// What is to be done, or why it cannot be.
    pub(super) action: Result<Action<'a>, Error>,
}

/// A write of one resource.
pub(super) struct Action<'a> {
    pub(super) write: Write<'a>,
    pub(super) id: ResourceId,
    pub(super) condition: Condition,
    pub(super) what: What,
}

pub(super) enum What {
    Create(Wanted),
    Replace(Wanted),
    Modify(Modification),
    Delete,
}

/// Gives each resource that is to be created its identifier: references can then be resolved
/// whatever the order, also in a circle.
pub(super) fn names<'o>(
    operations: &'o [Operation],
    now_ms: u64,
    random: &impl Random,
) -> Names<'o> {
    let posts = operations.iter().enumerate().filter(|(_, o)| o.method == Method::Post);
    posts
        .filter_map(|(at, o)| Some((o.bulk_id.as_deref()?, (at, write::new_id(now_ms, random)))))
        .collect()
}

/// A path within the bulk message, read.
struct Target {
    endpoint: String,
    /// The resource; `None` for a collection.
    id: Option<String>,
}

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    pub(super) fn prepare<'a>(
        &'a self,
        call: &'a Call<'_>,
        operation: &Operation,
        names: &Names<'_>,
        notes: &mut Notes,
    ) -> Prepared<'a> {
        let target = self.bulk_target(operation);
        let mut referenced = BTreeSet::new();
        let mut data = operation.data.clone();
        bulk::resolve(&mut data, &self.config.limits, |name| {
            let known = names.get(name).map(|(_, id)| id.to_text());
            referenced.insert(name.to_owned());
            known
        });
        let id_text = target.as_ref().ok().and_then(|target| target.id.as_deref());
        referenced.extend(id_text.and_then(bulk::reference).map(String::from));
        let known = |name: &String| names.get(name.as_str()).map(|(at, _)| *at);
        let waits_for = referenced.iter().filter_map(known).collect();
        let is_unknown = referenced.iter().any(|name| !names.contains_key(name.as_str()));
        let mut location = None;
        let action = target.and_then(|target| {
            if is_unknown {
                return Err(Error::invalid_value(
                    "a `bulkId` reference names no POST operation of this request",
                ));
            }
            let resource_type = self.resource_type(&target.endpoint)?;
            if !call.client.scopes.allow(Access::Write, &target.endpoint) {
                return Err(auth::insufficient_scope());
            }
            let write = self.write(call, resource_type);
            let id = match (&target.id, &operation.bulk_id) {
                (Some(text), _) => {
                    let new = bulk::reference(text).and_then(|name| names.get(name));
                    let id = new.map(|(_, id)| *id).or_else(|| ResourceId::parse(text));
                    let id = id.ok_or_else(no_resource)?;
                    location = Some(write.view.location(id));
                    id
                }
                (None, Some(name)) => names.get(name.as_str()).ok_or_else(no_resource)?.1,
                (None, None) => return Err(no_resource()),
            };
            let what = match operation.method {
                Method::Post => What::Create(write.wanted(data, notes)?),
                Method::Put => What::Replace(write.wanted(data, notes)?),
                Method::Patch => What::Modify(write.modification(&data, call.dialect, notes)?),
                Method::Delete => What::Delete,
            };
            let condition = Condition::new(operation.version.as_deref(), None);
            Ok(Action { write, id, condition, what })
        });
        Prepared { waits_for, location, action }
    }

    /// Reads the path of an operation: that of a resource or of an endpoint for resources.
    fn bulk_target(&self, operation: &Operation) -> Result<Target, Error> {
        let root = Bases::parse(&["/"]).map_err(Error::internal)?;
        let endpoints: Vec<&str> = self.catalog.types().iter().map(|t| &*t.endpoint).collect();
        if operation.path.contains('?') {
            return Err(Error::bad_request("the path of a bulk operation has no query"));
        }
        // Some leave the first slash out.
        let path = format!("/{}", operation.path.trim_start_matches('/'));
        let route = route::parse(&path, &root, &endpoints, &self.config.limits)?;
        let target = match &route.endpoint {
            Endpoint::Collection(endpoint) => Target { endpoint: endpoint.clone(), id: None },
            Endpoint::Item { endpoint, id } => {
                Target { endpoint: endpoint.clone(), id: Some(id.clone()) }
            }
            _ => return Err(Error::bad_request("a bulk operation writes resources only")),
        };
        route::check_method(operation.method.as_str(), &route.endpoint)?;
        Ok(target)
    }
}
