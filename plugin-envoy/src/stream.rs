//! One request on its way: which callback of Envoy does what.
//!
//! The head of a request with a body is held until the body has come, by its end or by trailers:
//! with trailers no body callback ever sees the end. Every callback acts by the state alone, so
//! that none can touch what has been sent on already.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use scim_core::dialect::canonicalize_body;
use scim_core::protocol::Error;

use crate::answer::{self, Audit, MEDIA_TYPE};
use crate::gate::{self, Admitted, Body, Verdict};
use crate::host;
use crate::root::Shared;

/// Where a request stands.
enum State {
    /// Nothing has come.
    Fresh,
    /// Its head is held for the body, of which so many bytes have come.
    Held(Admitted, usize),
    /// It has gone on.
    Passed,
    /// It was answered here.
    Answered,
}

/// A request and its answer.
pub(crate) struct Stream {
    shared: Option<Rc<Shared>>,
    state: State,
    audit: Audit,
    /// An answer has begun: no other can be given.
    answering: bool,
    /// What replaces the body of an answer that Envoy made.
    replacement: Option<Vec<u8>>,
}

impl Stream {
    pub(crate) fn new(shared: Option<Rc<Shared>>) -> Self {
        let audit = Audit::default();
        Self { shared, state: State::Fresh, audit, answering: false, replacement: None }
    }

    fn refuse(&mut self, error: &Error) -> Action {
        self.state = State::Answered;
        self.audit.answered(error.reason(), error.status());
        if !self.answering {
            answer::refuse(error, &self.audit.request_id);
        }
        Action::Pause
    }

    fn pass(&mut self) -> Action {
        self.state = State::Passed;
        self.audit.passed();
        Action::Continue
    }

    /// The whole body is held: it is put right, and the request goes on.
    fn finish(&mut self) -> Action {
        let State::Held(admitted, held) = core::mem::replace(&mut self.state, State::Answered)
        else {
            return Action::Pause;
        };
        match self.replace_body(&admitted, held) {
            Ok(()) => self.pass(),
            Err(error) => self.refuse(&error),
        }
    }

    fn replace_body(&mut self, admitted: &Admitted, held: usize) -> Result<(), Error> {
        let shared = self.shared.clone().ok_or_else(not_configured)?;
        let limits = &shared.config.limits;
        let sent = if held == 0 { None } else { host::request_body(held) };
        let sent = sent.unwrap_or_default();
        let body = match admitted.body {
            Body::Canonicalize if sent.is_empty() => {
                return Err(Error::invalid_syntax("the request has no body"));
            }
            Body::Canonicalize => canonicalize_body(
                &shared.catalog,
                admitted.method,
                &admitted.endpoint,
                admitted.dialect,
                &sent,
                limits,
                &mut self.audit.notes,
            )?,
            Body::Drop | Body::None => Vec::new(),
        };
        let replaced =
            sent.is_empty() && body.is_empty() || host::set_request_body(sent.len(), &body);
        let length = body.len().to_string();
        if replaced && host::set_request_header("content-length", length.as_bytes()) {
            Ok(())
        } else {
            Err(Error::internal("the body cannot be replaced"))
        }
    }
}

fn not_configured() -> Error {
    Error::unavailable("the gateway is not configured", 1)
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let Some(shared) = self.shared.clone() else {
            return self.refuse(&not_configured());
        };
        let headers = host::request_headers();
        match gate::judge(&shared, &headers, end_of_stream, &mut self.audit) {
            Err(error) => self.refuse(&error),
            Ok(Verdict::Alive) => {
                self.state = State::Answered;
                self.audit.answered("alive", 200);
                answer::alive(&self.audit.request_id);
                Action::Pause
            }
            Ok(Verdict::Admit(admitted)) if admitted.body == Body::None => self.pass(),
            Ok(Verdict::Admit(admitted)) => {
                self.state = State::Held(admitted, 0);
                Action::Pause
            }
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let State::Held(_, held) = &mut self.state else {
            return self.passed_or_pause();
        };
        // While the body is held, `size` counts all of it.
        *held = size;
        let limit = self.shared.as_ref().map_or(0, |shared| shared.config.limits.body_bytes);
        if size > limit {
            return self.refuse(&gate::too_large(limit));
        }
        if end_of_stream { self.finish() } else { Action::Pause }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        if matches!(self.state, State::Answered) {
            return Action::Pause;
        }
        // A server may take trailers for headers, the client's name among them.
        host::remove_request_trailers();
        if matches!(self.state, State::Held(..)) { self.finish() } else { self.passed_or_pause() }
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.answering = true;
        if matches!(self.state, State::Answered) {
            return Action::Continue;
        }
        host::set_response_header("cache-control", b"no-store");
        if !end_of_stream
            && let Some(status) = host::response_status().filter(|status| *status >= 400)
            && !host::response_is_upstreams()
        {
            let body = answer::body_of_envoys_answer(status);
            host::set_response_header("content-type", MEDIA_TYPE.as_bytes());
            host::set_response_header("content-length", body.len().to_string().as_bytes());
            if !self.audit.request_id.is_empty() {
                host::set_response_header("x-request-id", self.audit.request_id.as_bytes());
            }
            self.audit.answered("envoy", status);
            self.replacement = Some(body);
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.replacement.is_none() {
            return Action::Continue;
        }
        if !end_of_stream {
            return Action::Pause;
        }
        if let Some(body) = self.replacement.take() {
            host::set_response_body(size, &body);
        }
        Action::Continue
    }
}

impl Stream {
    const fn passed_or_pause(&self) -> Action {
        match self.state {
            State::Passed => Action::Continue,
            State::Fresh | State::Held(..) | State::Answered => Action::Pause,
        }
    }
}
