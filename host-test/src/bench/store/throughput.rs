//! Many requests at once.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, anyhow};

use super::data::Directory;
use super::service::{Client, Service};
use super::{once, operations, row};
use crate::bench::table::{Aim, Row};
use crate::plugins;
use crate::storage::{Durability, Engine, Location, Write};

/// Writers at once.
const WRITERS: usize = 32;
/// Readers at once.
const READERS: usize = 16;
/// How long each of several turns lasts.
const TURN: Duration = Duration::from_secs(3);
/// How often the two that are compared take turns.
const TURNS: usize = 3;

/// Requests per second of so many clients, each with its connection.
fn rate(
    service: &Service,
    clients: usize,
    work: impl Fn(&Client) -> anyhow::Result<f64> + Sync,
) -> anyhow::Result<f64> {
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let started = Instant::now();
    let failed = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    let client = service.client();
                    while !stop.load(Ordering::Relaxed) {
                        work(&client)?;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        thread::sleep(TURN);
        stop.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .find_map(|thread| thread.join().map_or(Some(anyhow!("a client died")), Result::err))
    });
    if let Some(error) = failed {
        return Err(error);
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let done = done.into_inner() as f64;
    Ok(done / started.elapsed().as_secs_f64())
}

/// All creates of 32 writers together against those of one; any that fails ends the run.
///
/// # Errors
///
/// When a request fails.
pub(super) fn writers(service: &Service) -> anyhow::Result<Row> {
    let (mut one, mut many) = (0.0, 0.0);
    for _ in 0..TURNS {
        one += rate(service, 1, operations::create)?;
        many += rate(service, WRITERS, operations::create)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let turns = TURNS as f64;
    println!("creates: {:.0}/s by one writer, {:.0}/s by {WRITERS}", one / turns, many / turns);
    let (own, other) = (once(turns * 1e9 / many), once(turns * 1e9 / one));
    let what = format!("create, {WRITERS} writers, time per create");
    Ok(row(&what, "one writer", own, other, Aim::Faster(1.0)))
}

/// GET by id against a component that reads one entry of the same size and answers it.
///
/// # Errors
///
/// When a request fails.
pub(super) fn readers(
    service: &Service,
    file: &Path,
    directory: Directory,
    durability: &str,
) -> anyhow::Result<Row> {
    let component = plugins::one_key_component()?;
    let user = format!("/Users/{}", super::data::id(super::data::USER, 0));
    let (_, body) = service.client().send("GET", &user, None)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let location = Location::Sqlite(file.to_owned());
        let engine = Engine::open(&location, Durability::Full, None).await?;
        engine.write(Write::Set(vec![("one".to_owned(), body.into_bytes())])).await?;
        engine.close();
        anyhow::Ok(())
    })?;
    let bare = Service::start(file, durability, Some(&component))?;
    let (mut own, mut other) = (0.0, 0.0);
    for _ in 0..TURNS {
        let hot = || operations::below(200) * (directory.users / 200).max(1) % directory.users;
        own += rate(service, READERS, |client| operations::get(client, hot()))?;
        other += rate(&bare, READERS, |client| Ok(client.send("GET", "/one", None)?.0))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let turns = TURNS as f64;
    println!(
        "GET by id: {:.0}/s; one entry read and answered: {:.0}/s",
        own / turns,
        other / turns
    );
    let (own, other) = (once(turns * 1e9 / own), once(turns * 1e9 / other));
    let what = format!("GET by id, {READERS} readers, time per request");
    Ok(row(&what, "component that answers one entry", own, other, Aim::Within(2.0)))
}
