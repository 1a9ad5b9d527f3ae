//! Bulk as a sequence of requests, in the order in which they stand (RFC 7644 §3.7).

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::session::Session;
use super::{Answer, Request};
use crate::port::{Clock, Upstream};
use crate::protocol::bulk::{self, Operation, Outcome};
use crate::protocol::limits::Limits;
use crate::protocol::route::{self, Bases};
use crate::protocol::{Error, Notes};

impl<U: Upstream, C: Clock> Session<'_, U, C> {
    /// Carries out the operations of a Bulk message one after the other. An operation can refer to
    /// those before it; a circle cannot be made in single requests.
    pub(super) async fn bulk(&mut self, request: &Request) -> Result<Answer, Error> {
        let bulk_operations = self.gateway.bounds.bulk_operations;
        let limits = Limits { bulk_operations, ..self.gateway.limits };
        let message = request.body.clone().unwrap_or_default();
        let bulk::Request { fail_on_errors, operations } = bulk::parse(&message, &limits)?;
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut failed = 0;
        for operation in &operations {
            if fail_on_errors.is_some_and(|most| failed >= most) {
                break;
            }
            let answer = match self.single(request, operation, &ids) {
                Ok(single) => self.serve(&single).await.unwrap_or_else(Answer::from),
                Err(error) => error.into(),
            };
            let outcome = outcome(&answer);
            failed += u64::from(outcome.response.is_some());
            let id = answer.body.as_ref().and_then(|body| body.get("id")).and_then(Value::as_str);
            if let (None, Some(name), Some(id)) = (&outcome.response, &operation.bulk_id, id) {
                ids.insert(name.clone(), id.to_string());
            }
            outcomes.push(outcome);
        }
        let done = operations.iter().zip(&outcomes);
        Ok(Answer::new(200, Some(bulk::response(done))))
    }

    /// The request that an operation stands for.
    fn single(
        &self,
        request: &Request,
        operation: &Operation,
        ids: &BTreeMap<String, String>,
    ) -> Result<Request, Error> {
        let limits = &self.gateway.limits;
        let mut data = operation.data.clone();
        let mut open = false;
        bulk::resolve(&mut data, limits, |name| {
            let known = ids.get(name).cloned();
            open |= known.is_none();
            known
        });
        let mut path = String::new();
        for segment in operation.path.split('/').filter(|segment| !segment.is_empty()) {
            let id = bulk::reference(segment).map(|name| ids.get(name).ok_or_else(unresolved));
            path.push('/');
            path.push_str(id.transpose()?.map_or(segment, String::as_str));
        }
        if open {
            return Err(unresolved());
        }
        let (bases, catalog) = (root(), &self.gateway.catalog);
        let endpoints: Vec<&str> = catalog.types().iter().map(|t| &*t.endpoint).collect();
        let route = route::parse(&alloc::format!("{ROOT}{path}"), &bases?, &endpoints, limits)?;
        let method = operation.method.as_str();
        route::check_method(method, &route.endpoint)?;
        let body = if method == "DELETE" {
            None
        } else {
            let bytes = serde_json::to_vec(&data)
                .map_err(|_| Error::internal("the body cannot be written"))?;
            let (dialect, notes) = (Some(request.dialect), &mut Notes::default());
            let endpoint = &route.endpoint;
            Some(self.gateway.canonical(method, endpoint, dialect, &bytes, notes)?.1)
        };
        Ok(Request {
            method: method.to_string(),
            endpoint: route.endpoint,
            query: route.query,
            body,
            if_match: operation.version.clone(),
            ..request.clone()
        })
    }
}

/// Paths of operations begin at the SCIM root.
const ROOT: &str = "/scim/v2";

fn root() -> Result<Bases, Error> {
    Bases::parse(&[ROOT]).map_err(|_| Error::internal("the root is no base"))
}

fn unresolved() -> Error {
    Error::unresolved("an operation that this one refers to has failed, or comes later")
}

fn outcome(answer: &Answer) -> Outcome {
    let failed = answer.status >= 400;
    let header = |name: &str| {
        answer.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    };
    let meta = answer.body.as_ref().and_then(|body| body.get("meta"));
    let location = meta.and_then(|meta| meta.get("location")).and_then(Value::as_str);
    Outcome {
        status: answer.status,
        location: header("location").or_else(|| location.map(ToString::to_string)),
        version: header("etag"),
        response: answer.body.clone().filter(|_| failed),
    }
}
