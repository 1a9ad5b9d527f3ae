//! An application that only keeps what it is sent.

use core::net::SocketAddr;
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use super::http::{self, Message};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/scim+json\r\n\
                      content-length: 11\r\nconnection: close\r\n\r\n{\"ok\":true}";

/// The application; its thread ends with the process.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Upstream {
    pub(super) fn start() -> Self {
        Self::answering(ANSWER)
    }

    /// Answers every request with `answer`.
    pub(super) fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let record = Arc::clone(&record);
                thread::spawn(move || {
                    if let Some(message) = http::read(&mut stream) {
                        record.lock().unwrap().push(message);
                        drop(stream.write_all(answer.as_bytes()));
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// Takes all that was seen so far.
    pub(super) fn take(&self) -> Vec<Message> {
        core::mem::take(&mut self.seen.lock().unwrap())
    }

    /// Takes the one request that was seen.
    #[track_caller]
    pub(super) fn one(&self) -> Message {
        let mut seen = self.take();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }
}
