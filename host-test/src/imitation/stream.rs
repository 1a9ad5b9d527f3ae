//! One request and its answer on their way through the filter.

use std::collections::BTreeMap;

use super::headers::Headers;

/// The way to the upstream, or the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// Whether what comes is handed to the filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Iteration {
    #[default]
    Continue,
    /// The filter sees what comes and holds it.
    Stopped,
    /// The filter sees nothing until it resumes.
    AllStopped,
}

/// One of the two ways.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Half {
    pub(super) started: bool,
    pub(super) headers: Headers,
    /// The filter may read and set the headers.
    pub(super) headers_open: bool,
    pub(super) headers_left: bool,
    pub(super) trailers: Option<Headers>,
    pub(super) trailers_open: bool,
    /// What is held.
    pub(super) held: Vec<u8>,
    pub(super) holds: bool,
    /// What the filter is shown of a body that it does not hold.
    pub(super) shown: Option<Vec<u8>>,
    /// The filter is shown what is held.
    pub(super) buffering: bool,
    /// The last piece has come.
    pub(super) ended: bool,
    /// What the filter was told about the end.
    pub(super) end_of_stream: bool,
    pub(super) iteration: Iteration,
    /// Too much data slows the sender down, in the place of an error.
    pub(super) slows: bool,
}

impl Half {
    /// The body as the filter sees it now.
    pub(super) fn body(&mut self) -> Option<&mut Vec<u8>> {
        if self.buffering && self.holds { Some(&mut self.held) } else { self.shown.as_mut() }
    }

    pub(super) fn hold(&mut self, data: Vec<u8>) {
        self.holds = true;
        if self.held.is_empty() {
            self.held = data;
        } else {
            self.held.extend(data);
        }
    }
}

/// One message as somebody received it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The head; `None` until it came.
    pub headers: Option<Headers>,
    /// What came of the body.
    pub body: Vec<u8>,
    /// Trailers, if there were any.
    pub trailers: Option<Headers>,
    /// Its end came.
    pub complete: bool,
    /// The connection ended before its end.
    pub cut: bool,
}

impl Received {
    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.headers.as_ref()?.text(":status").parse().ok()
    }

    /// Whether the length that the head promises, if any, is that of the body.
    #[must_use]
    pub fn length_is_right(&self) -> bool {
        let length = self.headers.as_ref().and_then(|headers| headers.first("content-length"));
        length.is_none_or(|length| length == self.body.len().to_string().as_bytes())
    }
}

/// What became of one request.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// What the upstream received.
    pub upstream: Received,
    /// What the client received.
    pub client: Received,
    /// Filter state that the filter left, by its name (`wasm.…`).
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// Why Envoy answered, in its own words; `via_upstream` if it did not.
    pub details: Option<String>,
}

/// A request that is on its way.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Stream {
    pub(super) request: Half,
    pub(super) response: Half,
    pub(super) exchange: Exchange,
    /// The filter was told of it.
    pub(super) in_vm: bool,
    /// The VM died under it.
    pub(super) failed: bool,
    /// Nothing of the request goes any further.
    pub(super) aborted: bool,
    /// Both ways have ended.
    pub(super) done: bool,
    pub(super) properties: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Stream {
    pub(super) fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }

    /// Where that side's message arrives.
    pub(super) fn sink(&mut self, side: Side) -> &mut Received {
        match side {
            Side::Request => &mut self.exchange.upstream,
            Side::Response => &mut self.exchange.client,
        }
    }
}
