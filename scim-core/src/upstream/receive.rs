//! A request as a client sent it, made fit for [`Gateway::handle`].

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::{Gateway, Request};
use crate::dialect::{Dialect, canonicalize_body, modification};
use crate::mapping::Mapped;
use crate::protocol::json::{self, Object};
use crate::protocol::route::{self, Bases, Endpoint, Route};
use crate::protocol::{Error, Notes};
use crate::resource::{Reading, Unknown, patch};

/// Header fields of a client that an application may look at (R10).
const PASSED_ON: [&str; 2] = ["user-agent", "adscimversion"];

/// A request as a client sent it. It has passed the gate.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Header fields, their names in lower case.
    pub headers: &'a [(String, String)],
    /// The body; empty for none.
    pub body: &'a [u8],
    /// The client's dialect, as configured.
    pub dialect: Option<Dialect>,
    /// Where clients reach the gateway: scheme and authority, without a slash at the end.
    pub origin: &'a str,
}

impl Gateway {
    /// Reads a request: its path, its dialect, its body in canonical form. `notes` tell what was
    /// understood in another way than it was written.
    ///
    /// # Errors
    /// As [`route::parse`], [`route::check_method`] and [`canonicalize_body`]; 403 for a resource that
    /// the mapping leaves out.
    pub fn receive(
        &self,
        bases: &Bases,
        sent: &Sent<'_>,
        notes: &mut Notes,
    ) -> Result<Request, Error> {
        let endpoints: Vec<&str> = self.catalog.types().iter().map(|t| &*t.endpoint).collect();
        let route = route::parse(sent.target, bases, &endpoints, &self.limits)?;
        route::check_method(sent.method, &route.endpoint)?;
        let header = |name: &str| sent.headers.iter().find(|(known, _)| known == name);
        let fields = sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let dialect = sent.dialect.or_else(|| Dialect::of_headers(fields));
        let (dialect, body) = match sent.method {
            "POST" | "PUT" | "PATCH" => self.body(sent, &route, dialect, notes)?,
            _ => (dialect, None),
        };
        let passed = PASSED_ON.into_iter();
        let passed = passed.filter_map(|name| Some((name, header(name)?.1.clone()))).collect();
        Ok(Request {
            method: sent.method.to_string(),
            base: format!("{}{}", sent.origin, route.base),
            endpoint: route.endpoint,
            query: route.query,
            body,
            if_match: header("if-match").map(|(_, value)| value.clone()),
            dialect: dialect.unwrap_or(Dialect::Rfc),
            headers: passed,
        })
    }

    fn body(
        &self,
        sent: &Sent<'_>,
        route: &Route,
        dialect: Option<Dialect>,
        notes: &mut Notes,
    ) -> Result<(Option<Dialect>, Option<Object>), Error> {
        match &route.endpoint {
            Endpoint::Bulk => {
                Ok((dialect, Some(json::parse_object(sent.body, &self.limits.of_bulk())?)))
            }
            endpoint => {
                let (method, body) = (sent.method, sent.body);
                let (dialect, body) = self.canonical(method, endpoint, dialect, body, notes)?;
                Ok((dialect, Some(body)))
            }
        }
    }

    /// A body in canonical form and mapped, with the dialect that it is written in.
    pub(super) fn canonical(
        &self,
        method: &str,
        endpoint: &Endpoint,
        dialect: Option<Dialect>,
        body: &[u8],
        notes: &mut Notes,
    ) -> Result<(Option<Dialect>, Object), Error> {
        let (catalog, limits) = (&self.catalog, &self.limits);
        let resource_type = match endpoint {
            Endpoint::Collection(name) | Endpoint::Item { endpoint: name, .. } => {
                catalog.by_endpoint(name)
            }
            _ => None,
        };
        if let ("PATCH", Some(resource_type)) = (method, resource_type) {
            let reading = Reading { resource_type, unknown: Unknown::Keep };
            let object = json::parse_object(body, limits)?;
            let (dialect, mut changes) = modification(&object, &reading, dialect, limits, notes)?;
            if let Some(mapping) = &self.mapping {
                changes = mapping.changes(resource_type, changes)?;
            }
            return match patch::to_message(&changes) {
                Value::Object(message) => Ok((Some(dialect), message)),
                _ => Err(Error::internal("the message is no object")),
            };
        }
        let bytes = canonicalize_body(catalog, method, endpoint, dialect, body, limits, notes)?;
        let object = json::parse_object(&bytes, limits)?;
        match (&self.mapping, resource_type) {
            (Some(mapping), Some(resource_type)) => match mapping.apply(resource_type, &object)? {
                Mapped::Resource(object) => Ok((dialect, object)),
                Mapped::Skipped => Err(Error::forbidden("this resource is not provisioned")),
            },
            _ => Ok((dialect, object)),
        }
    }
}
