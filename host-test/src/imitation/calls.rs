//! Calls of the filter to clusters (`proxy_http_call`).

use core::fmt;
use std::rc::Rc;

use super::headers::Headers;

/// What a cluster answers.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// With `:status`.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// Trailers; mostly none.
    pub trailers: Headers,
}

impl Answer {
    /// An answer of a status, a media type and a body.
    pub fn of(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut headers = Headers::default();
        headers.add(b":status", status.to_string().as_bytes());
        headers.add(b"content-type", media_type.as_bytes());
        Self { headers, body: body.into(), trailers: Headers::default() }
    }

    /// What Envoy makes of a cluster that cannot be reached.
    pub(super) fn unreachable() -> Self {
        let text = "upstream connect error or disconnect/reset before headers. \
                    reset reason: connection refused";
        Self::of(503, "text/plain", text)
    }

    /// What Envoy makes of a cluster that does not answer in time.
    pub(super) fn late() -> Self {
        Self::of(504, "text/plain", "upstream request timeout")
    }
}

/// A call as the cluster receives it.
#[derive(Clone, Debug)]
pub struct CallRequest {
    /// The cluster.
    pub cluster: String,
    /// Head, with `:method`, `:path` and `:authority`.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

/// Milliseconds until the answer, and the answer.
pub type Reply = (u64, Answer);

/// A cluster that filters can call.
#[derive(Clone)]
pub enum Cluster {
    /// Nothing listens.
    Dead,
    /// It takes requests and never answers.
    Silent,
    /// It answers.
    Answers(Rc<dyn Fn(&CallRequest) -> Reply>),
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dead => "Dead",
            Self::Silent => "Silent",
            Self::Answers(_) => "Answers",
        })
    }
}

/// A call that waits for its answer.
pub(super) struct Call {
    pub(super) token: u32,
    pub(super) due_ns: u64,
    pub(super) answer: Answer,
}

impl Cluster {
    /// Milliseconds until an answer, and which; `timeout` 0 waits for ever, which here is a day.
    pub(super) fn reply(&self, request: &CallRequest, timeout: u64) -> Reply {
        let timeout = if timeout == 0 { 86_400_000 } else { timeout };
        match self {
            Self::Dead => (0, Answer::unreachable()),
            Self::Silent => (timeout, Answer::late()),
            Self::Answers(answer) => {
                let (after, answer) = answer(request);
                if after < timeout { (after, answer) } else { (timeout, Answer::late()) }
            }
        }
    }
}
