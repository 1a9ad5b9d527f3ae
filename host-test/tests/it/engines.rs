//! The component on engines that behave as real ones do (`docs/store.md`).

use crate::harness::{self, Service};
use crate::races;

fn on_memory(arguments: &[&str]) -> Service {
    let folder = tempfile::tempdir().unwrap();
    let mut command = harness::command(folder.path());
    command.args(["--store", "memory"]).args(arguments);
    Service::start(command).unwrap_or_else(|log| panic!("no start: {log}"))
}

fn holds(service: Service) {
    races::one_creation_succeeds(&service.client());
    races::no_member_is_lost(&service.client());
    service.terminate();
    let (status, log) = service.wait();
    assert!(status.success(), "{log}");
    assert!(log.contains("the data ends with this process"), "{log}");
}

#[test]
fn memory() {
    holds(on_memory(&[]));
}

#[test]
fn swaps_that_always_say_they_failed() {
    holds(on_memory(&["--fault", "failed-swaps"]));
}

#[test]
fn replies_that_get_lost() {
    holds(on_memory(&["--fault", "lost-replies"]));
}

#[test]
fn batches_that_are_written_in_part() {
    holds(on_memory(&["--fault", "half-batches"]));
}
