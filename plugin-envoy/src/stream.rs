//! One request on its way: which callback of Envoy does what.
//!
//! The head of a request with a body is held until the body has come, by its end or by trailers:
//! with trailers no body callback ever sees the end. Every callback acts by the state alone, so
//! that none can touch what has been sent on already.

use core::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use scim_core::dialect::canonicalize_body;
use scim_core::protocol::Error;

use crate::answer::{self, Audit, MEDIA_TYPE};
use crate::gate::{self, Admitted, Body, Verdict};
use crate::host;
use crate::limit;
use crate::root::Shared;

/// Seconds for which a request waits for keys.
const WAIT_S: u64 = 10;

/// Where a request stands.
enum State {
    /// Nothing has come.
    Fresh,
    /// Nobody knows yet who sends it: nothing of it may pass.
    Waiting(Waiting),
    /// Its head is held for the body, of which so many bytes have come.
    Held(Admitted, usize),
    /// It has gone on.
    Passed,
    /// It was answered here.
    Answered,
}

/// What has come of a request that waits.
#[derive(Clone, Copy)]
struct Waiting {
    /// When it began to wait.
    since_s: u64,
    /// It has a head only.
    bare: bool,
    /// The bytes of its body that have come.
    size: usize,
    /// All of it has come.
    whole: bool,
}

/// A request and its answer.
pub(crate) struct Stream {
    context: u32,
    request: Rc<RefCell<Request>>,
}

/// What is known of a request.
pub(crate) struct Request {
    shared: Option<Rc<Shared>>,
    state: State,
    audit: Audit,
    /// An answer has begun: no other can be given.
    answering: bool,
    /// What replaces the body of an answer that Envoy made.
    replacement: Option<Vec<u8>>,
}

impl Stream {
    pub(crate) fn new(context: u32, shared: Option<Rc<Shared>>) -> Self {
        let audit = Audit::default();
        let request =
            Request { shared, state: State::Fresh, audit, answering: false, replacement: None };
        Self { context, request: Rc::new(RefCell::new(request)) }
    }
}

impl Request {
    fn count(&self, reason: &str) {
        if let Some(shared) = &self.shared {
            shared.metrics.count(&self.audit, reason);
        }
    }

    /// Keys may have come: the head is judged anew, in `on_tick`, acting for its stream. Whether it
    /// still waits.
    pub(crate) fn wake(&mut self, shared: &Shared) -> bool {
        let State::Waiting(waiting) = self.state else {
            return false;
        };
        let action = match self.judge(shared, waiting.bare) {
            Err(error) => self.refuse(&error),
            Ok(Verdict::Wait) => {
                if host::now_s().is_some_and(|now_s| now_s < waiting.since_s + WAIT_S) {
                    return true;
                }
                self.refuse(&gate::no_keys())
            }
            Ok(Verdict::Alive) => self.alive(),
            Ok(Verdict::Admit(admitted)) if admitted.body == Body::None => self.pass(),
            Ok(Verdict::Admit(admitted)) => {
                self.state = State::Held(admitted, waiting.size);
                if waiting.whole { self.finish() } else { Action::Pause }
            }
        };
        if action == Action::Continue {
            host::resume_request();
        }
        false
    }

    fn judge(&mut self, shared: &Shared, ends: bool) -> Result<Verdict, Error> {
        let headers = host::request_headers();
        gate::judge(shared, &headers, ends, &mut self.audit)
            .map_err(|error| limit::refused(&shared.prefix, error))
    }

    fn refuse(&mut self, error: &Error) -> Action {
        self.state = State::Answered;
        self.audit.answered(error.reason(), error.status());
        self.count(error.reason());
        if !self.answering {
            answer::refuse(error, &self.audit.request_id);
        }
        Action::Pause
    }

    fn pass(&mut self) -> Action {
        self.state = State::Passed;
        self.audit.passed();
        self.count("passed");
        Action::Continue
    }

    fn alive(&mut self) -> Action {
        self.state = State::Answered;
        self.audit.answered("alive", 200);
        answer::alive(&self.audit.request_id);
        Action::Pause
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
        let mut request = self.request.borrow_mut();
        let Some(shared) = request.shared.clone() else {
            return request.refuse(&not_configured());
        };
        match request.judge(&shared, end_of_stream) {
            Err(error) => request.refuse(&error),
            Ok(Verdict::Alive) => request.alive(),
            Ok(Verdict::Wait) => {
                let since_s = host::now_s().unwrap_or_default();
                let (bare, whole) = (end_of_stream, end_of_stream);
                request.state = State::Waiting(Waiting { since_s, bare, size: 0, whole });
                if !shared.wait(self.context, &self.request) {
                    return request.refuse(&gate::no_keys());
                }
                Action::Pause
            }
            Ok(Verdict::Admit(admitted)) if admitted.body == Body::None => request.pass(),
            Ok(Verdict::Admit(admitted)) => {
                request.state = State::Held(admitted, 0);
                Action::Pause
            }
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let mut request = self.request.borrow_mut();
        // While the body is held, `size` counts all of it.
        match &mut request.state {
            State::Waiting(waiting) => {
                waiting.size = size;
                waiting.whole |= end_of_stream;
            }
            State::Held(_, held) => *held = size,
            State::Fresh | State::Passed | State::Answered => return request.passed_or_pause(),
        }
        let limit = request.shared.as_ref().map_or(0, |shared| shared.config.limits.body_bytes);
        if size > limit {
            return request.refuse(&gate::too_large(limit));
        }
        match request.state {
            State::Held(..) if end_of_stream => request.finish(),
            _ => Action::Pause,
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let mut request = self.request.borrow_mut();
        if matches!(request.state, State::Answered) {
            return Action::Pause;
        }
        // A server may take trailers for headers, the client's name among them.
        host::remove_request_trailers();
        match &mut request.state {
            State::Waiting(waiting) => {
                waiting.whole = true;
                Action::Pause
            }
            State::Held(..) => request.finish(),
            State::Fresh | State::Passed | State::Answered => request.passed_or_pause(),
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let mut request = self.request.borrow_mut();
        request.answering = true;
        if matches!(request.state, State::Answered) {
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
            let request_id = &request.audit.request_id;
            if !request_id.is_empty() {
                host::set_response_header("x-request-id", request_id.as_bytes());
            }
            request.audit.answered("envoy", status);
            request.replacement = Some(body);
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let mut request = self.request.borrow_mut();
        if request.replacement.is_none() {
            return Action::Continue;
        }
        if !end_of_stream {
            return Action::Pause;
        }
        if let Some(body) = request.replacement.take() {
            host::set_response_body(size, &body);
        }
        Action::Continue
    }
}

impl Request {
    const fn passed_or_pause(&self) -> Action {
        match self.state {
            State::Passed => Action::Continue,
            State::Fresh | State::Waiting(_) | State::Held(..) | State::Answered => Action::Pause,
        }
    }
}
