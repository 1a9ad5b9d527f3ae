//! The table of ratios.

use core::fmt::Write as _;

use super::stopwatch::Time;

/// The ratio that a row is to have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aim {
    /// At least so many times as fast as the baseline.
    Faster(f64),
    /// At most so many times the time of the baseline.
    Within(f64),
    /// None: the row says what a thing costs, in times of the baseline.
    Open,
}

/// One thing measured, and its baseline.
pub(super) struct Row {
    /// What is measured.
    pub(super) what: String,
    /// What it is compared with.
    pub(super) baseline: String,
    /// The core's time.
    pub(super) own: Time,
    /// The baseline's.
    pub(super) other: Time,
    /// The ratio to reach.
    pub(super) aim: Aim,
}

/// A ratio and its bounds.
struct Ratio {
    value: f64,
    low: f64,
    high: f64,
}

impl Ratio {
    fn of(over: Time, under: Time) -> Self {
        Self {
            value: over.median / under.median,
            low: over.low / under.high,
            high: over.high / under.low,
        }
    }
}

impl Row {
    fn ratio(&self) -> Ratio {
        match self.aim {
            Aim::Faster(_) => Ratio::of(self.other, self.own),
            Aim::Within(_) | Aim::Open => Ratio::of(self.own, self.other),
        }
    }

    /// Whether the ratio is what it should be.
    pub(super) fn meets_its_aim(&self) -> bool {
        match self.aim {
            Aim::Faster(least) => self.ratio().value >= least,
            Aim::Within(most) => self.ratio().value <= most,
            Aim::Open => true,
        }
    }

    fn verdict(&self) -> String {
        let met = if self.meets_its_aim() { "met" } else { "MISSED" };
        match self.aim {
            Aim::Faster(least) => format!("≥ {least}× faster: {met}"),
            Aim::Within(most) => format!("≤ {most}× the time: {met}"),
            Aim::Open => "none".into(),
        }
    }
}

/// The rows as a table in Markdown.
pub(super) fn print(rows: &[Row]) -> String {
    let head = ["what", "time", "baseline", "its time", "ratio", "95 %", "aim"];
    let mut cells = vec![head.map(String::from).to_vec()];
    for row in rows {
        let ratio = row.ratio();
        let kind = if matches!(row.aim, Aim::Faster(_)) { "faster" } else { "the time" };
        cells.push(vec![
            row.what.clone(),
            duration(row.own.median),
            row.baseline.clone(),
            duration(row.other.median),
            format!("{:.2}× {kind}", ratio.value),
            format!("{:.2}–{:.2}", ratio.low, ratio.high),
            row.verdict(),
        ]);
    }
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let lengths = cells.iter().filter_map(|row| Some(row.get(column)?.chars().count()));
            lengths.max().unwrap_or_default()
        })
        .collect();
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect();
    cells.insert(1, rule);
    cells.iter().fold(String::new(), |mut text, row| {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        text
    })
}

fn duration(ns: f64) -> String {
    if ns < 1e3 {
        format!("{ns:.0} ns")
    } else if ns < 1e6 {
        format!("{:.2} µs", ns / 1e3)
    } else {
        format!("{:.2} ms", ns / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(own: f64, other: f64, aim: Aim) -> Row {
        let time = |median| Time { median, low: median * 0.5, high: median * 2.0 };
        Row { what: "it".into(), baseline: "that".into(), own: time(own), other: time(other), aim }
    }

    #[test]
    fn a_ratio_is_read_against_its_aim() {
        assert!(row(10.0, 30.0, Aim::Faster(3.0)).meets_its_aim());
        assert!(!row(10.1, 30.0, Aim::Faster(3.0)).meets_its_aim());
        assert!(row(30.0, 10.0, Aim::Within(3.0)).meets_its_aim());
        assert!(!row(30.1, 10.0, Aim::Within(3.0)).meets_its_aim());
        assert!(row(1e9, 1.0, Aim::Open).meets_its_aim());
    }

    #[test]
    fn the_table_lines_up() {
        let rows = [
            row(10.0, 2_500.0, Aim::Faster(3.0)),
            row(3_100_000.0, 1e6, Aim::Within(3.0)),
            row(5.0, 10.0, Aim::Open),
        ];
        assert_eq!(
            print(&rows),
            "\
| what | time    | baseline | its time | ratio          | 95 %          | aim                   |
| ---- | ------- | -------- | -------- | -------------- | ------------- | --------------------- |
| it   | 10 ns   | that     | 2.50 µs  | 250.00× faster | 62.50–1000.00 | ≥ 3× faster: met      |
| it   | 3.10 ms | that     | 1.00 ms  | 3.10× the time | 0.78–12.40    | ≤ 3× the time: MISSED |
| it   | 5 ns    | that     | 10 ns    | 0.50× the time | 0.12–2.00     | none                  |
"
        );
    }
}
