//! Filters that do as a scenario says, and log what they see: callbacks with their numbers, host
//! calls with their statuses. They are written in WebAssembly's text form, step by step.

use core::fmt::Write as _;

use host_test::imitation::Headers;
use serde_json::{Map, Value};

const MAPS: [(&str, u32); 6] = [
    ("request_headers", 0),
    ("request_trailers", 1),
    ("response_headers", 2),
    ("response_trailers", 3),
    ("call_headers", 6),
    ("call_trailers", 7),
];
const BUFFERS: [(&str, u32); 3] = [("request_body", 0), ("response_body", 1), ("call_body", 4)];

/// What every probe has: a line that is put together and logged, and memory that is given out
/// again in each callback.
const RUNTIME: &str = r#"
(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_header_map_value"
  (func $get (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_replace_header_map_value"
  (func $set (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_add_header_map_value"
  (func $add (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_buffer_bytes"
  (func $body (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_buffer_bytes"
  (func $set_body (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_send_local_response"
  (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_continue_stream" (func $resume (param i32) (result i32)))
(import "env" "proxy_http_call"
  (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_shared_data"
  (func $shared (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_shared_data"
  (func $share (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_effective_context" (func $stream (param i32) (result i32)))
(memory (export "memory") 64)
(global $context (mut i32) (i32.const 0))
(global $end (mut i32) (i32.const 4096))
(global $free (mut i32) (i32.const 1048576))
(func (export "proxy_abi_version_0_2_1"))
(func (export "_initialize"))
(func (export "proxy_on_context_create") (param i32 i32))
(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
(func (export "proxy_on_memory_allocate") (param i32) (result i32)
  (global.get $free)
  (global.set $free (i32.add (global.get $free) (local.get 0))))
(func $text (param i32 i32)
  (if (i32.gt_u (local.get 1) (i32.const 200)) (then (local.set 1 (i32.const 200))))
  (memory.copy (global.get $end) (local.get 0) (local.get 1))
  (global.set $end (i32.add (global.get $end) (local.get 1))))
(func $number (param i32)
  (if (i32.ge_u (local.get 0) (i32.const 10))
    (then (call $number (i32.div_u (local.get 0) (i32.const 10)))))
  (i32.store8 (global.get $end)
    (i32.add (i32.const 48) (i32.rem_u (local.get 0) (i32.const 10))))
  (global.set $end (i32.add (global.get $end) (i32.const 1))))
(func $flush
  (drop (call $log (i32.const 2) (i32.const 4096)
    (i32.sub (global.get $end) (i32.const 4096))))
  (global.set $end (i32.const 4096)))
(func $status (param i32)
  (call $number (local.get 0)) (call $flush))
(func $value (param i32)
  (call $number (local.get 0))
  (if (i32.eqz (local.get 0)) (then
    (i32.store8 (global.get $end) (i32.const 32))
    (global.set $end (i32.add (global.get $end) (i32.const 1)))
    (call $text (i32.load (i32.const 16)) (i32.load (i32.const 20)))))
  (call $flush))
(func $begin
  (i64.store (i32.const 16) (i64.const 0))
  (global.set $free (i32.const 1048576)))
"#;

/// The module of a probe.
pub(super) fn module(script: &Map<String, Value>) -> Vec<u8> {
    let mut probe = Probe { text: format!("(module {RUNTIME}"), data: Vec::new() };
    for side in ["request", "response"] {
        probe.callback(script, &format!("{side}_headers"), 3);
        probe.callback(script, &format!("{side}_body"), 3);
        probe.callback(script, &format!("{side}_trailers"), 2);
    }
    probe.callback(script, "http_call_response", 5);
    probe.text.push_str("(data (i32.const 16384) \"");
    for byte in &probe.data {
        write!(probe.text, "\\{byte:02x}").unwrap();
    }
    probe.text.push_str("\"))");
    wat::parse_str(&probe.text).unwrap()
}

struct Probe {
    text: String,
    data: Vec<u8>,
}

impl Probe {
    /// A constant: its place and length.
    fn constant(&mut self, bytes: &[u8]) -> String {
        let place = 16384 + self.data.len();
        self.data.extend(bytes);
        format!("(i32.const {place}) (i32.const {})", bytes.len())
    }

    fn line(&mut self, text: &str) {
        let text = self.constant(text.as_bytes());
        write!(self.text, "(call $text {text})").unwrap();
    }

    /// A callback that logs its numbers and does its steps; those of `NAME:end` at the end of the
    /// stream, where there are any.
    fn callback(&mut self, script: &Map<String, Value>, name: &str, parameters: usize) {
        let at_end = format!("{name}:end");
        if !script.contains_key(name) && !script.contains_key(&at_end) {
            return;
        }
        let result = if name == "http_call_response" { "" } else { "(result i32)" };
        let types = "i32 ".repeat(parameters);
        write!(
            self.text,
            "(func (export \"proxy_on_{name}\") (param {types}) {result} (call $begin)"
        )
        .unwrap();
        if !result.is_empty() {
            self.text.push_str("(global.set $context (local.get 0))");
        }
        // Numbers of contexts, of calls and of header fields differ for no interesting reason.
        self.line(name);
        if name.ends_with("_body") {
            self.line(" ");
            self.text.push_str("(call $number (local.get 1))");
        }
        if parameters == 3 {
            self.line(" ");
            self.text.push_str("(call $number (local.get 2))");
        }
        self.text.push_str("(call $flush)");
        let empty = Vec::new();
        let steps = |key: &str| script.get(key).map_or(&empty, |steps| steps.as_array().unwrap());
        if script.contains_key(&at_end) {
            self.text.push_str("(if (local.get 2) (then ");
            self.steps(steps(&at_end));
            self.text.push_str("))");
        }
        self.steps(steps(name));
        self.text.push_str(if result.is_empty() { ")" } else { "(i32.const 0))" });
    }

    fn steps(&mut self, steps: &[Value]) {
        for step in steps {
            match step {
                Value::String(word) => self.text.push_str(match word.as_str() {
                    "pause" => "(return (i32.const 1))",
                    "continue" => "(return (i32.const 0))",
                    "trap" => "(unreachable)",
                    _ => panic!("{word}"),
                }),
                _ => self.host_call(step.as_array().unwrap()),
            }
        }
    }

    fn host_call(&mut self, step: &[Value]) {
        let words: Vec<String> = step
            .iter()
            .map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned))
            .collect();
        let word = |n: usize| words.get(n).map_or("", String::as_str);
        let number = |table: &[(&str, u32)]| {
            let known = table.iter().find(|(name, _)| *name == word(1));
            format!("(i32.const {})", known.unwrap_or_else(|| panic!("{step:?}")).1)
        };
        let nothing = "(i32.const 0) (i32.const 0)";
        let given = "(i32.const 16) (i32.const 20)";
        let (arguments, shows) = match word(0) {
            "set" | "add" => {
                let (name, value) =
                    (self.constant(word(2).as_bytes()), self.constant(word(3).as_bytes()));
                (format!("{} {name} {value}", number(&MAPS)), false)
            }
            "remove" => (format!("{} {}", number(&MAPS), self.constant(word(2).as_bytes())), false),
            "get" => {
                (format!("{} {} {given}", number(&MAPS), self.constant(word(2).as_bytes())), true)
            }
            "body" => {
                (format!("{} (i32.const 0) (i32.const 1000000) {given}", number(&BUFFERS)), true)
            }
            "set_body" => {
                let text = self.constant(word(4).as_bytes());
                let span = format!("(i32.const {}) (i32.const {})", word(2), word(3));
                (format!("{} {span} {text}", number(&BUFFERS)), false)
            }
            "answer" => {
                let (body, headers) = (self.constant(word(2).as_bytes()), pairs(step.get(3)));
                let headers = self.constant(&headers);
                (
                    format!("(i32.const {}) {nothing} {body} {headers} (i32.const -1)", word(1)),
                    false,
                )
            }
            // Answers to calls come to the root context: this finds the request.
            "stream" => ("(global.get $context)".to_owned(), false),
            "resume" => (format!("(i32.const {})", u8::from(word(1) == "response")), false),
            "call" => {
                let cluster = self.constant(word(1).as_bytes());
                let headers = self.constant(&pairs(step.get(3)));
                let timeout = format!("(i32.const {})", word(2));
                let rest = format!("{headers} {nothing} {nothing} {timeout} (i32.const 24)");
                (format!("{cluster} {rest}"), false)
            }
            "shared" => {
                (format!("{} {given} (i32.const 24)", self.constant(word(1).as_bytes())), true)
            }
            "share" => {
                let (key, value) =
                    (self.constant(word(1).as_bytes()), self.constant(word(2).as_bytes()));
                // `cas` is a number, or what the last look at shared data gave.
                let cas = match word(3) {
                    "seen" => "(i32.load (i32.const 24))".to_owned(),
                    number => format!("(i32.const {number})"),
                };
                (format!("{key} {value} {cas}"), false)
            }
            "property" => (format!("{} {given}", self.constant(word(1).as_bytes())), true),
            "set_property" => {
                let (name, value) =
                    (self.constant(word(1).as_bytes()), self.constant(word(2).as_bytes()));
                (format!("{name} {value}"), false)
            }
            other => panic!("{other}"),
        };
        self.line(&format!("  {} ", words.iter().take(3).cloned().collect::<Vec<_>>().join(" ")));
        let show = if shows { "value" } else { "status" };
        if shows {
            self.text.push_str("(i64.store (i32.const 16) (i64.const 0))");
        }
        write!(self.text, "(call ${show} (call ${} {arguments}))", word(0)).unwrap();
    }
}

fn pairs(headers: Option<&Value>) -> Vec<u8> {
    let Some(Value::Object(headers)) = headers else { return Vec::new() };
    let pairs =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes()));
    Headers::of(pairs).to_abi()
}
