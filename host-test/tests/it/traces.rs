//! `scim-edge replay` of what identity providers send, against `scim-edge up`.

use std::process::Command;

use crate::harness::{Service, TOKEN, checkout};

#[track_caller]
fn replays(trace: &str) {
    let service = Service::fresh();
    let output = Command::new(env!("CARGO_BIN_EXE_scim-edge"))
        .args(["replay", service.base(), TOKEN])
        .arg(checkout("vectors/traces").join(trace))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert!(printed.ends_with(" passed, 0 failed\n"), "{printed}");
}

#[test]
fn entra() {
    replays("entra.json");
}

#[test]
fn okta() {
    replays("okta.json");
}

#[test]
fn authentik() {
    replays("authentik.json");
}

#[test]
fn a_failed_step_fails_the_replay() {
    let service = Service::fresh();
    let output = Command::new(env!("CARGO_BIN_EXE_scim-edge"))
        .args(["replay", service.base(), "a-token-that-nobody-was-given"])
        .arg(checkout("vectors/traces/okta.json"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}
