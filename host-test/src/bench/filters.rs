//! Filters, against the crates `scim_v2` (which parses only) and `scim-filter`.

use anyhow::{Context as _, anyhow, ensure};
use scim_core::protocol::filter::{self, FilterError};
use scim_core::protocol::limits::Limits;
use scim_core::resource::matching;
use scim_core::schema;
use scim_filter::parser;

use super::sample;
use super::stopwatch::Stopwatch;
use super::table::{Aim, Row};

const SCIM_V2: &str = "scim_v2 1.0.0";
const SCIM_FILTER: &str = "scim-filter 0.2.3";
/// Times as fast as the best of the others.
const PARSE_AIM: Aim = Aim::Faster(3.0);
const MATCH_AIM: Aim = Aim::Faster(5.0);

/// Parsing: each filter alone, then all of them.
pub(super) fn parse(watch: &mut Stopwatch) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (what, texts) in cases() {
        for text in texts {
            ensure!(own(text).is_ok() && v2(text).is_ok() && peer(text).is_ok(), "{text}");
        }
        let mut time = |name: &str, parse: &dyn Fn(&str) -> bool| {
            watch.time(&format!("parse {what}, {name}"), || texts.iter().all(|text| parse(text)))
        };
        let own = time("scim-edge", &|text| own(text).is_ok())?;
        for (baseline, other) in [
            (SCIM_V2, time(SCIM_V2, &|text| v2(text).is_ok())?),
            (SCIM_FILTER, time(SCIM_FILTER, &|text| peer(text).is_ok())?),
        ] {
            let (what, baseline) = (format!("parse {what}"), baseline.into());
            rows.push(Row { what, baseline, own, other, aim: PARSE_AIM });
        }
    }
    Ok(rows)
}

/// Matching a filter that is parsed (and, here, resolved) with a user in memory.
pub(super) fn matches(watch: &mut Stopwatch) -> anyhow::Result<Vec<Row>> {
    let resource_type = schema::user();
    let user = sample::stored_user()?;
    let mut rows = Vec::new();
    for (what, texts) in cases() {
        let mut resolved = Vec::new();
        let mut parsed = Vec::new();
        for text in texts {
            let filter =
                matching::resolve(own(text)?, &resource_type).map_err(|e| anyhow!("{e}"))?;
            let peer = peer(text)?;
            let answer = matching::matches(&filter, &resource_type, &user);
            ensure!(answer == peer.r#match(&user)?, "{SCIM_FILTER} answers otherwise to {text}");
            resolved.push(filter);
            parsed.push(peer);
        }
        let own = watch.time(&format!("match {what}, scim-edge"), || {
            resolved.iter().filter(|f| matching::matches(f, &resource_type, &user)).count()
        })?;
        let other = watch.time(&format!("match {what}, {SCIM_FILTER}"), || {
            parsed.iter().filter(|filter| filter.r#match(&user).unwrap_or_default()).count()
        })?;
        let (what, baseline) = (format!("match {what}"), SCIM_FILTER.into());
        rows.push(Row { what, baseline, own, other, aim: MATCH_AIM });
    }
    Ok(rows)
}

/// Names, and the filters that are measured together.
fn cases() -> impl Iterator<Item = (String, &'static [&'static str])> {
    let each = sample::FILTERS.iter().enumerate();
    each.map(|(at, text)| (format!("filter {}", at + 1), core::slice::from_ref(text)))
        .chain([("all filters".into(), sample::FILTERS.as_slice())])
}

fn own(text: &str) -> Result<filter::Filter, FilterError> {
    filter::parse(text, &Limits::default())
}

fn v2(text: &str) -> anyhow::Result<scim_v2::filter::Filter> {
    text.parse().map_err(|e: scim_v2::filter::ParseError| anyhow!("{SCIM_V2}: {e}"))
}

fn peer(text: &str) -> anyhow::Result<parser::Filter<'_>> {
    let (rest, filter) =
        parser::filter(text).map_err(|e| anyhow!("{SCIM_FILTER}: {e}")).context("a filter")?;
    ensure!(rest.is_empty(), "{SCIM_FILTER} stops before `{rest}`");
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_understand_the_same_filters() {
        let resource_type = schema::user();
        let user = sample::stored_user().unwrap();
        for text in sample::FILTERS {
            let resolved = matching::resolve(own(text).unwrap(), &resource_type).unwrap();
            assert!(v2(text).is_ok(), "{text}");
            let answer = matching::matches(&resolved, &resource_type, &user);
            assert_eq!(peer(text).unwrap().r#match(&user).ok(), Some(answer), "{text}");
        }
    }
}
