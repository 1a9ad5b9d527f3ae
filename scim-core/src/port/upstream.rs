//! The port to the application behind a gateway (RFC 7644 §3).

use alloc::string::String;
use alloc::vec::Vec;

use super::http::{NoReply, Reply};

/// A request to the application. The host adds what it alone knows: authority and credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Path and query, beginning with a slash.
    pub target: String,
    /// Header fields, their names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// Calls to the application. Redirections are answers like others: none is followed.
#[expect(async_fn_in_trait, reason = "one thread; no caller needs the future to be Send")]
pub trait Upstream {
    /// Sends a request and waits for its whole answer: at most `ms` milliseconds, and at most
    /// `bytes` of the body and one more.
    async fn send(&self, request: Request, ms: u64, bytes: usize) -> Result<Reply, NoReply>;
}

impl<T: Upstream + ?Sized> Upstream for &T {
    async fn send(&self, request: Request, ms: u64, bytes: usize) -> Result<Reply, NoReply> {
        (**self).send(request, ms, bytes).await
    }
}
