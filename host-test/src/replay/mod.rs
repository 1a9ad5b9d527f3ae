//! `scim-edge replay`: sends recorded traces of identity providers and checks the answers.

mod check;
mod client;
mod template;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde_json::{Map, Value};

use client::{Answer, Client};
use template::Variables;

/// Arguments of `scim-edge replay`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The SCIM root, without a slash at its end: `http://127.0.0.1:8080/scim/v2`.
    base: String,
    /// The bearer token.
    token: String,
    /// Trace files, as in `vectors/traces`.
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// Replays this variant of each trace, or `all` of them, instead of its main steps.
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Leaves out the steps that no client sends, which probe for more.
    #[arg(long)]
    skip_probes: bool,
    /// Prints the steps that passed, too.
    #[arg(short, long)]
    verbose: bool,
}

/// Steps that passed and failed.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

/// Replays the traces; `Ok(false)` when a step failed.
///
/// # Errors
///
/// When a trace cannot be read.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let client = Client::new(args.base.trim_end_matches('/'));
    let mut total = Tally::default();
    for file in &args.traces {
        replay_file(args, &client, file, &mut total)?;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0)
}

fn replay_file(args: &Args, client: &Client, file: &Path, total: &mut Tally) -> anyhow::Result<()> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    let trace: Value = serde_json::from_str(&text).with_context(|| format!("{name} is no JSON"))?;
    let trace = trace.as_object().with_context(|| format!("{name} is no trace"))?;
    for (variant, steps) in chosen(trace, args.variant.as_deref()) {
        let mut run = Run {
            client,
            verbose: args.verbose,
            defaults: headers_of(trace.get("defaults")),
            variables: start_variables(args, trace)?,
        };
        let mut tally = Tally::default();
        for step in steps {
            if args.skip_probes && text_of(step, "origin") == Some("probe") {
                continue;
            }
            run.repeat(step, &mut tally);
        }
        println!("{name} [{variant}]: {}/{}", tally.passed, tally.passed + tally.failed);
        total.passed += tally.passed;
        total.failed += tally.failed;
    }
    Ok(())
}

/// The main steps, or the variants that were asked for.
fn chosen<'a>(trace: &'a Map<String, Value>, variant: Option<&str>) -> Vec<(&'a str, &'a [Value])> {
    let Some(wanted) = variant else { return vec![("main", array_of(trace.get("steps")))] };
    let variants = trace.get("variants").and_then(Value::as_object);
    variants
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted == "all" || wanted == name.as_str())
        .map(|(name, variant)| (name.as_str(), array_of(variant.get("steps"))))
        .collect()
}

/// A run of its own has its own names, so that a trace can be replayed on one store many times.
fn start_variables(args: &Args, trace: &Map<String, Value>) -> anyhow::Result<Variables> {
    let mut run = [0; 4];
    getrandom::fill(&mut run).map_err(|error| anyhow!("no randomness: {error}"))?;
    let given = trace.get("variables").and_then(Value::as_object);
    let mut variables: Variables =
        given.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    variables.insert("base".into(), args.base.clone().into());
    variables.insert("token".into(), args.token.clone().into());
    variables.insert("run".into(), format!("{:08x}", u32::from_be_bytes(run)).into());
    Ok(variables)
}

fn array_of(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn headers_of(value: Option<&Value>) -> Map<String, Value> {
    value
        .and_then(|value| value.get("headers"))
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

struct Run<'a> {
    client: &'a Client,
    verbose: bool,
    defaults: Map<String, Value>,
    variables: Variables,
}

impl Run<'_> {
    /// Sends a step as often as it says.
    fn repeat(&mut self, step: &Value, tally: &mut Tally) {
        let repeat = step.get("repeat");
        let bound = |name| repeat.and_then(|repeat| repeat.get(name)).and_then(Value::as_i64);
        let variable = repeat.and_then(|repeat| text_of(repeat, "var"));
        for number in bound("from").unwrap_or(0)..=bound("to").unwrap_or(0) {
            if let Some(variable) = variable {
                self.variables.insert(variable.to_owned(), number.into());
            }
            let name = text_of(step, "name").unwrap_or("(no name)");
            let failures = match self.step(step) {
                Ok(failures) => failures,
                Err(error) => vec![format!("{error:#}")],
            };
            if failures.is_empty() {
                tally.passed += 1;
                if self.verbose {
                    println!("ok   {name}");
                }
            } else {
                tally.failed += 1;
                println!("FAIL {name}: {}", failures.join("; "));
            }
        }
    }

    /// Sends one request, checks its answer and keeps what is to be kept of it.
    fn step(&mut self, step: &Value) -> anyhow::Result<Vec<String>> {
        let part = |name| step.get(name).unwrap_or(&Value::Null);
        let mut headers = self.defaults.clone();
        headers.extend(headers_of(Some(step)));
        let headers = template::fill(&Value::Object(headers), &self.variables)?;
        let path = template::fill(part("path"), &self.variables)?;
        let body = template::fill(part("body"), &self.variables)?;
        let expected = template::fill(part("expect"), &self.variables)?;
        let method = text_of(step, "method").context("the step has no method")?;
        let path = path.as_str().context("the step has no path")?;
        let answer = self.client.send(method, path, &headers, &body)?;

        let mut failures = check::head(&answer, &expected)?;
        let document = match serde_json::from_str::<Value>(&answer.text) {
            Ok(document) => Some(document),
            Err(_) if answer.text.trim().is_empty() => None,
            Err(_) => {
                failures.push("the body is not JSON".into());
                None
            }
        };
        if let Some(document) = document.filter(|_| failures.is_empty()) {
            failures.extend(check::body(&document, &expected)?);
            self.capture(step, &document, &mut failures)?;
        }
        if !failures.is_empty() {
            failures.push(summary(method, path, &answer));
        }
        Ok(failures)
    }

    fn capture(
        &mut self,
        step: &Value,
        document: &Value,
        failures: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        for (variable, path) in step.get("capture").and_then(Value::as_object).into_iter().flatten()
        {
            let path = path.as_str().context("a capture has no path")?;
            match check::find(document, path)?.into_iter().next() {
                Some(value) => drop(self.variables.insert(variable.clone(), value)),
                None => failures.push(format!("capture {variable}: {path} is missing")),
            }
        }
        Ok(())
    }
}

fn summary(method: &str, path: &str, answer: &Answer) -> String {
    const SHOWN: usize = 300;
    let text: String = answer.text.chars().take(SHOWN).collect();
    format!("{method} {path} gave {} {text}", answer.status)
}
