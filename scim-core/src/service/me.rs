//! `/Me`: the resource of the client itself (RFC 7644 §3.11).

use alloc::string::ToString;

use serde_json::Value;

use super::answer::Answer;
use super::audit::Audit;
use super::view::View;
use super::{Call, Tenant};
use crate::auth::Client;
use crate::port::{Clock, Kv, Random};
use crate::protocol::Error;
use crate::protocol::filter::CompareOp;
use crate::protocol::json::Object;
use crate::protocol::path::AttrPath;
use crate::protocol::route::{Endpoint, Route};
use crate::store::keys::ResourceId;
use crate::store::{Read, directory, stretch, upkeep};

/// The type of the resources that clients are linked to.
const USER: &str = "User";
/// Its endpoint.
pub(super) const ENDPOINT: &str = "Users";

/// The attribute of a user that a client's configured `user` is the value of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MeAttribute {
    /// `userName`.
    #[default]
    UserName,
    /// `externalId`, in the client's own provisioning domain.
    ExternalId,
    /// `id`.
    Id,
}

/// How requests for `/Me` are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MeAnswer {
    /// By 308 to the user's own URI.
    #[default]
    Redirect,
    /// As if they were made there.
    Serve,
}

/// The configuration of `/Me`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Me {
    /// Which attribute links a client to its user.
    pub attribute: MeAttribute,
    /// What is answered.
    pub answer: MeAnswer,
}

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    /// The resource of the client itself, or the way to it.
    pub(super) async fn me(
        &self,
        call: &Call<'_>,
        body: Option<Object>,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        if call.head.method == "POST" {
            return Err(Error::not_implemented("a user cannot be created through `Me`"));
        }
        let unknown = || Error::not_implemented("there are no users here");
        let user = self.catalog.by_name(USER).ok_or_else(unknown)?;
        let view = self.view(call, user);
        let Me { attribute, answer } = self.config.me;
        let read = self.store.read(async |read| find(read, &view, &call.client, attribute).await);
        let id = read.await?;
        audit.resource_id = Some(id.to_text());
        if answer == MeAnswer::Redirect {
            let endpoint = Endpoint::Item { endpoint: user.endpoint.to_string(), id: id.to_text() };
            let target = Route { endpoint, ..call.route.clone() }.to_target(&call.base);
            return Ok(Answer::empty(308).with("location", target));
        }
        let answer = self.item(call, user, id, body, audit).await?;
        Ok(answer.with("location", view.location(id)))
    }
}

/// The user that `client` is linked to.
///
/// # Errors
/// 404 if it is linked to none, or to one that does not exist.
async fn find(
    read: &impl Read,
    view: &View<'_>,
    client: &Client,
    attribute: MeAttribute,
) -> Result<ResourceId, Error> {
    let none = || Error::not_found("this client stands for no user");
    let value = client.user.as_deref().ok_or_else(none)?;
    let resource_type = view.resource_type;
    let name = match attribute {
        MeAttribute::UserName => "userName",
        MeAttribute::ExternalId => "externalId",
        MeAttribute::Id => {
            let id = ResourceId::parse(value).ok_or_else(none)?;
            let found = directory::load(read, resource_type, id).await?;
            return found.map(|record| record.id).ok_or_else(none);
        }
    };
    let path = AttrPath { urn: None, name: name.to_string(), sub: None };
    let indexes = upkeep::usable(read, resource_type).await?;
    let (op, value) = (CompareOp::Eq, Value::from(value));
    let found = stretch::compared(resource_type, &indexes, view.domain, &path, op, &value);
    // Of several users with one externalId none is the right one.
    let found = found.ok_or_else(none)?.ids(read, 2).await?;
    match found.as_slice() {
        [one] => Ok(*one),
        _ => Err(none()),
    }
}
