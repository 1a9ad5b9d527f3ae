//! The port for calls to other servers: identity providers, and the service that keeps the registry.

use alloc::string::String;
use alloc::vec::Vec;

/// A call to another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// By TLS, or in plain text to the same machine.
    pub secure: bool,
    /// Host, and port unless it is the scheme's own.
    pub authority: String,
    /// Path and query, beginning with a slash.
    pub path: String,
    /// Header fields, their names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Header fields, their names in lower case; values that are not UTF-8 are left out.
    pub headers: Vec<(String, String)>,
    /// The body, cut at the limit that the call was made with and one byte more.
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of the first field of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// No answer came: no connection, no time left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReply;

/// Calls to other servers. Redirections are answers like others: none is followed.
#[expect(async_fn_in_trait, reason = "one thread; no caller needs the future to be Send")]
pub trait Http {
    /// Makes a call, and waits at most `seconds` for its whole answer, of whose body at most
    /// `bytes` and one more are read.
    async fn send(&self, call: Call, seconds: u64, bytes: usize) -> Result<Reply, NoReply>;
}
