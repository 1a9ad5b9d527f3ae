//! Scenarios in the imitation.

use std::collections::BTreeMap;
use std::rc::Rc;

use host_test::imitation::{
    Answer, Cluster, Envoy, Exchange, Failure, Headers, Program, Received, Settings, StreamId,
};

use super::scenario::{Outcome, Part, Scenario, Seen, Upstream, matters, shown};

/// What comes of a scenario.
pub(super) fn run(scenario: &Scenario, program: &Rc<Program>, configuration: &str) -> Outcome {
    let call = |_: &_| (10, Answer::of(200, "text/plain", "known"));
    let clusters = [
        ("dead", Cluster::Dead),
        ("silent", Cluster::Silent),
        ("idp", Cluster::Answers(Rc::new(call))),
    ];
    let settings = Settings {
        configuration: configuration.as_bytes().to_vec(),
        environment: vec![(super::CREDENTIAL.into(), super::UPSTREAM_TOKEN.into())],
        holds_headers: scenario.holds_headers,
        buffer_limit: scenario.buffer_limit,
        clusters: clusters.map(|(name, cluster)| (name.to_owned(), cluster)).into(),
        ..Settings::default()
    };
    let mut envoy = Envoy::start(program, settings, 1).unwrap();
    // As in real Envoy, a moment passes between the start and the first request.
    envoy.advance(1000);
    let mut outcome = Outcome::default();
    for _ in 0..scenario.times {
        outcome = once(&mut envoy, scenario);
        envoy.advance(super::PAUSE_MS);
    }
    let log = envoy.take_log().into_iter().filter(|line| line.level == 2);
    outcome.log = log.map(|line| line.text).collect();
    outcome
}

fn once(envoy: &mut Envoy, scenario: &Scenario) -> Outcome {
    let request = &scenario.request;
    let pieces = request.pieces();
    let trailers = headers(&request.trailers);
    let id = envoy.request(0, request_head(request), pieces.is_empty());
    for piece in &pieces {
        envoy.advance(80);
        // Envoy reads no more at once than it may hold.
        for part in piece.as_bytes().chunks(scenario.buffer_limit) {
            envoy.request_data(id, part, false);
        }
    }
    if !trailers.is_empty() {
        envoy.request_trailers(id, trailers);
    } else if !pieces.is_empty() {
        envoy.request_data(id, b"", true);
    }
    for _ in 0..75 {
        envoy.advance(20);
        if envoy.exchange(id).unwrap().upstream.complete {
            break;
        }
    }
    answer(envoy, id, &scenario.answer);
    // What comes late finds no request.
    envoy.advance(600);
    let over = envoy.is_over(id);
    let mut outcome = outcome(&envoy.take(id), over);
    if matches!(scenario.answer, Upstream::Dead) {
        // What was sent to it nobody saw.
        outcome.upstream = None;
    }
    outcome
}

fn answer(envoy: &mut Envoy, id: StreamId, upstream: &Upstream) {
    let part = match upstream {
        Upstream::Dead => return envoy.upstream_fails(id, Failure::Refused),
        Upstream::Answers(part) => part,
    };
    // An upstream that reads requests to their end answers no other.
    if !envoy.exchange(id).unwrap().upstream.complete {
        return;
    }
    let pieces = part.pieces();
    let mut head = Headers::default();
    head.add(b":status", part.start.as_bytes());
    for (name, value) in headers(&part.headers).iter() {
        head.add(name, value);
    }
    if !part.is_chunked() && !pieces.is_empty() {
        head.add(b"content-length", pieces[0].len().to_string().as_bytes());
    }
    let trailers = headers(&part.trailers);
    envoy.answer(id, head, pieces.is_empty());
    for piece in &pieces {
        envoy.answer_data(id, piece.as_bytes(), false);
    }
    if !trailers.is_empty() {
        envoy.answer_trailers(id, trailers);
    } else if !pieces.is_empty() {
        envoy.answer_data(id, b"", true);
    }
}

fn headers(pairs: &[(String, String)]) -> Headers {
    Headers::of(pairs.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
}

fn request_head(part: &Part) -> Headers {
    let (method, target) = part.start.split_once(' ').unwrap();
    let mut head = Headers::default();
    for (name, value) in [
        (":authority", "gateway.example"),
        (":path", target),
        (":method", method),
        (":scheme", "http"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "00000000-0000-4000-8000-000000000000"),
    ] {
        head.add(name.as_bytes(), value.as_bytes());
    }
    if !part.is_chunked() && !part.pieces().is_empty() {
        let length = part.pieces()[0].len().to_string();
        head.add(b"content-length", length.as_bytes());
    }
    for (name, value) in headers(&part.headers).iter() {
        head.add(name, value);
    }
    head
}

fn outcome(exchange: &Exchange, over: bool) -> Outcome {
    let seen = Some(&exchange.upstream).filter(|seen| seen.complete).map(|seen| {
        let headers = seen.headers.as_ref().unwrap();
        let line = format!("{} {}", headers.text(":method"), headers.text(":path"));
        let mut known = compared(headers);
        if matches!(headers.text(":method"), "POST" | "PUT" | "PATCH") {
            tell_no_length(seen, &mut known);
        }
        Seen { line, headers: known, body: shown(&seen.body) }
    });
    let client = &exchange.client;
    let mut outcome = Outcome { upstream: seen, ..Outcome::default() };
    if !over {
        outcome.status = "none".into();
    } else if client.complete {
        let Some(headers) = &client.headers else { panic!("an answer without a head") };
        outcome.status = headers.text(":status").into();
        outcome.headers = compared(headers);
        outcome.body = shown(&client.body);
        let method = exchange.upstream.headers.as_ref().map_or("", |head| head.text(":method"));
        if method != "HEAD" && !matches!(outcome.status.as_str(), "204" | "304") {
            tell_no_length(client, &mut outcome.headers);
        }
    }
    outcome
}

/// HTTP/1.1 says that there is no body where there could be one.
fn tell_no_length(message: &Received, headers: &mut BTreeMap<String, String>) {
    if message.body.is_empty() && message.trailers.is_none() {
        headers.entry("content-length".into()).or_insert_with(|| "0".into());
    }
}

fn compared(headers: &Headers) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = headers.iter().map(|(name, value)| (text(name), text(value)));
    pairs.filter(|(name, _)| matters(name)).collect()
}
