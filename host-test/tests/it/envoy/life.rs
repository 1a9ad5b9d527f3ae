//! From start to end: failures of the upstream, odd traffic, draining, several side by side.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;

use super::gateway::{self, Gateway};
use super::http;
use super::upstream::Upstream;
use crate::harness::Service;

#[test]
fn an_upstream_that_is_down_is_a_scim_error() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Some(gateway) = gateway::start(free) else { return };
    gateway.send("GET /scim/v2/Users", "", "").is_scim_error(503);
    gateway.send("POST /scim/v2/Users", "", "{\"userName\": \"ada\"}").is_scim_error(503);
    assert_eq!(gateway.send("HEAD /scim/v2/Users", "", "").status(), 503);
}

#[test]
fn answers_of_the_upstream_pass_and_are_not_stored() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n\
                  cache-control: public\r\ncontent-length: 4\r\nretry-after: 7\r\n\r\nbusy";
    let upstream = Upstream::answering(answer);
    let Some(gateway) = gateway::start(upstream.address) else { return };
    let answer = gateway.send("GET /scim/v2/Users", "", "");
    assert_eq!((answer.status(), answer.body.as_slice()), (503, b"busy".as_slice()));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("retry-after"), "7");
}

/// How often a filter died and came back.
fn reloads(gateway: &Gateway, admin: &str) -> u64 {
    let request = b"GET /stats?filter=vm_reload HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let stats = http::send(admin.parse().unwrap(), request);
    let text = String::from_utf8_lossy(&stats.body).into_owned();
    assert_eq!(gateway.send("GET /scim/v2/Users", "", "").status(), 200);
    text.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[test]
fn no_traffic_makes_the_filter_panic() {
    let upstream = Upstream::start();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = gateway::command(&format!("http://{}/base", upstream.address));
    command.args(["--admin", &free]);
    let Some(gateway) = gateway::start_command(command) else { return };
    // The client goes away at every point of a request.
    let whole = gateway.request("PATCH /scim/v2/Users/7", "expect: 100-continue\r\n", "{\"a\": 1}");
    for end in (1..whole.len()).step_by(7) {
        let mut stream = http::connect(gateway.address);
        stream.write_all(&whole[..end]).unwrap();
    }
    // Several requests in one connection, refused ones among them, without waiting for answers.
    let mut stream = http::connect(gateway.address);
    let mut pipeline = Vec::new();
    for line in
        ["GET /scim/v2/Users", "GET /scim/v2/..", "POST /scim/v2/Users", "HEAD /scim/v2/Users"]
    {
        let body = if line.starts_with("POST") { "{\"userName\": 7}" } else { "" };
        let text = String::from_utf8(gateway.request(line, "", body)).unwrap();
        pipeline.extend(text.replace("connection: close\r\n", "").into_bytes());
    }
    stream.write_all(&pipeline).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    drop(stream.read_to_end(&mut Vec::new()));
    // Methods, versions and headers that no SCIM client sends.
    for request in [
        "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n".to_string(),
        "CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n".to_string(),
        "GET /scim/v2/Users HTTP/1.0\r\n\r\n".to_string(),
        "BREW /scim/v2/Users HTTP/1.1\r\nhost: a\r\n\r\n".to_string(),
        "GET /scim/v2/Users HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n".to_string(),
        format!("GET /scim/v2/Users HTTP/1.1\r\nhost: a\r\nx-a: {}\r\n\r\n", "x".repeat(50_000)),
        format!("GET /scim/v2/Users HTTP/1.1\r\nhost: a\r\n{}\r\n", "x-a: b\r\n".repeat(99)),
        format!("GET /scim/v2/Users?{} HTTP/1.1\r\nhost: a\r\n\r\n", "a=b&".repeat(5000)),
    ] {
        let answer = gateway.send_raw(request.as_bytes());
        assert!((400..=505).contains(&answer.status()), "{request:.60} {}", answer.start);
    }
    assert_eq!(reloads(&gateway, &free), 0);
    let log = gateway.stop();
    assert!(!log.contains("panicked") && !log.contains("Proxy-Wasm"), "{log}");
    assert!(
        upstream
            .take()
            .iter()
            .all(|seen| seen.start.starts_with("GET") || seen.start.starts_with("HEAD"))
    );
}

/// A filter of our own making that traps on a request with thirty headers or more.
fn trapping_filter() -> Vec<u8> {
    const I32: u8 = 0x7f;
    let section = |id: u8, count: usize, content: Vec<u8>| {
        let size = content.len() + 1;
        assert!(size < 0x4000, "two bytes of LEB128");
        let size = [u8::try_from(size & 0x7f).unwrap() | 0x80, u8::try_from(size >> 7).unwrap()];
        [&[id][..], &size, &[u8::try_from(count).unwrap()], &content].concat()
    };
    let signature = |parameters: usize, results: usize| {
        let list = |n: usize| [vec![u8::try_from(n).unwrap()], vec![I32; n]].concat();
        [vec![0x60], list(parameters), list(results)].concat()
    };
    let give_one = [0x41, 1].as_slice();
    // local.get 1, i32.const 30, i32.ge_u, if, unreachable, end, i32.const 0
    let trap = [0x20, 1, 0x41, 30, 0x4f, 0x04, 0x40, 0x00, 0x0b, 0x41, 0].as_slice();
    let functions: [(&str, usize, usize, &[u8]); 6] = [
        ("proxy_abi_version_0_2_1", 0, 0, &[]),
        ("proxy_on_memory_allocate", 1, 1, give_one),
        ("proxy_on_context_create", 2, 0, &[]),
        ("proxy_on_vm_start", 2, 1, give_one),
        ("proxy_on_configure", 2, 1, give_one),
        ("proxy_on_request_headers", 3, 1, trap),
    ];
    let count = functions.len();
    let name = |text: &str, kind: u8, index: usize| {
        let (length, index) = (u8::try_from(text.len()).unwrap(), u8::try_from(index).unwrap());
        [&[length], text.as_bytes(), &[kind, index]].concat()
    };
    let mut exports = name("memory", 2, 0);
    let (mut types, mut bodies) = (Vec::new(), Vec::new());
    for (index, (text, parameters, results, code)) in functions.into_iter().enumerate() {
        exports.extend(name(text, 0, index));
        types.extend(signature(parameters, results));
        bodies.extend([&[u8::try_from(code.len() + 2).unwrap(), 0], code, &[0x0b]].concat());
    }
    let indices = (0..count).map(|index| u8::try_from(index).unwrap()).collect();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, count, types),
        section(3, count, indices),
        section(5, 1, vec![0, 1]),
        section(7, count + 1, exports),
        section(10, count, bodies),
    ]
    .concat()
}

#[test]
fn a_filter_that_dies_lets_nothing_pass_and_comes_back() {
    let upstream = Upstream::start();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&trapping_filter()).unwrap();
    let mut command = gateway::command(&format!("http://{}/", upstream.address));
    command.args(["--concurrency", "1", "--filter"]).arg(file.path());
    let Some(gateway) = gateway::start_command(command) else { return };
    upstream.take();
    for _ in 0..3 {
        assert_eq!(gateway.send("GET /", &"x-a: b\r\n".repeat(40), "").status(), 503);
        assert!(upstream.take().is_empty());
        let back = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            gateway.send("GET /", "", "").status() == 200
        });
        assert!(back, "the filter must come back");
        upstream.one();
    }
}

#[test]
fn a_gateway_that_is_told_to_stop_ends_what_it_began() {
    // The upstream answers late.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(gateway) = gateway::start(listener.local_addr().unwrap()) else { return };
    let mut client = http::connect(gateway.address);
    client.write_all(&gateway.request("GET /scim/v2/Users", "", "")).unwrap();
    let (mut upstream, _) = listener.accept().unwrap();
    http::read(&mut upstream).unwrap();
    gateway.terminate();
    std::thread::sleep(Duration::from_millis(700));
    upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
    assert_eq!(http::read(&mut client).unwrap().body, b"ok");
    let address = gateway.address;
    let (status, log) = gateway.wait();
    assert!(status.success(), "{log}");
    assert!(std::net::TcpStream::connect(address).is_err(), "Envoy must be gone");
}

#[test]
fn several_gateways_run_side_by_side() {
    let upstreams = [Upstream::start(), Upstream::start()];
    let gateways = upstreams.each_ref().map(|upstream| gateway::start(upstream.address));
    for (gateway, upstream) in gateways.iter().zip(&upstreams) {
        let Some(gateway) = gateway else { return };
        assert_eq!(gateway.send("GET /scim/v2/Users", "", "").status(), 200);
        upstream.one();
    }
}

#[test]
fn both_halves_work_together() {
    let service = Service::fresh();
    let mut command = gateway::command(service.base());
    command.env("SCIM_EDGE_UPSTREAM_TOKEN", service.token());
    let Some(gateway) = gateway::start_command(command) else { return };
    let user = r#"{"userName": "gate@mill.example", "active": "True", "externalId": "7"}"#;
    let created = gateway.send("POST /scim/v2//users", "", user);
    assert_eq!((created.status(), &created.json()["active"]), (201, &json!(true)));
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let disable = r#"{"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}"#;
    let patched = gateway.send(&format!("PATCH /scim/v2/Users/{id}"), "", disable);
    assert!([200, 204].contains(&patched.status()), "{patched:?}");
    let filter = "filter=userName%20eq%20%22GATE@mill.example%22";
    let found = gateway.send(&format!("GET /scim/v2/Users?{filter}"), "", "").json();
    assert_eq!(
        (&found["totalResults"], &found["Resources"][0]["active"]),
        (&json!(1), &json!(false))
    );
    let twice = gateway.send("POST /scim/v2/Users", "", user);
    assert_eq!((twice.status(), &twice.json()["scimType"]), (409, &json!("uniqueness")));
    assert_eq!(gateway.send("GET /scim/v2/ServiceProviderConfig", "", "").status(), 200);
    assert_eq!(gateway.send(&format!("DELETE /scim/v2/Users/{id}"), "", "").status(), 204);
    assert_eq!(gateway.send(&format!("GET /scim/v2/Users/{id}"), "", "").status(), 404);
}
