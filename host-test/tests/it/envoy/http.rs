//! HTTP/1.1 byte by byte: what a well-behaved client library would never send must be sent here.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// One message, a request or an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    /// Request line or status line.
    pub(super) start: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// All values of a header.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let values = self.headers.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The only value of a header; "" if it is missing.
    #[track_caller]
    pub(super) fn header(&self, name: &str) -> String {
        let mut values = self.all(name);
        assert!(values.len() <= 1, "{name}: {values:?}");
        values.pop().unwrap_or_default()
    }

    pub(super) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Asserts that this is an error in SCIM's form (RFC 7644 §3.12).
    #[track_caller]
    pub(super) fn is_scim_error(&self, status: u16) -> Value {
        assert_eq!(self.status(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/scim+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert!(!self.header("x-request-id").is_empty());
        let body = self.json();
        assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
        assert_eq!(body["status"], status.to_string());
        body
    }
}

/// Sends `request` as it is and reads the answer.
#[track_caller]
pub(super) fn send(address: SocketAddr, request: &[u8]) -> Message {
    let mut stream = connect(address);
    // A server that answers early may close before it has read all.
    drop(stream.write_all(request));
    let answer = if request.starts_with(b"HEAD ") { head(&mut stream) } else { read(&mut stream) };
    answer.expect("an answer")
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads the head of a message; `None` if the other side closes before it is whole.
pub(super) fn head(stream: &mut impl Read) -> Option<Message> {
    let head = read_until(stream, b"\r\n\r\n")?;
    let mut message = Message::default();
    for line in head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if message.start.is_empty() {
            message.start = String::from_utf8_lossy(line).into_owned();
        } else if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            message.headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
    }
    Some(message)
}

/// Reads one message; `None` if the other side closes before it is whole.
pub(super) fn read(stream: &mut impl Read) -> Option<Message> {
    let mut message = head(stream)?;
    if message.all("transfer-encoding").iter().any(|value| value == "chunked") {
        loop {
            let size = String::from_utf8(read_until(stream, b"\r\n")?).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            message.body.extend(read_exactly(stream, size)?);
            read_exactly(stream, 2)?;
            if size == 0 {
                return Some(message);
            }
        }
    }
    if let Ok(length) = message.header("content-length").parse() {
        message.body = read_exactly(stream, length)?;
    }
    Some(message)
}

fn read_exactly(stream: &mut impl Read, count: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn read_until(stream: &mut impl Read, end: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.extend(read_exactly(stream, 1)?);
    }
    Some(bytes)
}
