//! Scenarios in real Envoy: one process, a listener and an upstream for each.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use super::super::http::{self, Message};
use super::super::upstream::Upstream as Server;
use super::scenario::{Outcome, Part, Scenario, Seen, Upstream, matters, shown};

/// How long a client waits before it says that nothing comes.
const PATIENCE: Duration = Duration::from_secs(6);

struct Place {
    listen: SocketAddr,
    server: Option<Server>,
}

/// What comes of each scenario; `None` without Envoy.
pub(super) fn run(
    scenarios: &[(&Scenario, PathBuf, String)],
    folder: &Path,
) -> Option<Vec<Outcome>> {
    let Ok(program) = host_test::find_envoy() else {
        super::super::gateway::skip("Envoy");
        return None;
    };
    let idp = Server::answering(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\
         connection: close\r\n\r\nknown",
    );
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut free = free_addresses(2 * scenarios.len() + 1).into_iter();
    let mut clusters = vec![
        cluster("idp", idp.address),
        cluster("silent", silent.local_addr().unwrap()),
        cluster("dead", free.next().unwrap()),
    ];
    let (mut places, mut listeners) = (Vec::new(), Vec::new());
    for (number, (scenario, wasm, configuration)) in scenarios.iter().enumerate() {
        let server = match &scenario.answer {
            Upstream::Dead => None,
            Upstream::Answers(part) => Some(Server::answering(bytes_of_answer(part).leak())),
        };
        let address = server.as_ref().map_or_else(|| free.next(), |server| Some(server.address));
        let address = address.unwrap();
        clusters.push(cluster(&format!("upstream-{number}"), address));
        let listen = free.next().unwrap();
        listeners.push(listener(number, listen, scenario, wasm, configuration));
        places.push(Place { listen, server });
    }
    let bootstrap = json!({"static_resources": {"listeners": listeners, "clusters": clusters}});
    let file = folder.join("envoy.json");
    std::fs::write(&file, bootstrap.to_string()).unwrap();
    let mut envoy = start(&program, &file, places.last().unwrap().listen);
    let mut outcomes = Vec::new();
    for ((scenario, ..), place) in scenarios.iter().zip(&places) {
        outcomes.push(send(scenario, place));
    }
    thread::sleep(Duration::from_millis(300));
    drop(envoy.child.kill());
    drop(envoy.child.wait());
    let log = std::fs::read(&envoy.log).unwrap();
    let log = String::from_utf8_lossy(&log);
    for (number, outcome) in outcomes.iter_mut().enumerate() {
        // A line of the root context does not name the plugin.
        let prefix = format!(" scim case-{number}: ");
        let lines = log.lines().filter(|line| line.contains("[info][wasm]"));
        let texts = lines.filter_map(|line| line.split_once(&prefix).map(|(_, text)| text));
        outcome.log = texts.map(str::to_owned).collect();
    }
    Some(outcomes)
}

struct Running {
    child: Child,
    log: PathBuf,
}

fn start(program: &Path, file: &Path, last: SocketAddr) -> Running {
    let log = file.with_extension("log");
    let mut command = Command::new(program);
    command.arg("-c").arg(file).args(["--disable-hot-restart", "-l", "warning"]);
    command.args(["--component-log-level", "wasm:info", "--concurrency", "1"]);
    command.env(super::CREDENTIAL, super::UPSTREAM_TOKEN);
    command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    for _ in 0..600 {
        if TcpStream::connect(last).is_ok() {
            return Running { child, log };
        }
        if child.try_wait().unwrap().is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    drop(child.kill());
    panic!("no start: {}", std::fs::read_to_string(log).unwrap());
}

/// Addresses on which nothing listens, each another. Their ports are none that the system gives out
/// by itself, so that they stay free until Envoy has started.
fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let first = u16::try_from(10_000 + std::process::id() % 10_000).unwrap();
    let ports = (first..first + 10_000).filter_map(|port| {
        let bound = TcpListener::bind(("127.0.0.1", port)).ok()?;
        bound.local_addr().ok()
    });
    ports.take(count).collect()
}

fn cluster(name: &str, address: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
        }},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": socket(address)}}]}]},
    })
}

fn socket(address: SocketAddr) -> Value {
    let (ip, port) = (address.ip().to_string(), address.port());
    json!({"socket_address": {"address": ip, "port_value": port}})
}

fn listener(
    number: usize,
    listen: SocketAddr,
    scenario: &Scenario,
    wasm: &Path,
    configuration: &str,
) -> Value {
    let name = format!("case-{number}");
    let hcm = "type.googleapis.com/envoy.extensions.filters.network.\
               http_connection_manager.v3.HttpConnectionManager";
    let filter = json!({"name": name, "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": name,
            "root_id": "scim",
            "failure_policy": "FAIL_RELOAD",
            "reload_config": {"backoff": {"base_interval": "0.1s", "max_interval": "0.1s"}},
            "allow_on_headers_stop_iteration": scenario.holds_headers,
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": configuration,
            },
            "vm_config": {
                "vm_id": name,
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": wasm.to_str().unwrap()}},
                "environment_variables": {"host_env_keys": [super::CREDENTIAL]},
            },
        },
    }});
    let router = json!({"name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": true,
    }});
    let route =
        json!({"match": {"prefix": "/"}, "route": {"cluster": format!("upstream-{number}")}});
    json!({
        "name": name,
        "address": socket(listen),
        "per_connection_buffer_limit_bytes": scenario.buffer_limit,
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": hcm,
                "stat_prefix": name,
                "use_remote_address": true,
                "http_protocol_options": {"enable_trailers": true},
                "http_filters": [filter, router],
                "route_config": {"virtual_hosts": [
                    {"name": "all", "domains": ["*"], "routes": [route]}]},
            },
        }]}],
    })
}

/// Sends a scenario's request as often as it says.
fn send(scenario: &Scenario, place: &Place) -> Outcome {
    let mut outcome = Outcome::default();
    for _ in 0..scenario.times {
        let mut stream = TcpStream::connect(place.listen).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = &scenario.request;
        let mut head = format!("{} HTTP/1.1\r\nhost: gateway.example\r\n", request.start);
        head += &head_end(request);
        drop(stream.write_all(head.as_bytes()));
        for piece in request.pieces() {
            thread::sleep(Duration::from_millis(80));
            drop(stream.write_all(&framed(request, &piece)));
        }
        drop(stream.write_all(&end(request)));
        outcome = match answer(&mut stream, request.start.starts_with("HEAD ")) {
            Ok(message) => client_saw(message.as_ref()),
            Err(()) => Outcome { status: "none".into(), ..Outcome::default() },
        };
        thread::sleep(Duration::from_millis(super::PAUSE_MS));
        let mut seen = place.server.as_ref().map(Server::take).unwrap_or_default();
        assert!(seen.len() <= 1, "{}: {seen:?}", scenario.name);
        outcome.upstream = seen.pop().map(|message| upstream_saw(&message));
    }
    outcome
}

/// The answer; `None` if it is cut, an error if none comes in time.
fn answer(stream: &mut TcpStream, bodiless: bool) -> Result<Option<Message>, ()> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            return Err(());
        }
        _ => {}
    }
    if bodiless {
        return Ok(http::head(&mut bytes.as_slice()));
    }
    Ok(http::read(&mut bytes.as_slice()))
}

fn client_saw(message: Option<&Message>) -> Outcome {
    let Some(message) = message else { return Outcome::default() };
    Outcome {
        status: message.status().to_string(),
        headers: compared(message),
        body: shown(&message.body),
        ..Outcome::default()
    }
}

fn upstream_saw(message: &Message) -> Seen {
    let line = message.start.trim_end_matches(" HTTP/1.1").to_owned();
    Seen { line, headers: compared(message), body: shown(&message.body) }
}

fn compared(message: &Message) -> std::collections::BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers.iter().filter(|(name, _)| matters(name));
    headers.map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The headers of a message, and the end of its head.
fn head_end(part: &Part) -> String {
    let pieces = part.pieces();
    let mut head = String::from("connection: close\r\n");
    for (name, value) in &part.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if part.is_chunked() {
        head += "transfer-encoding: chunked\r\n";
    } else if let [piece] = pieces.as_slice() {
        head.extend(["content-length: ", &piece.len().to_string(), "\r\n"]);
    }
    head + "\r\n"
}

fn framed(part: &Part, piece: &str) -> Vec<u8> {
    if part.is_chunked() {
        return format!("{:x}\r\n{piece}\r\n", piece.len()).into_bytes();
    }
    piece.as_bytes().to_vec()
}

fn end(part: &Part) -> Vec<u8> {
    if !part.is_chunked() {
        return Vec::new();
    }
    let mut end = String::from("0\r\n");
    for (name, value) in &part.trailers {
        end.extend([name, ": ", value, "\r\n"]);
    }
    (end + "\r\n").into_bytes()
}

fn bytes_of_answer(part: &Part) -> String {
    let mut bytes = format!("HTTP/1.1 {} -\r\n{}", part.start, head_end(part));
    for piece in part.pieces() {
        bytes += &String::from_utf8(framed(part, &piece)).unwrap();
    }
    bytes + &String::from_utf8(end(part)).unwrap()
}
