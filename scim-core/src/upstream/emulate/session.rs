//! The calls of one request: counted, timed, and noted.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Gateway, Request, Step, version_of};
use crate::dialect::Dialect;
use crate::port::http::Reply;
use crate::port::{Clock, Upstream, upstream};
use crate::protocol::Error;
use crate::protocol::json::Object;
use crate::protocol::route::Endpoint;
use crate::schema::ResourceType;
use crate::upstream::answer::{self, Shape};
use crate::upstream::request::target;

/// Seconds after which a client may try again when the application could not be reached.
const RETRY_S: u32 = 5;

/// What one request has cost so far.
pub(super) struct Session<'a, U, C> {
    pub(super) gateway: &'a Gateway,
    upstream: &'a U,
    clock: &'a C,
    pub(super) base: &'a str,
    pub(super) dialect: Dialect,
    headers: &'a [(&'static str, String)],
    /// Milliseconds on the clock.
    deadline: u64,
    pub(super) calls: u32,
    bytes: usize,
    /// Set once a write has begun that must not be left half done: time and calls are then beside
    /// the point.
    pub(super) must_finish: bool,
    pub(super) steps: Vec<Step>,
}

/// One call.
pub(super) struct Call<'a> {
    pub(super) what: &'static str,
    pub(super) method: &'static str,
    pub(super) endpoint: &'a Endpoint,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<&'a Object>,
    pub(super) if_match: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) const fn new(
        what: &'static str,
        method: &'static str,
        endpoint: &'a Endpoint,
    ) -> Self {
        Self { what, method, endpoint, query: Vec::new(), body: None, if_match: None }
    }
}

impl<'a, U: Upstream, C: Clock> Session<'a, U, C> {
    pub(super) fn new(
        gateway: &'a Gateway,
        upstream: &'a U,
        clock: &'a C,
        request: &'a Request,
    ) -> Self {
        Self {
            gateway,
            upstream,
            clock,
            base: &request.base,
            dialect: request.dialect,
            headers: &request.headers,
            deadline: clock.now_ms().saturating_add(gateway.bounds.ms),
            calls: gateway.bounds.calls,
            bytes: gateway.bounds.bytes,
            must_finish: false,
            steps: Vec::new(),
        }
    }

    pub(super) fn shape<'s>(&self, resource_type: &'s ResourceType) -> Shape<'s>
    where
        'a: 's,
    {
        let (profile, limits) = (&self.gateway.profile, &self.gateway.limits);
        Shape { profile, resource_type, base: self.base, limits }
    }

    /// Notes what was done without a call.
    pub(super) fn note(&mut self, what: &'static str, attribute: &str) {
        let attribute = (!attribute.is_empty()).then(|| attribute.to_string());
        self.steps.push(Step { what, status: None, attribute });
    }

    /// Makes a call; an answer that is no success is an error.
    pub(super) async fn call(&mut self, call: Call<'_>) -> Result<Reply, Error> {
        let now = self.clock.now_ms();
        if !self.must_finish && (self.calls == 0 || now >= self.deadline) {
            return Err(Error::unavailable("the request takes too many calls", RETRY_S));
        }
        self.calls = self.calls.saturating_sub(1);
        let bounds = &self.gateway.bounds;
        let left = self.deadline.saturating_sub(now);
        let ms = if self.must_finish { bounds.call_ms } else { bounds.call_ms.min(left) };
        let bytes = bounds.call_bytes.min(self.bytes);
        let filtered = call.query.iter().any(|(name, _)| name == "filter");
        let (what, writes) = (call.what, call.body.is_some());
        let request = self.request(call)?;
        let mut step = Step { what, status: None, attribute: None };
        let Ok(reply) = self.upstream.send(request, ms, bytes).await else {
            self.steps.push(step);
            return Err(Error::unavailable("the application does not answer", RETRY_S));
        };
        step.status = Some(reply.status);
        self.steps.push(step);
        if reply.body.len() > bytes {
            return Err(Error::of_upstream(502, None, "the application's answer is too large"));
        }
        self.bytes = self.bytes.saturating_sub(reply.body.len());
        if (200..300).contains(&reply.status) {
            return Ok(reply);
        }
        Err(answer::error(&self.gateway.profile, &reply, filtered, writes))
    }

    fn request(&self, call: Call<'_>) -> Result<upstream::Request, Error> {
        let Gateway { profile, root, .. } = self.gateway;
        let mut headers = Vec::from([("accept", profile.media_type.clone())]);
        headers.extend(self.headers.iter().cloned());
        let body = call.body.map(serde_json::to_vec).transpose();
        let body = body.map_err(|_| Error::internal("the body cannot be written"))?;
        if body.is_some() {
            headers.push(("content-type", profile.media_type.clone()));
        }
        if let Some(tag) = call.if_match.filter(|_| profile.etag) {
            headers.push(("if-match", tag.to_string()));
        }
        let target = target(profile, root, call.endpoint, call.query);
        let body = body.unwrap_or_default();
        Ok(upstream::Request { method: call.method, target, headers, body })
    }

    /// A resource in canonical form, and its entity tag.
    pub(super) async fn fetch(
        &mut self,
        resource_type: &ResourceType,
        id: &str,
    ) -> Result<(Object, Option<String>), Error> {
        let endpoint = item(resource_type, id);
        let reply = self.call(Call::new("get", "GET", &endpoint)).await?;
        let resource = self.resource(resource_type, &reply)?.ok_or_else(answer::garbage)?;
        let tag = reply.header("etag").map(ToString::to_string).or_else(|| version_of(&resource));
        Ok((resource, tag.filter(|_| self.gateway.profile.etag)))
    }

    /// The resource in an answer, canonical; `None` if it is empty.
    pub(super) fn resource(
        &self,
        resource_type: &ResourceType,
        reply: &Reply,
    ) -> Result<Option<Object>, Error> {
        let shape = self.shape(resource_type);
        shape.object(reply)?.map(|object| shape.resource(object)).transpose()
    }
}

/// The endpoint of one resource.
pub(super) fn item(resource_type: &ResourceType, id: &str) -> Endpoint {
    Endpoint::Item { endpoint: resource_type.endpoint.to_string(), id: id.to_string() }
}

/// The endpoint of all resources of a type.
pub(super) fn collection(resource_type: &ResourceType) -> Endpoint {
    Endpoint::Collection(resource_type.endpoint.to_string())
}
