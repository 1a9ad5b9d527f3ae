//! Runs in the imitation: several requests at once, part by part in random order.

use core::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::check::{self, UPSTREAM_BASE, UPSTREAM_TOKEN};
use super::plan::{End, Fields, Message, Plan, TOKEN};
use super::random::Random;
use crate::imitation::{Answer, CallRequest, Cluster, Envoy, Headers, Program, Settings, StreamId};

/// Runs that share a VM: what one leaves behind, the next ones meet.
pub(super) const GROUP: u64 = 64;
/// Requests that are on their way at the same time.
const AT_ONCE: usize = 4;
/// Seconds until an exchange must have ended, after all its parts have come.
const PATIENCE_S: u32 = 300;
const CREDENTIAL: &str = "SCIM_EDGE_UPSTREAM_TOKEN";

/// What is wrong, and in which run.
pub(super) struct Wrong {
    pub(super) run: u64,
    pub(super) why: String,
    pub(super) plan: String,
}

/// One part of a message.
enum Part {
    Data(Vec<u8>, bool),
    Trailers(Headers),
}

struct Playing {
    run: u64,
    plan: Plan,
    id: StreamId,
    request: VecDeque<Part>,
    answer: VecDeque<Part>,
    answering: bool,
}

/// Where the identity provider keeps its keys.
const KEYS: &str = "https://login.example/keys";

/// The filter's configuration: a client with a token, and one of an identity provider.
fn configuration() -> Value {
    let sha256 = format!("{:x}", Sha256::digest(TOKEN));
    json!({
        "providers": [{"name": "login", "kind": "oidc", "issuer": "https://login.example",
                       "client_id": "edge", "jwks_uri": KEYS, "cluster": "login"}],
        "clients": [
            {"name": "default", "tokens": [{"sha256": sha256}]},
            {"name": "jwt", "provider": "login", "method": "jwt", "subject": "7f9c"},
        ],
        "upstream": {"base": UPSTREAM_BASE, "credential_env": CREDENTIAL},
    })
}

/// What the identity provider answers when it is asked for its keys: mostly those, in time.
fn keys(random: &mut Random) -> (u64, Answer) {
    let keys = super::plan::tokens().get("keys").map(Value::to_string).unwrap_or_default();
    let body = match random.below(8) {
        0 => return (10_000, Answer::default()),
        1 => r#"{"keys":[]}"#.to_owned(),
        2 => keys.chars().take(random.below(keys.len())).collect(),
        3 => "[".repeat(random.below(100_000)),
        _ => keys,
    };
    let status = random.one(&[200, 200, 200, 200, 301, 503]);
    let after = u64::try_from(random.below(6_000)).unwrap_or_default();
    (if random.percent(50) { 0 } else { after }, Answer::of(status, "application/json", body))
}

fn settings(seed: u64, group: u64) -> Settings {
    // Calls of the filter are answered by chance, too.
    let reply = move |request: &CallRequest| {
        let sum: u64 = request
            .headers
            .iter()
            .map(|(name, value)| u64::try_from(name.len() * 31 + value.len()).unwrap_or_default())
            .sum();
        let mut random = Random::of(seed ^ sum, group);
        let plan = Plan::of(&mut random);
        let after = u64::try_from(random.below(3000)).unwrap_or_default();
        let mut answer =
            Answer::of(plan.status, "application/scim+json", plan.answer.pieces.concat());
        add(&mut answer.headers, &plan.answer.fields);
        (after, answer)
    };
    let asked = Cell::new(0);
    let login = move |_: &CallRequest| {
        asked.set(asked.get() + 1);
        keys(&mut Random::of(seed ^ asked.get(), group))
    };
    let clusters = [
        ("upstream".to_owned(), Cluster::Answers(Rc::new(reply))),
        ("login".to_owned(), Cluster::Answers(Rc::new(login))),
    ];
    Settings {
        configuration: configuration().to_string().into_bytes(),
        environment: vec![(CREDENTIAL.into(), UPSTREAM_TOKEN.into())],
        buffer_limit: 1280 * 1024,
        clusters: clusters.into(),
        seed: seed ^ group,
        ..Settings::default()
    }
}

/// Plays a group; `seen` is told of each run the status of the answer, 0 for none, and whether the
/// request reached the upstream.
///
/// # Errors
/// A filter that does not start.
pub(super) fn group(
    program: &Rc<Program>,
    seed: u64,
    group: u64,
    mut tell: impl FnMut(u16, bool),
) -> Result<Option<Wrong>> {
    let mut envoy = Envoy::start(program, settings(seed, group), 1)?;
    let mut order = Random::of(seed.rotate_left(32), group);
    let mut runs = group * GROUP..(group + 1) * GROUP;
    let mut playing: Vec<Playing> = Vec::new();
    loop {
        while playing.len() < AT_ONCE
            && let Some(run) = runs.next()
        {
            playing.push(begin(&mut envoy, seed, run));
        }
        let Some(last) = playing.len().checked_sub(1) else { return Ok(None) };
        let which = order.below(last + 1).min(last);
        let Some(one) = playing.get_mut(which) else { return Ok(None) };
        let mut problem = None;
        if step(&mut envoy, one, &mut order) {
            let one = playing.swap_remove(which);
            match end(&mut envoy, &one) {
                Ok((status, reached)) => tell(status, reached),
                Err(why) => problem = Some((why, one)),
            }
        } else if envoy.is_dead() {
            problem = Some(("the filter died".to_owned(), playing.swap_remove(which)));
        }
        if let Some((why, one)) = problem {
            let log = envoy.take_log();
            let log: Vec<String> = log.iter().map(|line| line.text.clone()).collect();
            let plan = format!("{:#?}\nlog: {log:#?}", one.plan);
            return Ok(Some(Wrong { run: one.run, why, plan }));
        }
    }
}

fn begin(envoy: &mut Envoy, seed: u64, run: u64) -> Playing {
    let plan = Plan::of(&mut Random::of(seed, run));
    let mut head = Headers::default();
    let pseudo: [(&str, &[u8]); 6] = [
        (":authority", b"gateway.example"),
        (":path", &plan.target),
        (":method", plan.method.as_bytes()),
        (":scheme", b"http"),
        ("x-forwarded-proto", b"http"),
        ("x-request-id", b"00000000-0000-4000-8000-000000000000"),
    ];
    for (name, value) in pseudo {
        head.add(name.as_bytes(), value);
    }
    add(&mut head, &plan.request.fields);
    let id = envoy.request(0, head, plan.request.end == End::Head);
    let (request, answer) = (parts(&plan.request), parts(&plan.answer));
    Playing { run, plan, id, request, answer, answering: false }
}

fn add(headers: &mut Headers, fields: &Fields) {
    for (name, value) in fields {
        headers.add(name.as_bytes(), value);
    }
}

fn parts(message: &Message) -> VecDeque<Part> {
    let last = message.pieces.len().saturating_sub(1);
    let ends = |index| index == last && message.end == End::LastPiece;
    let pieces = message.pieces.iter().enumerate();
    let mut parts: VecDeque<Part> =
        pieces.map(|(index, piece)| Part::Data(piece.clone(), ends(index))).collect();
    match message.end {
        End::Empty => parts.push_back(Part::Data(Vec::new(), true)),
        End::Trailers => {
            let mut trailers = Headers::default();
            add(&mut trailers, &message.trailers);
            parts.push_back(Part::Trailers(trailers));
        }
        End::Head | End::LastPiece | End::Never => {}
    }
    parts
}

/// One step of a run. Whether nothing more can come.
fn step(envoy: &mut Envoy, one: &mut Playing, order: &mut Random) -> bool {
    if envoy.is_over(one.id) {
        return true;
    }
    if order.percent(10) {
        envoy.advance(u64::try_from(order.below(50)).unwrap_or_default());
        return false;
    }
    let reached =
        envoy.exchange(one.id).is_some_and(|exchange| exchange.upstream.headers.is_some());
    // An upstream may answer before it has read all.
    let answers = reached && (one.request.is_empty() || order.percent(20));
    if !answers && let Some(part) = one.request.pop_front() {
        match part {
            Part::Data(data, end) => envoy.request_data(one.id, &data, end),
            Part::Trailers(trailers) => envoy.request_trailers(one.id, trailers),
        }
        return false;
    }
    if !reached {
        return wait(envoy, one);
    }
    if !one.answering {
        one.answering = true;
        if let Some(failure) = one.plan.failure {
            envoy.upstream_fails(one.id, failure);
            return false;
        }
        let mut head = Headers::default();
        head.add(b":status", one.plan.status.to_string().as_bytes());
        add(&mut head, &one.plan.answer.fields);
        let bodiless = one.plan.method == "HEAD" || one.plan.answer.end == End::Head;
        if bodiless {
            one.answer.clear();
        }
        envoy.answer(one.id, head, bodiless);
        return false;
    }
    match one.answer.pop_front() {
        Some(Part::Data(data, end)) => envoy.answer_data(one.id, &data, end),
        Some(Part::Trailers(trailers)) => envoy.answer_trailers(one.id, trailers),
        None => return wait(envoy, one),
    }
    false
}

/// All has come that will: what is still open may wait for a call.
fn wait(envoy: &mut Envoy, one: &Playing) -> bool {
    for _ in 0..PATIENCE_S {
        if envoy.is_over(one.id) {
            break;
        }
        let reached =
            envoy.exchange(one.id).is_some_and(|exchange| exchange.upstream.headers.is_some());
        if reached && !one.answering {
            return false;
        }
        envoy.advance(1000);
    }
    true
}

/// The end of a run: its status and whether it reached the upstream, or what is wrong.
fn end(envoy: &mut Envoy, one: &Playing) -> Result<(u16, bool), String> {
    let never =
        one.plan.request.end == End::Never || one.answering && one.plan.answer.end == End::Never;
    // A message that does not end is cut by whoever sends it.
    if !envoy.is_over(one.id) && !never {
        return Err("no end: the client waits for ever".into());
    }
    let exchange = envoy.take(one.id);
    if envoy.is_dead() {
        return Err("the filter died".into());
    }
    for line in envoy.take_log() {
        check::quiet("the log", line.text.as_bytes())?;
    }
    check::exchange(&one.plan, &exchange)?;
    let status = exchange.client.status().filter(|_| exchange.client.complete);
    Ok((status.unwrap_or_default(), exchange.upstream.headers.is_some()))
}
