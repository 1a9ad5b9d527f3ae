//! Several processes on one Redis, and a Redis that is killed.

use core::net::Ipv4Addr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::harness::{self, Service};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const SAFE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A Redis server of Debian's package `redis-server`.
struct Redis {
    child: Child,
    port: u16,
    folder: TempDir,
    arguments: Vec<String>,
}

impl Redis {
    /// A server with these arguments. Without the program: `None`, but a failure in CI.
    fn start(arguments: &[&str]) -> Option<Self> {
        let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if found.is_err() {
            assert!(std::env::var_os("CI").is_none(), "redis-server is not installed");
            eprintln!("SKIPPED: redis-server is not installed");
            return None;
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let child = Self::spawn(port, &folder, &arguments);
        Some(Self { child, port, folder, arguments })
    }

    fn spawn(port: u16, folder: &TempDir, arguments: &[String]) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
        command.arg("--dir").arg(folder.path()).args(arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "redis-server does not start");
            thread::sleep(Duration::from_millis(20));
        }
        child
    }

    fn kill_and_start_again(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(self.port, &self.folder, &self.arguments);
    }

    fn url(&self, user: &str) -> String {
        format!("redis://{user}127.0.0.1:{}/0", self.port)
    }

    fn service(&self) -> Service {
        let mut command = harness::command(self.folder.path());
        command.args(["--store", &self.url("")]);
        Service::start(command).unwrap_or_else(|log| panic!("no start: {log}"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the writers of both processes know.
#[derive(Default)]
struct Known {
    /// Names that both try to give to a user, and how often it was granted.
    contested: [AtomicUsize; 30],
    members: Mutex<Vec<String>>,
    done: AtomicBool,
}

#[test]
fn two_processes_serve_one_tenant_and_one_of_them_dies() {
    let Some(redis) = Redis::start(&SAFE) else { return };
    let (first, second) = (redis.service(), redis.service());
    let group = json!({"schemas": [GROUP], "displayName": "all"});
    let group = first.client().send("POST", "/Groups", &[], Some(&group)).body["id"].clone();
    let path = format!("/Groups/{}", group.as_str().unwrap());
    let known = Known::default();
    let name = crate::client::unique("redis");
    thread::scope(|scope| {
        for service in [&first, &second] {
            for _ in 0..3 {
                let client = service.client();
                let (path, name, known) = (&path, &name, &known);
                scope.spawn(move || write(&client, path, name, known));
            }
        }
        thread::sleep(Duration::from_secs(2));
        first.kill_9();
        thread::sleep(Duration::from_secs(2));
        known.done.store(true, Ordering::Relaxed);
    });
    let third = redis.service();
    for client in [second.client(), third.client()] {
        check(&client, &path, &name, &known);
    }
}

/// Creates users, some under names that others want too, and puts each into the group.
fn write(client: &Client, group: &str, name: &str, known: &Known) {
    for number in 0.. {
        if known.done.load(Ordering::Relaxed) {
            return;
        }
        let contested = known.contested.get(number / 2).filter(|_| number % 2 == 0);
        let own = crate::client::unique("own");
        let user_name = if contested.is_some() { format!("{}.{name}", number / 2) } else { own };
        let user = json!({"schemas": [USER], "userName": user_name});
        let Some((status, body)) = send(client, "POST", "/Users", &user) else { return };
        match (status, contested) {
            (201, Some(granted)) => {
                granted.fetch_add(1, Ordering::Relaxed);
            }
            (409, Some(_)) => continue,
            (201, None) => {}
            _ => panic!("{status} {body}"),
        }
        let id = body["id"].as_str().unwrap().to_owned();
        let add = json!({"op": "add", "path": "members", "value": [{"value": id}]});
        let message = json!({"schemas": [PATCH], "Operations": [add]});
        let Some((status, body)) = send(client, "PATCH", group, &message) else { return };
        assert!(matches!(status, 200 | 204), "{status} {body}");
        known.members.lock().unwrap().push(id);
    }
}

/// `None` when the service has gone.
fn send(client: &Client, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let answer = client.try_send(method, path, &[], Some(&body.to_string())).ok()?;
    Some((answer.status, answer.body))
}

fn check(client: &Client, group: &str, name: &str, known: &Known) {
    for (number, granted) in known.contested.iter().enumerate() {
        let granted = granted.load(Ordering::Relaxed);
        assert!(granted <= 1, "a name was given {granted} times");
        let filter = format!("/Users?filter=userName%20eq%20%22{number}.{name}%22");
        let found = client.send("GET", &filter, &[], None);
        let found = usize::try_from(found.body["totalResults"].as_u64().unwrap()).unwrap();
        assert!(found >= granted && found <= 1, "{found} users of one name");
    }
    let group = client.send("GET", group, &[], None);
    let found = group.body["members"].as_array().unwrap();
    let found: Vec<&str> = found.iter().map(|member| member["value"].as_str().unwrap()).collect();
    let members = known.members.lock().unwrap();
    assert!(members.len() > 20, "only {} members were added", members.len());
    for id in members.iter() {
        assert!(found.contains(&id.as_str()), "an acknowledged member is lost");
    }
    // Of each writer of the process that died, one may be in without having been acknowledged.
    assert!(found.len() <= members.len() + 3, "members that nobody added");
}

#[test]
fn a_redis_that_is_killed_loses_nothing_that_was_acknowledged() {
    let Some(mut redis) = Redis::start(&SAFE) else { return };
    let service = redis.service();
    let client = service.client();
    let mut created = Vec::new();
    let create = |created: &mut Vec<String>| {
        let user = json!({"schemas": [USER], "userName": crate::client::unique("redis")});
        let answer = client.send("POST", "/Users", &[], Some(&user));
        match answer.status {
            201 => created.push(answer.body["id"].as_str().unwrap().to_owned()),
            // Nothing else is said while the engine is away (RFC 7644 §3.12).
            503 => assert!(answer.header("retry-after").is_some(), "{}", answer.text),
            _ => panic!("{} {}", answer.status, answer.text),
        }
        answer.status == 201
    };
    for _ in 0..3 {
        for _ in 0..20 {
            create(&mut created);
        }
        redis.kill_and_start_again();
        let down = Instant::now();
        while !create(&mut created) {
            assert!(down.elapsed() < Duration::from_secs(20), "the service does not come back");
            thread::sleep(Duration::from_millis(20));
        }
    }
    assert!(created.len() > 50, "only {} users were created", created.len());
    for id in created {
        let user = client.send("GET", &format!("/Users/{id}"), &[], None);
        assert_eq!(user.status, 200, "an acknowledged user is lost");
    }
}

#[test]
fn settings_that_lose_writes_are_warned_of_and_no_password_is_shown() {
    let password = "a-password-of-redis";
    let unsafe_settings = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let Some(redis) = Redis::start(&[&["--requirepass", password][..], &unsafe_settings].concat())
    else {
        return;
    };
    let mut command = harness::command(redis.folder.path());
    command.env("SCIM_EDGE_STORE", redis.url(&format!(":{password}@")));
    let service = Service::start(command).unwrap_or_else(|log| panic!("no start: {log}"));
    let printed = service.printed.clone();
    service.terminate();
    let (status, log) = service.wait();
    assert!(status.success(), "{log}");
    for what in ["appendonly no", "evict"] {
        assert!(log.contains("warning: Redis ") && log.contains(what), "{log}");
    }
    assert!(!log.contains(password) && !printed.contains(password));

    let mut command = harness::command(redis.folder.path());
    command.args(["--store", &redis.url(":a-wrong-password@")]);
    let Err(log) = Service::start(command) else { panic!("started with a wrong password") };
    assert!(log.contains("cannot open Redis") && !log.contains("wrong-password"), "{log}");
}
