//! The admin API itself, the registry document, the log, and the command line.

use serde_json::{Value, json};

use super::{REGISTRY, World, user};
use crate::client::Client;
use crate::harness::{Service, command, shared};

/// Without a token there is no admin API, and a weak one is refused at the start.
#[test]
fn it_is_off_until_there_is_a_token() {
    let root = format!("http://{}", shared().authority());
    let client = Client::new(&root, Some(shared().token()));
    assert_eq!(client.send("GET", "/admin/v1/tenants", &[], None).status, 404);
    for weak in ["0123456789abcdef", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let data = tempfile::tempdir().unwrap();
        let mut command = command(data.path());
        command.args(["--admin-token", weak]);
        let log = Service::start(command).err().expect("a weak token is refused");
        assert!(log.contains("admin_token") && !log.contains(weak), "{log}");
    }
}

/// The three kinds of credentials open each their own.
#[test]
fn credentials_are_apart() {
    let world = World::start(&json!({}));
    let registry = world.admin().with_token(Some(REGISTRY));
    assert_eq!(registry.send("GET", "/tenants/default/registry", &[], None).status, 200);
    for path in ["/tenants", "/tenants/default", "/tenants/default/clients", "/openapi.json"] {
        assert_eq!(registry.send("GET", path, &[], None).status, 401, "{path}");
    }
    let scim = world.admin().with_token(Some(world.service.token()));
    assert_eq!(scim.send("GET", "/tenants", &[], None).status, 401);
    for token in [super::ADMIN, REGISTRY] {
        let client = world.service.client().with_token(Some(token));
        assert_eq!(client.send("GET", "/Users", &[], None).status, 401);
    }
}

/// A gateway polls the registry: what it has already is not sent again, and changes show.
#[test]
fn the_registry_is_polled() {
    let world = World::start(&json!({}));
    let gateway = world.admin().with_token(Some(REGISTRY));
    let path = "/tenants/default/registry";
    let (_, made) = world.client("default", "okta", &json!({}));
    let first = gateway.send("GET", path, &[], None);
    let tag = first.header("etag").unwrap().to_owned();
    let again = gateway.send("GET", path, &[("if-none-match", &tag)], None);
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    // Behind the prefix and the public id; either may hold an underscore.
    let secret = &made["token"].as_str().unwrap()[18..61];
    assert!(!first.text.contains(secret));
    let revoke =
        format!("/tenants/default/clients/okta/tokens/{}", made["token_id"].as_str().unwrap());
    world.ask("DELETE", &revoke, None);
    let second = gateway.send("GET", path, &[("if-none-match", &tag)], None);
    assert_eq!(second.status, 200);
    let revision = |answer: &Value| answer["revision"].as_u64().unwrap();
    assert!(revision(&second.body) > revision(&first.body));
    let clients = second.body["clients"].as_array().unwrap();
    let okta = clients.iter().find(|client| client["name"] == "okta").unwrap();
    assert!(okta["tokens"][0]["revoked"].is_string(), "{okta}");
}

/// VG-17: the log holds changes and acts, the latest first, page by page, and no values.
#[test]
fn the_log_tells_what_was_changed_and_by_whom() {
    let world = World::start(&json!({"log_entries": 100}));
    let (client, _) = world.client("default", "okta", &json!({}));
    let id = user(&client, "ada@secret.example");
    for _ in 0..2 {
        // The second one changes nothing, and is no change.
        let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": false}]});
        let answer = client.send("PATCH", &format!("/Users/{id}"), &[], Some(&patch));
        assert!(answer.status < 300, "{}", answer.text);
    }
    let page = world.ask("GET", "/tenants/default/log", None);
    let entries = page["entries"].as_array().unwrap();
    let operations: Vec<_> = entries.iter().map(|entry| &entry["operation"]).collect();
    assert_eq!(operations, ["modify", "create", "client.create", "provider.create"]);
    assert_eq!((&entries[0]["client"], &entries[0]["id"]), (&json!("okta"), &json!(id)));
    assert!(!page.to_string().contains("secret.example"), "{page}");
    for number in 0..200 {
        user(&client, &format!("user-{number}"));
    }
    let page = world.ask("GET", "/tenants/default/log", None);
    let length = page["entries"].as_array().unwrap().len();
    assert!((100..164).contains(&length), "{length}");
}

/// The command line does what the API does, for people.
#[test]
fn the_command_line_administers() {
    let world = World::start(&json!({}));
    let run = |args: &[&str]| {
        let (good, out, err) = world.run(args);
        assert!(good, "{args:?}: {err}");
        out
    };
    run(&["tenant", "create", "acme"]);
    run(&["provider", "create", "login", "--kind", "saml", "--tenant", "acme"]);
    let made = run(&["client", "create", "okta", "--provider", "login", "--tenant", "acme"]);
    assert!(made.contains("(shown this once)") && made.contains("/v2/acme"), "{made}");
    let field = |name: &str| {
        let line = made.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    let client = Client::new(&field("base_url"), Some(&field("token")));
    user(&client, "ada");
    let list = run(&["token", "list", "okta", "--tenant", "acme"]);
    assert!(list.lines().nth(1).unwrap().contains("active"), "{list}");
    let clients: Value = serde_json::from_str(&run(&["client", "list", "--json"])).unwrap();
    assert_eq!(clients["clients"][0]["name"], "default");
    let (good, _, err) = world.run(&["client", "remove", "okta", "--tenant", "acme"]);
    assert!(!good && err.contains("--force") && err.contains("User"), "{err}");
    run(&["token", "revoke", "okta", &field("token_id"), "--tenant", "acme"]);
    assert_eq!(client.send("GET", "/Users", &[], None).status, 401);
    run(&["tenant", "remove", "acme", "--force"]);
    assert!(!run(&["tenant", "list"]).contains("acme"));
}
