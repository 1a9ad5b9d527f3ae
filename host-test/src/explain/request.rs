//! `scim-edge explain --upstream …`: the whole path of one request through the gateway.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use scim_core::dialect::Dialect;
use scim_core::mapping::Mapping;
use scim_core::protocol::limits::Limits;
use scim_core::protocol::route::Bases;
use scim_core::protocol::{Error, Notes};
use scim_core::schema::Catalog;
use scim_core::upstream::{Answer, Bounds, Gateway, Policy, Profile, ReactivateBy, Sent, profile};
use serde_json::{Value, json};

use super::recorded::Recorded;
use crate::storage::TokioClock;

/// Where clients reach the gateway in an explanation.
const ORIGIN: &str = "https://gateway.example";
/// The gateway's base in an explanation.
const BASE: &str = "/scim/v2";

/// Arguments that make `explain` speak of a request.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Explains a request, read as JSON from standard input, to the application of this profile: a
    /// built-in one, or a JSON file.
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["filter", "sort_by", "config"])]
    pub(crate) upstream: Option<String>,
    /// What the client speaks.
    #[arg(long, default_value = "auto", value_name = "NAME", requires = "upstream")]
    dialect: String,
    /// The method; by default that of the request, PATCH for a PATCH message, else POST.
    #[arg(long, value_name = "METHOD", requires = "upstream")]
    method: Option<String>,
    /// Path and query below the SCIM root; by default that of the request, else one that fits.
    #[arg(long, value_name = "PATH", requires = "upstream")]
    path: Option<String>,
    /// Path of the application's SCIM root.
    #[arg(long, default_value = "/scim/v2", value_name = "PATH", requires = "upstream")]
    root: String,
    /// The mapping: a preset, or a JSON file.
    #[arg(long, value_name = "MAPPING", requires = "upstream")]
    mapping: Option<String>,
    /// What becomes of DELETE: delete, deactivate or refuse; by default what the profile says.
    #[arg(long, value_name = "POLICY", requires = "upstream")]
    delete: Option<String>,
    /// By what an inactive resource that is created again is known: externalId or userName.
    #[arg(long, value_name = "ATTRIBUTE", requires = "upstream")]
    reactivate_by: Option<String>,
    /// The application's answers, in order: a JSON array of objects with `status`, `headers` and
    /// `body`. Without it the application is an imagined one, which has what it is asked for.
    #[arg(long, value_name = "FILE", requires = "upstream")]
    answers: Option<PathBuf>,
    /// The output as JSON.
    #[arg(long, requires = "upstream")]
    json: bool,
}

/// A request as it is read.
struct Asked {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

/// Prints how a request goes through the gateway.
///
/// # Errors
///
/// When an argument, the request or the recorded answers are wrong.
pub(crate) fn run(args: &Args, upstream: &str) -> anyhow::Result<()> {
    let gateway = gateway(args, upstream)?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read the request")?;
    let asked = asked(args, &text)?;
    let dialect = match args.dialect.as_str() {
        "auto" => None,
        name => Some(Dialect::from_name(name).ok_or_else(|| {
            let names: Vec<&str> = Dialect::names().collect();
            anyhow!("`--dialect` must be auto or one of {}", names.join(", "))
        })?),
    };
    let application = Recorded::open(args.answers.as_ref(), &gateway)?;
    let target = format!("{BASE}/{}", asked.path.trim_start_matches('/'));
    let body = asked.body.as_ref().map(Value::to_string).unwrap_or_default();
    let sent = Sent {
        method: &asked.method,
        target: &target,
        headers: &asked.headers,
        body: body.as_bytes(),
        dialect,
        origin: ORIGIN,
    };
    let bases = Bases::parse(&[BASE]).map_err(|message| anyhow!("{message}"))?;
    let mut notes = Notes::default();
    let received = gateway.receive(&bases, &sent, &mut notes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (understood, answer) = match received {
        Ok(request) => {
            let answer = gateway.handle(&application, &TokioClock, &request);
            let answer = runtime.block_on(answer);
            let understood = json!({
                "dialect": request.dialect.name(),
                "body": request.body,
                "notes": notes.to_json(),
            });
            (Some(understood), answer)
        }
        Err(error) => (None, refusal(&error)),
    };
    let explained = json!({
        "sent": {"method": asked.method, "path": asked.path, "body": asked.body},
        "understood": understood,
        "imagined": args.answers.is_none(),
        "calls": application.calls.into_inner(),
        "steps": steps(&answer),
        "answer": {
            "status": answer.status,
            "headers": answer.headers.iter().map(|(k, v)| (*k, v)).collect::<Vec<_>>(),
            "body": answer.body,
        },
    });
    if args.json {
        println!("{explained:#}");
    } else {
        print!("{}", words(&explained));
    }
    Ok(())
}

fn refusal(error: &Error) -> Answer {
    let headers = error.headers().to_vec();
    Answer { status: error.status(), headers, body: Some(error.to_json()), steps: Vec::new() }
}

/// What was done or left out without a call.
fn steps(answer: &Answer) -> Vec<Value> {
    let silent = answer.steps.iter().filter(|step| step.status.is_none());
    silent.map(|step| json!({"what": step.what, "attribute": step.attribute})).collect()
}

/// The JSON of a file if the text names one, else the text itself.
fn named_or_read(text: &str) -> anyhow::Result<Value> {
    if std::path::Path::new(text).extension().is_none_or(|extension| extension != "json") {
        return Ok(text.into());
    }
    let document = fs::read_to_string(text).with_context(|| format!("cannot read {text}"))?;
    serde_json::from_str(&document).with_context(|| format!("{text} is no JSON"))
}

fn gateway(args: &Args, upstream: &str) -> anyhow::Result<Gateway> {
    let catalog = Catalog::default();
    let mapping = args.mapping.as_deref().map(named_or_read).transpose()?;
    let mapping = mapping.map(|mapping| Mapping::from_json(&mapping, &catalog)).transpose()?;
    let delete = match args.delete.as_deref() {
        None => None,
        Some("delete") => Some(profile::Delete::Delete),
        Some("deactivate") => Some(profile::Delete::Deactivate),
        Some("refuse") => Some(profile::Delete::Refuse),
        Some(_) => bail!("`--delete` must be delete, deactivate or refuse"),
    };
    let reactivate_by = match args.reactivate_by.as_deref() {
        None => None,
        Some("externalId") => Some(ReactivateBy::ExternalId),
        Some("userName") => Some(ReactivateBy::UserName),
        Some(_) => bail!("`--reactivate-by` must be externalId or userName"),
    };
    Ok(Gateway {
        profile: Profile::from_json(&named_or_read(upstream)?)?,
        catalog,
        mapping,
        limits: Limits::default(),
        root: args.root.clone(),
        policy: Policy { delete, reactivate_by },
        bounds: Bounds::default(),
    })
}

/// Reads a request: with `method` and `path`, or the body alone.
fn asked(args: &Args, text: &str) -> anyhow::Result<Asked> {
    let given: Value = match text.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text).context("the request is no JSON")?,
    };
    let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
    let is_request = given.get("method").is_some() || given.get("path").is_some();
    let body = match &given {
        Value::Null => None,
        whole if is_request => whole.get("body").filter(|body| !body.is_null()).cloned(),
        body => Some(body.clone()),
    };
    let mut headers = Vec::new();
    for (name, value) in given.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().ok_or_else(|| anyhow!("the header `{name}` is no text"))?;
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let is_patch = body.as_ref().is_some_and(|body| body.get("Operations").is_some());
    let by_body = match body {
        None => "GET",
        Some(_) if is_patch => "PATCH",
        Some(_) => "POST",
    };
    let method = args.method.clone().or_else(|| text("method")).unwrap_or_else(|| by_body.into());
    let is_group = body.as_ref().is_some_and(|body| body.to_string().contains(":Group\""));
    let endpoint = if is_group { "/Groups" } else { "/Users" };
    let fitting = match method.as_str() {
        "POST" | "GET" => endpoint.to_owned(),
        _ => format!("{endpoint}/1"),
    };
    let path = args.path.clone().or_else(|| text("path")).unwrap_or(fitting);
    Ok(Asked { method, path, headers, body })
}

/// The explanation for people.
fn words(explained: &Value) -> String {
    let mut out = String::new();
    let mut block = |title: &str, line: &str, body: Option<&Value>| {
        out.push_str(format!("{title:<12}{line}").trim_end());
        out.push('\n');
        for line in body.filter(|body| !body.is_null()).iter().flat_map(|body| {
            let text = format!("{body:#}");
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        }) {
            out.push_str("            ");
            out.push_str(&line);
            out.push('\n');
        }
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let line = |value: &Value| format!("{} {}", text(value.get("method")), text(value.get("path")));
    let list = |name: &str| explained.get(name).and_then(Value::as_array).into_iter().flatten();
    if let Some(sent) = explained.get("sent") {
        block("sent", &line(sent), sent.get("body"));
    }
    if let Some(understood) = explained.get("understood").filter(|value| !value.is_null()) {
        block(
            "understood",
            &format!("as {}", text(understood.get("dialect"))),
            understood.get("body"),
        );
        let notes = understood.get("notes").and_then(Value::as_array);
        for note in notes.into_iter().flatten() {
            block(
                "  note",
                &format!("{} {}", text(note.get("rule")), text(note.get("path"))),
                None,
            );
        }
    }
    for (number, call) in list("calls").enumerate() {
        block(&format!("call {}", number + 1), &line(call), call.get("body"));
        let status = call.get("status").map(Value::to_string).unwrap_or_default();
        block("  answer", &status, call.get("answer"));
    }
    for step in list("steps") {
        block(
            "  step",
            &format!("{} {}", text(step.get("what")), text(step.get("attribute"))),
            None,
        );
    }
    if let Some(answer) = explained.get("answer") {
        let status = answer.get("status").map(Value::to_string).unwrap_or_default();
        block("answer", &status, answer.get("body"));
    }
    let calls = list("calls").count();
    if explained.get("imagined") == Some(&Value::Bool(true)) && calls > 0 {
        block(
            "",
            "the application's answers are imagined; `--answers FILE` replays real ones",
            None,
        );
    }
    out
}
