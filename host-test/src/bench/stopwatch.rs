//! Criterion, called as a library: each measurement comes back as a number.

use core::hint::black_box;
use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use criterion::Criterion;
use serde::Deserialize;

/// Short, since a table has many measurements; the intervals show whether it was long enough.
const WARM_UP: Duration = Duration::from_millis(300);
const MEASUREMENT: Duration = Duration::from_millis(1500);
const SAMPLES: usize = 50;

/// Takes the time of functions.
pub(super) struct Stopwatch {
    criterion: Criterion,
    folder: PathBuf,
    taken: usize,
}

/// Nanoseconds for one call: the median, and the bounds that hold it with 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Time {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What criterion writes down of one measurement, as far as it is used here.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

impl Stopwatch {
    /// One that keeps its notes in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        let criterion = Criterion::default()
            .without_plots()
            .output_directory(folder)
            .warm_up_time(WARM_UP)
            .measurement_time(MEASUREMENT)
            .sample_size(SAMPLES);
        Self { criterion, folder: folder.into(), taken: 0 }
    }

    /// The time of one call of `work`; what it returns is dropped, and the time for that counts.
    pub(super) fn time<T>(
        &mut self,
        name: &str,
        mut work: impl FnMut() -> T,
    ) -> anyhow::Result<Time> {
        self.taken += 1;
        // The number comes first, so that no two measurements share a folder.
        let id: String = format!("{:02} {name}", self.taken)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || " .-_".contains(c) { c } else { '_' })
            .collect();
        self.criterion.bench_function(&id, |bencher| bencher.iter(|| black_box(work())));
        let file = self.folder.join(&id).join("new/estimates.json");
        let text = fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
        let Estimates { median } = serde_json::from_str(&text)?;
        Ok(Time {
            median: median.point_estimate,
            low: median.confidence_interval.lower_bound,
            high: median.confidence_interval.upper_bound,
        })
    }
}
