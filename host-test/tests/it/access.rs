//! Tenants, clients and tokens of the component, by the admin API and the command line.

mod admin;
mod clients;
mod openapi;
mod tenants;
mod tokens;

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, Client};
use crate::harness::{Service, command};

/// The admin token of the services of these tests.
pub const ADMIN: &str = "0123456789abcdef0123456789abcdef";
/// Their registry token.
pub const REGISTRY: &str = "fedcba9876543210fedcba9876543210";

/// A service with an admin API.
pub struct World {
    pub service: Service,
    _data: TempDir,
}

impl World {
    /// A service with this configuration.
    pub fn start(config: &Value) -> Self {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("config.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut command = command(&data.path().join("store"));
        command.args(["--admin-token", ADMIN, "--registry-token", REGISTRY, "--config"]).arg(file);
        let service = Service::start(command).unwrap_or_else(|log| panic!("no start: {log}"));
        Self { service, _data: data }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn root(&self) -> String {
        format!("http://{}", self.service.authority())
    }

    /// The admin API.
    pub fn admin(&self) -> Client {
        Client::new(&format!("{}/admin/v1", self.root()), Some(ADMIN))
    }

    /// Asks the admin API for something that it must do.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.admin().send(method, path, &[], body);
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text);
        answer.body
    }

    /// A client with a static token; its provider is made first.
    #[track_caller]
    pub fn client(&self, tenant: &str, name: &str, fields: &Value) -> (Client, Value) {
        let at = format!("/tenants/{tenant}");
        let provider = json!({"name": format!("idp-{name}"), "kind": "saml"});
        self.ask("POST", &format!("{at}/providers"), Some(&provider));
        let mut body = json!({"name": name, "provider": provider["name"], "method": "static"});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let made = self.ask("POST", &format!("{at}/clients"), Some(&body));
        let base = made["base_url"].as_str().unwrap().to_owned();
        (Client::new(&base, made["token"].as_str()), made)
    }

    /// Ends the service; its log.
    pub fn stop(self) -> String {
        self.service.terminate();
        self.service.wait().1
    }

    /// Runs the command line against this service: success, standard output, standard error.
    pub fn run(&self, args: &[&str]) -> (bool, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_scim-edge"))
            .args(args)
            .args(["--url", &self.root()])
            .env("SCIM_EDGE_ADMIN_TOKEN", ADMIN)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }
}

/// Creates a user; its id.
#[track_caller]
pub fn user(client: &Client, name: &str) -> String {
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
    let body = json!({"schemas": schemas, "userName": name, "externalId": name, "active": true});
    let answer = client.send("POST", "/Users", &[], Some(&body));
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["id"].as_str().unwrap().to_owned()
}

/// What an answer says, without what differs in every answer.
pub fn outside(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let own = ["date", "x-request-id"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    (answer.status, answer.text.clone(), headers.cloned().collect())
}
