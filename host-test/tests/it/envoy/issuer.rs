//! An identity provider that publishes its keys, slowly or not at all if it is told so.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::{forge, http};

/// What it does.
#[derive(Clone)]
struct Manner {
    keys: Value,
    status: u16,
    pause: Duration,
    called: Vec<String>,
}

/// The provider; its thread ends with the process.
pub(super) struct Issuer {
    pub(super) address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
}

impl Issuer {
    /// One that publishes the key of that name and number.
    pub(super) fn start(key_id: &str, number: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let keys = forge::key_set(key_id, number);
        let manner = Manner { keys, status: 200, pause: Duration::ZERO, called: Vec::new() };
        let manner = Arc::new(Mutex::new(manner));
        let shared = Arc::clone(&manner);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    while let Some(request) = http::read(&mut stream) {
                        let path = request.start.split(' ').nth(1).unwrap().to_owned();
                        let manner = {
                            let mut manner = shared.lock().unwrap();
                            manner.called.push(path.clone());
                            manner.clone()
                        };
                        thread::sleep(manner.pause);
                        let body = if path == "/keys" {
                            manner.keys.to_string()
                        } else {
                            let issuer = format!("http://{address}");
                            json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")})
                                .to_string()
                        };
                        let head = format!(
                            "HTTP/1.1 {} Status\r\ncontent-type: application/json\r\n\
                             content-length: {}\r\n\r\n",
                            manner.status,
                            body.len()
                        );
                        drop(stream.write_all(format!("{head}{body}").as_bytes()));
                    }
                });
            }
        });
        Self { address, manner }
    }

    /// Its identifier.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A gateway's configuration that takes its tokens.
    pub(super) fn configuration(&self) -> Value {
        json!({
            "providers": [{"name": "idp", "kind": "oidc", "issuer": self.url(), "client_id": "edge",
                           "refetch_seconds": 1}],
            "clients": [{"name": "jwt", "provider": "idp", "method": "jwt", "subject": "7f9c"}],
        })
    }

    /// Publishes another key from now on.
    pub(super) fn rotate(&self, key_id: &str, number: u8) {
        self.manner.lock().unwrap().keys = forge::key_set(key_id, number);
    }

    /// Answers with that status from now on, and after that pause.
    pub(super) fn answer(&self, status: u16, pause: Duration) {
        let mut manner = self.manner.lock().unwrap();
        (manner.status, manner.pause) = (status, pause);
    }

    /// The paths that were called so far.
    pub(super) fn called(&self) -> Vec<String> {
        self.manner.lock().unwrap().called.clone()
    }
}
