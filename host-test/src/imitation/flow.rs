//! What Envoy does with the parts of a message that a filter passes, holds or replaces.
//!
//! Each rule here was seen in Envoy 1.40; `vectors/imitation` runs in both.

use super::headers::Headers;
use super::host::Deferred;
use super::reply::LocalReply;
use super::stream::{Iteration, Side};
use super::vm::Vm;

/// A filter's answers to a callback; the numbers are the ABI's.
const CONTINUE: u32 = 0;
const STOP: u32 = 1;
const STOP_AND_WATERMARK: u32 = 2;

impl Vm {
    /// A head comes.
    pub(super) fn headers(&mut self, context: u32, side: Side, headers: Headers, end: bool) {
        let count = u32::try_from(headers.len()).unwrap_or(u32::MAX);
        let Some(stream) = self.stream(context).filter(|stream| !stream.done) else { return };
        if side == Side::Request && stream.aborted || stream.half(side).started {
            return;
        }
        let half = stream.half(side);
        (half.started, half.ended, half.end_of_stream) = (true, end, end);
        half.headers = headers;
        half.headers_open = true;
        if side == Side::Request && !self.failed() {
            self.on_create(context);
            self.with(context, |stream| stream.in_vm = true);
        }
        if !self.is_alive(context, side) {
            if self.passes_unseen(context, side) {
                self.emit_headers(context, side, end);
            }
            return;
        }
        let verdict = self.on_headers(context, side, count, end);
        if !self.settle(context, side) {
            return;
        }
        let all = !self.store.data().settings.holds_headers;
        self.with(context, |stream| match verdict {
            CONTINUE => stream.half(side).headers_open = false,
            STOP if !all => stream.half(side).iteration = Iteration::Stopped,
            _ => stream.half(side).iteration = Iteration::AllStopped,
        });
        if verdict == CONTINUE {
            self.emit_headers(context, side, end);
        }
    }

    /// A piece of a body comes.
    pub(super) fn data(&mut self, context: u32, side: Side, data: Vec<u8>, end: bool) {
        let Some(stream) = self.stream(context).filter(|stream| !stream.done) else { return };
        if side == Side::Request && stream.aborted {
            return;
        }
        let half = stream.half(side);
        half.ended |= end;
        if half.iteration == Iteration::AllStopped {
            half.slows = true;
            half.hold(data);
            return;
        }
        if !self.is_alive(context, side) {
            if self.passes_unseen(context, side) {
                self.emit_data(context, side, data, end);
            }
            return;
        }
        let Some(stream) = self.stream(context) else { return };
        let half = stream.half(side);
        half.end_of_stream = end;
        if half.buffering {
            half.hold(data);
        } else {
            half.shown = Some(data);
        }
        let bytes = half.body().map_or(0, |body| body.len());
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let verdict = self.on_body(context, side, bytes, end);
        let Some(stream) = self.stream(context) else { return };
        if stream.half(side).buffering && self.is_too_large(context, side) {
            // Envoy's answer was given before the callback, and comes after it.
            self.store.data_mut().deferred.clear();
            self.too_large(context, side);
            return;
        }
        if !self.settle(context, side) {
            return;
        }
        let Some(stream) = self.stream(context) else { return };
        let half = stream.half(side);
        half.buffering = false;
        let shown = half.shown.take();
        match verdict {
            CONTINUE if half.iteration == Iteration::Stopped => {
                if let Some(shown) = shown {
                    half.hold(shown);
                }
                self.go_on(context, side);
            }
            CONTINUE => self.emit_data(context, side, shown.unwrap_or_default(), end),
            STOP | STOP_AND_WATERMARK => {
                half.iteration = Iteration::Stopped;
                half.buffering = verdict == STOP;
                half.slows = verdict == STOP_AND_WATERMARK;
                if let Some(shown) = shown {
                    half.hold(shown);
                }
                self.too_large(context, side);
            }
            _ => half.iteration = Iteration::Stopped,
        }
    }

    /// Trailers come: the end, of which body callbacks are told nothing.
    pub(super) fn trailers(&mut self, context: u32, side: Side, trailers: Headers) {
        let Some(stream) = self.stream(context).filter(|stream| !stream.done) else { return };
        if side == Side::Request && stream.aborted {
            return;
        }
        let half = stream.half(side);
        half.ended = true;
        half.trailers = Some(trailers);
        if half.iteration != Iteration::AllStopped {
            self.show_trailers(context, side);
        }
    }

    fn show_trailers(&mut self, context: u32, side: Side) {
        if !self.is_alive(context, side) {
            if self.passes_unseen(context, side) {
                self.emit_trailers(context, side);
            }
            return;
        }
        let Some(stream) = self.stream(context) else { return };
        let half = stream.half(side);
        half.trailers_open = true;
        let count = half.trailers.as_ref().map_or(0, Headers::len);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let verdict = self.on_trailers(context, side, count);
        if !self.settle(context, side) {
            return;
        }
        let Some(stream) = self.stream(context) else { return };
        let half = stream.half(side);
        if verdict != CONTINUE {
            half.iteration = Iteration::Stopped;
            return;
        }
        half.trailers_open = false;
        if half.iteration == Iteration::Stopped {
            self.go_on(context, side);
        } else {
            self.emit_trailers(context, side);
        }
    }

    /// The filter lets go what it holds.
    fn resume(&mut self, context: u32, side: Side) {
        let Some(stream) = self.stream(context).filter(|stream| !stream.done) else { return };
        let half = stream.half(side);
        match half.iteration {
            Iteration::Continue => {}
            Iteration::Stopped => self.go_on(context, side),
            Iteration::AllStopped => {
                // What came meanwhile was never shown: it is now.
                half.iteration = Iteration::Continue;
                let held = core::mem::take(&mut half.held);
                let (holds, trailers) = (half.holds, half.trailers.is_some());
                half.holds = false;
                let ends = half.ended;
                self.emit_headers(context, side, ends && !holds && !trailers);
                if holds {
                    self.data(context, side, held, ends && !trailers);
                }
                if trailers {
                    self.show_trailers(context, side);
                }
            }
        }
    }

    /// Sends on what is held, after the filter.
    fn go_on(&mut self, context: u32, side: Side) {
        let Some(stream) = self.stream(context) else { return };
        let half = stream.half(side);
        half.iteration = Iteration::Continue;
        half.buffering = false;
        let held = core::mem::take(&mut half.held);
        let (holds, trailers) = (half.holds, half.trailers.is_some());
        half.holds = false;
        let (ends, left) = (half.ended, half.headers_left);
        if !left {
            self.emit_headers(context, side, ends && !holds && !trailers);
        }
        if holds {
            self.emit_data(context, side, held, ends && !trailers);
        }
        if trailers {
            self.emit_trailers(context, side);
        }
    }

    fn emit_headers(&mut self, context: u32, side: Side, end: bool) {
        let Some(stream) = self.stream(context).filter(|stream| !stream.done) else { return };
        if side == Side::Request && stream.aborted {
            return;
        }
        let half = stream.half(side);
        half.headers_left = true;
        let headers = half.headers.clone();
        if side == Side::Request && headers.first(":path").is_none() {
            self.local_reply(context, LocalReply::text(404, "", "route_not_found"));
            return;
        }
        if side == Side::Request && headers.first(":method").is_none() {
            let details = "filter_removed_required_request_headers\
                           {missing_required_header:_:method}";
            let reply = LocalReply::text(503, "missing required header: :method", details);
            self.local_reply(context, reply);
            return;
        }
        stream.sink(side).headers = Some(headers);
        self.emitted(context, side, end);
    }

    fn emit_data(&mut self, context: u32, side: Side, data: Vec<u8>, end: bool) {
        let Some(stream) = self.stream(context).filter(|stream| !stream.done) else { return };
        if side == Side::Request && stream.aborted {
            return;
        }
        stream.sink(side).body.extend(data);
        // Trailers that the filter began with the last of the body.
        let added = end && stream.half(side).trailers.is_some();
        self.emitted(context, side, end && !added);
        if added {
            self.emit_trailers(context, side);
        }
    }

    fn emit_trailers(&mut self, context: u32, side: Side) {
        let Some(stream) = self.stream(context).filter(|stream| !stream.done) else { return };
        if side == Side::Request && stream.aborted {
            return;
        }
        let trailers = stream.half(side).trailers.clone();
        stream.sink(side).trailers = trailers;
        self.emitted(context, side, true);
    }

    fn emitted(&mut self, context: u32, side: Side, end: bool) {
        let Some(stream) = self.stream(context) else { return };
        if end {
            stream.sink(side).complete = true;
            if side == Side::Response {
                self.finish(context);
            }
        }
    }

    /// Does what the last callback asked for. Whether the message goes on by what it returned.
    fn settle(&mut self, context: u32, side: Side) -> bool {
        let stops = core::mem::take(&mut self.store.data_mut().stops);
        self.after_call();
        if self.failed() {
            self.fail(context);
            return false;
        }
        let Some(stream) = self.stream(context) else { return false };
        !(stops || stream.done || side == Side::Request && stream.aborted)
    }

    /// Does what host calls asked for, in order.
    pub(super) fn after_call(&mut self) {
        while !self.store.data().deferred.is_empty() {
            for action in core::mem::take(&mut self.store.data_mut().deferred) {
                match action {
                    Deferred::Answer { context, status, headers, body } => {
                        let status = u16::try_from(status).unwrap_or(500);
                        let reply = LocalReply { status, headers, body, details: "" };
                        self.local_reply(context, reply);
                    }
                    Deferred::Resume { context, side } => self.resume(context, side),
                    Deferred::Close { context } => self.cut(context),
                }
            }
        }
    }

    /// The connection to the client is gone.
    pub(super) fn cut(&mut self, context: u32) {
        if let Some(stream) = self.stream(context).filter(|stream| !stream.done) {
            stream.exchange.client.cut = true;
            self.finish(context);
        }
    }

    pub(super) fn finish(&mut self, context: u32) {
        let Some(stream) = self.stream(context) else { return };
        let upstream = &mut stream.exchange.upstream;
        upstream.cut = upstream.headers.is_some() && !upstream.complete;
        let told = stream.in_vm && !stream.done;
        if told {
            self.on_end(context);
        }
        self.with(context, |stream| stream.done = true);
    }

    fn with(&mut self, context: u32, act: impl FnOnce(&mut super::stream::Stream)) {
        if let Some(stream) = self.stream(context) {
            act(stream);
        }
    }
}
