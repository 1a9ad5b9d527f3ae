//! Starting and stopping `scim-edge up`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::client::Client;
use crate::harness::{Service, TOKEN, command, without_token};

/// The token that a start printed.
fn printed_token(service: &Service) -> Option<String> {
    let line = service.printed.lines().find(|line| line.starts_with("bearer token"))?;
    let word = line.split_whitespace().find(|word| word.starts_with("scimedge_"))?;
    Some(word.to_owned())
}

fn lets_in(service: &Service, token: &str) -> bool {
    Client::new(service.base(), Some(token)).send("GET", "/Users", &[], None).status == 200
}

#[test]
fn the_first_start_makes_a_token_and_shows_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Service::start(without_token(folder.path())).unwrap();
    let token = printed_token(&first).expect("the first start prints a token");
    assert!(lets_in(&first, &token));
    drop(first);
    let kept = fs::read_to_string(folder.path().join("token.json")).unwrap();
    assert!(!kept.contains(&token));

    let second = Service::start(without_token(folder.path())).unwrap();
    assert_eq!(printed_token(&second), None);
    assert!(second.printed.contains("--token"), "{}", second.printed);
    assert!(lets_in(&second, &token));
}

#[test]
fn a_given_token_counts_and_is_not_printed() {
    let service = Service::fresh();
    assert!(lets_in(&service, TOKEN));
    assert!(!service.printed.contains(TOKEN));
}

#[test]
fn the_last_line_names_the_real_address() {
    let service = Service::fresh();
    assert!(service.printed.ends_with(&format!("\nready {}\n", service.base())));
    assert!(!service.authority().ends_with(":0"));
}

#[test]
fn a_weak_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for token in ["fifteen-letters", "a token with blanks", "sixteen-lettérs!"] {
        let mut command = without_token(folder.path());
        command.args(["--token", token]);
        let log = Service::start(command).err().expect("a weak token is refused");
        assert!(log.contains("16 or more characters"), "{log}");
        assert!(!log.contains(token), "{log}");
    }
}

#[test]
fn a_data_folder_has_one_service_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = Service::on(folder.path());
    let log = Service::start(command(folder.path())).err().expect("a second start is refused");
    assert!(log.contains("another scim-edge is using"), "{log}");
    drop(first);
    drop(Service::on(folder.path()));
}

#[test]
fn a_wrong_configuration_is_refused_by_the_name_of_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    for (config, field) in [
        (json!({"limits": {"body_bytes": "big"}}), "limits.body_bytes"),
        (json!({"clients": [{"name": "x", "token": "in plain text, really"}]}), "clients[0].token"),
        (json!({"unheard_of": 1}), "unheard_of"),
    ] {
        fs::write(&file, config.to_string()).unwrap();
        let mut command = command(&folder.path().join("data"));
        command.arg("--config").arg(&file);
        let log = Service::start(command).err().expect("a wrong configuration is refused");
        assert!(log.contains(field), "{log}");
    }
}

#[test]
fn the_configurations_clients_and_limits_count() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    // Of `a-token-of-another-client`.
    let hash = "fb2063628286f363c4847d16d357c7fd355ab1756405d185c98960e8530b2880";
    let clients = json!([{"name": "other", "tokens": [{"sha256": hash}]}]);
    let config = json!({"clients": clients, "limits": {"body_bytes": 2000}});
    fs::write(&file, config.to_string()).unwrap();
    let mut command = command(&folder.path().join("data"));
    command.arg("--config").arg(&file);
    let service = Service::start(command).unwrap();
    assert!(lets_in(&service, TOKEN));
    assert!(lets_in(&service, "a-token-of-another-client"));
    let body = format!("{{\"userName\":\"{}\"}}", "x".repeat(2000));
    assert_eq!(service.client().send_text("POST", "/Users", &[], Some(&body)).status, 413);
}

#[test]
fn a_start_after_a_crash_in_the_roots_creation_heals_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(Service::on(folder.path()));
    // A guard without a root is what such a crash leaves.
    let store = rusqlite::Connection::open(folder.path().join("sqlite_key_value.db")).unwrap();
    let keys = |pattern: &str| -> Vec<String> {
        let mut statement =
            store.prepare("SELECT key FROM spin_key_value WHERE key LIKE ?1").unwrap();
        let rows = statement.query_map([pattern], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!(keys("%guard%").len(), 1, "{:?}", keys("%"));
    let roots = keys("%root%");
    assert_eq!(roots.len(), 1, "{:?}", keys("%"));
    store.execute("DELETE FROM spin_key_value WHERE key = ?1", [&roots[0]]).unwrap();
    drop(store);
    let service = Service::on(folder.path());
    let user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "a"});
    assert_eq!(service.client().send("POST", "/Users", &[], Some(&user)).status, 201);
}

#[test]
fn sigterm_lets_a_request_finish() {
    let service = Service::fresh();
    let body = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"late"}"#;
    let mut stream = TcpStream::connect(service.authority()).unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    std::thread::sleep(core::time::Duration::from_millis(300));
    service.terminate();
    std::thread::sleep(core::time::Duration::from_millis(300));
    assert!(TcpStream::connect(service.authority()).is_err(), "it still accepts connections");
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_stopped_service_leaves_one_database_file() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::on(folder.path());
    service.terminate();
    assert_eq!(service.wait().0.code(), Some(0));
    assert!(folder.path().join("sqlite_key_value.db").exists());
    assert!(!folder.path().join("sqlite_key_value.db-wal").exists());
}

#[test]
fn the_log_holds_no_value_and_no_credential() {
    let service = Service::fresh();
    let client = service.client();
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "private-name", "password": "private-password",
    });
    assert_eq!(client.send("POST", "/Users", &[], Some(&user)).status, 201);
    assert_eq!(client.send("POST", "/Users", &[], Some(&user)).status, 409);
    let path = "/Users?filter=userName%20eq%20%22private-name%22";
    assert_eq!(client.send("GET", path, &[], None).status, 200);
    service.terminate();
    let (_, log) = service.wait();
    assert_eq!(log.lines().filter(|line| line.starts_with('{')).count(), 3, "{log}");
    assert!(!log.contains("private"), "{log}");
    assert!(!log.contains(TOKEN), "{log}");
}
