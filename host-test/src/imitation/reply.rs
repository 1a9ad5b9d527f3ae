//! Answers that Envoy itself gives, for the filter or in the place of a filter that is gone.

use super::headers::Headers;
use super::stream::Side;
use super::vm::Vm;

/// An answer that Envoy itself gives.
pub(super) struct LocalReply {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    pub(super) details: &'static str,
}

impl LocalReply {
    pub(super) fn text(status: u16, body: &str, details: &'static str) -> Self {
        Self { status, headers: Headers::default(), body: body.as_bytes().to_vec(), details }
    }

    fn head(&self) -> Headers {
        let mut headers = Headers::default();
        headers.add(b":status", self.status.to_string().as_bytes());
        for (name, value) in self.headers.iter() {
            headers.add(name, value);
        }
        if !self.body.is_empty() {
            if headers.first("content-type").is_none() {
                headers.add(b"content-type", b"text/plain");
            }
            headers.set(b"content-length", self.body.len().to_string().as_bytes());
        }
        headers
    }
}

impl Vm {
    /// Envoy answers in the place of the upstream.
    pub(super) fn local_reply(&mut self, context: u32, reply: LocalReply) {
        let Some(stream) = self.stream(context).filter(|stream| !stream.done) else { return };
        if stream.aborted && !stream.response.started {
            return;
        }
        stream.aborted = true;
        stream.exchange.details = Some(reply.details.to_owned());
        let head = reply.head();
        let is_head = stream.request.headers.text(":method") == "HEAD";
        let body = if is_head { Vec::new() } else { reply.body };
        if !stream.response.started {
            self.headers(context, Side::Response, head, body.is_empty());
            if !body.is_empty() {
                self.data(context, Side::Response, body, true);
            }
            return;
        }
        let client = &mut stream.exchange.client;
        if client.headers.is_none() {
            // The filter looks at another answer already: this one passes it by.
            (client.headers, client.body, client.complete) = (Some(head), body, true);
        } else {
            client.cut = true;
        }
        self.finish(context);
    }

    pub(super) fn is_too_large(&mut self, context: u32, side: Side) -> bool {
        let limit = self.store.data().settings.buffer_limit;
        let half = self.stream(context).map(|stream| stream.half(side));
        half.is_some_and(|half| !half.slows && half.held.len() > limit)
    }

    /// If more is held than Envoy allows, that is the answer.
    pub(super) fn too_large(&mut self, context: u32, side: Side) {
        if !self.is_too_large(context, side) {
            return;
        }
        let reply = match side {
            Side::Request => {
                LocalReply::text(413, "Payload Too Large", "request_payload_too_large")
            }
            Side::Response => {
                LocalReply::text(500, "Internal Server Error", "response_payload_too_large")
            }
        };
        self.local_reply(context, reply);
    }

    pub(super) fn is_alive(&mut self, context: u32, side: Side) -> bool {
        let failed = self.failed();
        self.stream(context).is_some_and(|stream| {
            !failed && stream.in_vm && !(side == Side::Response && stream.failed)
        })
    }

    /// What a filter that is gone cannot see: the answer that says so passes, all else fails.
    pub(super) fn passes_unseen(&mut self, context: u32, side: Side) -> bool {
        let failed = self.stream(context).is_some_and(|stream| stream.failed);
        if failed && side == Side::Response {
            return true;
        }
        self.fail(context);
        false
    }

    pub(super) fn fail(&mut self, context: u32) {
        let Some(stream) = self.stream(context) else { return };
        if !core::mem::replace(&mut stream.failed, true) {
            self.local_reply(context, LocalReply::text(503, "", "wasm_fail_stream"));
        }
    }
}
