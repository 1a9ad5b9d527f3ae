//! POST: what must be filled in, taken in two steps, or found to be there already (R7, R8, A8;
//! RFC 7644 §3.3).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::replace::ACTIVE;
use super::session::{Call, Session, collection, item};
use super::{Answer, ReactivateBy};
use crate::port::http::Reply;
use crate::port::{Clock, Upstream};
use crate::protocol::Error;
use crate::protocol::json::Object;
use crate::protocol::patch::PatchOp;
use crate::resource::Projection;
use crate::resource::patch::Change;
use crate::schema::ResourceType;
use crate::upstream::patch::replace;
use crate::upstream::{answer, request};

/// How often the second step of a creation is tried.
const ATTEMPTS: u32 = 2;

impl<U: Upstream, C: Clock> Session<'_, U, C> {
    pub(super) async fn create(
        &mut self,
        resource_type: &ResourceType,
        body: &Object,
        query: &[(String, String)],
    ) -> Result<Answer, Error> {
        let projection = Projection::of_query(query, resource_type, &self.gateway.limits)?;
        let known = self.gateway.profile.resource(&resource_type.endpoint);
        let sent = body;
        let mut body = body.clone();
        request::fill(&mut body, resource_type, &known.required);
        request::drop_names(&mut body, &known.drops);
        let created = if known.create.adopts
            && let Some(found) = self.existing(resource_type, &body, true).await?
        {
            self.reactivate(resource_type, &found, &body, sent).await?
        } else {
            match self.send_post(resource_type, &body).await {
                Err(error) if error.status() == 409 => {
                    let found = match self.gateway.policy.reactivate_by {
                        Some(_) => self.existing(resource_type, &body, false).await?,
                        None => None,
                    };
                    let found = found.ok_or(error)?;
                    self.reactivate(resource_type, &found, &body, sent).await?
                }
                created => created?,
            }
        };
        let id = created.get("id").and_then(Value::as_str).unwrap_or_default();
        let location = self.shape(resource_type).location(id);
        let mut answer = self.shown(resource_type, created, &projection);
        answer.status = 201;
        Ok(answer.with("location", location))
    }

    /// Creates a resource, in two steps if it has to be.
    async fn send_post(
        &mut self,
        resource_type: &ResourceType,
        body: &Object,
    ) -> Result<Object, Error> {
        let known = self.gateway.profile.resource(&resource_type.endpoint);
        let mut first = body.clone();
        let mut second = Vec::new();
        let inactive = body.get(ACTIVE) == Some(&Value::Bool(false)) && !known.create.inactive;
        if inactive {
            first.insert(ACTIVE.into(), true.into());
            second.push(replace(None, ACTIVE, Value::Bool(false)));
        }
        first.retain(|name, value| {
            let ignored = known.create.ignores.has(name);
            if ignored {
                let change = replace(None, name, value.clone());
                second.push(Change { op: PatchOp::Add, ..change });
            }
            !ignored
        });
        let endpoint = collection(resource_type);
        let call = Call { body: Some(&first), ..Call::new("create", "POST", &endpoint) };
        let reply = self.call(call).await?;
        let created = if let Some(created) = self.resource(resource_type, &reply)? {
            created
        } else {
            let id = id_of_location(&reply).ok_or_else(answer::garbage)?;
            self.fetch(resource_type, &id).await?.0
        };
        if second.is_empty() {
            return Ok(created);
        }
        // From here on there is something that nobody asked for in this form.
        self.must_finish = true;
        self.complete(resource_type, created, &second, inactive).await
    }

    /// The second step; if it fails for good, an account that should be inactive is removed again.
    async fn complete(
        &mut self,
        resource_type: &ResourceType,
        created: Object,
        second: &[Change],
        inactive: bool,
    ) -> Result<Object, Error> {
        let id = created.get("id").and_then(Value::as_str).unwrap_or_default();
        let mut failure = answer::garbage();
        for _ in 0..ATTEMPTS {
            match self.modify(resource_type, id, second, None).await {
                Ok(shown) => return self.or_fetched(resource_type, id, shown).await,
                Err(error) => failure = error,
            }
        }
        if inactive {
            let endpoint = item(resource_type, id);
            self.call(Call::new("undo", "DELETE", &endpoint)).await?;
        }
        Err(failure)
    }

    /// The resource that is in the way of a new one: by `externalId`, then by name.
    async fn existing(
        &mut self,
        resource_type: &ResourceType,
        body: &Object,
        by_name: bool,
    ) -> Result<Option<Object>, Error> {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        if let Some(value) = text("externalId")
            && let Some(found) = self.find(resource_type, "externalId", value).await?
        {
            return Ok(Some(found));
        }
        let by_name = by_name || self.gateway.policy.reactivate_by == Some(ReactivateBy::UserName);
        let name = ["userName", "displayName"].into_iter().find(|name| {
            let found = resource_type.attribute(None, name);
            found.is_some_and(|(_, attribute)| attribute.required)
        });
        match name.filter(|_| by_name).and_then(|name| Some((name, text(name)?))) {
            Some((name, value)) => self.find(resource_type, name, value).await,
            None => Ok(None),
        }
    }

    /// Makes an inactive resource of ours active, with what the new one would have held.
    async fn reactivate(
        &mut self,
        resource_type: &ResourceType,
        found: &Object,
        body: &Object,
        sent: &Object,
    ) -> Result<Object, Error> {
        let same = |name: &str| found.get(name).is_some() && found.get(name) == body.get(name);
        let ours = match self.gateway.policy.reactivate_by {
            None => false,
            Some(ReactivateBy::ExternalId) => same("externalId"),
            Some(ReactivateBy::UserName) => same("externalId") || same("userName"),
        };
        let inactive = found.get(ACTIVE) == Some(&Value::Bool(false));
        let id = found.get("id").and_then(Value::as_str).unwrap_or_default();
        if !ours || !inactive {
            return Err(Error::conflict("the application has such a resource"));
        }
        let mut body = sent.clone();
        body.entry(ACTIVE).or_insert(Value::Bool(true));
        self.note("reactivated", ACTIVE);
        self.replace(resource_type, id, &body, None).await
    }
}

fn id_of_location(reply: &Reply) -> Option<String> {
    let location = reply.header("location")?;
    let last = location.split(['?', '#']).next()?.trim_end_matches('/').rsplit('/').next()?;
    (!last.is_empty() && !last.contains('%')).then(|| last.into())
}
