//! Lists: filter, order and page over one snapshot (RFC 7644 §3.4.2, RFC 9865).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::cursor::{Cursor, Position};
use super::lane::{Lanes, Spot};
use super::plan;
use super::search::{SCAN_PAGE, Search};
use super::sort::{self, Place, SortBy, SortKey};
use super::view::View;
use crate::protocol::Error;
use crate::protocol::limits::Limits;
use crate::protocol::query::{ListQuery, SortOrder};
use crate::resource::{Projection, matching};
use crate::store::record::Record;
use crate::store::{Read, directory, upkeep};

/// One resource type of a list, and what of its resources is shown.
pub(super) struct Listed<'a> {
    pub(super) view: View<'a>,
    pub(super) projection: Projection,
}

/// A page.
#[derive(Debug)]
pub(super) struct Listing {
    /// How many resources match.
    pub(super) total: u64,
    pub(super) resources: Vec<Value>,
    /// With cursor paging: where the page after this one begins, if there is one.
    pub(super) next: Option<Cursor>,
    /// With cursor paging: where the page before this one ends, if there is one.
    pub(super) previous: Option<Cursor>,
}

/// Which of the resources that match are on the page.
struct Window<'a> {
    /// A cursor's page begins (or ends) at its position.
    cursor: Option<&'a Cursor>,
    skip: u64,
    take: usize,
}

/// What stands in a window, in the order of the list.
struct Picked {
    total: u64,
    /// By place of the type.
    records: Vec<(Place, Record)>,
    /// Whether more follow, in the direction that was walked.
    more: bool,
}

/// Answers a list request over one or several resource types from `read`. `cursor` is the one of
/// the request; without it, a request for cursor paging gets the first page.
///
/// A type that does not have what the filter names has no match, unless no type has it; one that
/// does not have the attribute to sort by is as one without a value.
pub(super) async fn list(
    read: &impl Read,
    types: &[Listed<'_>],
    query: &ListQuery,
    cursor: Option<&Cursor>,
    limits: &Limits,
) -> Result<Listing, Error> {
    let searches = searches(read, types, query).await?;
    let take = usize::try_from(query.count).unwrap_or(usize::MAX);
    let window = Window { cursor, skip: query.start_index.saturating_sub(1), take };
    let picked = match lanes(read, &searches).await? {
        Some((lanes, is_filtered)) => {
            let limit = is_filtered.then_some(limits.scan_resources);
            along(read, &searches, &lanes, query, &window, limit).await?
        }
        None => collected(read, &searches, query, &window, limits).await?,
    };
    let mut resources = Vec::with_capacity(picked.records.len());
    let mut members_left = limits.members_shown;
    for ((_, place, _), record) in &picked.records {
        let Some(Listed { view, projection }) = types.get(*place) else { continue };
        let view = View { members: members_left, ..*view };
        let resource = view.answer(read, record, projection).await?;
        let members = resource.get("members").and_then(Value::as_array).map_or(0, Vec::len);
        members_left = members_left.saturating_sub(u64::try_from(members).unwrap_or(u64::MAX));
        resources.push(resource);
    }
    let (next, previous) = match query.cursor {
        Some(_) => around(&picked, types, cursor),
        None => (None, None),
    };
    Ok(Listing { total: picked.total, resources, next, previous })
}

async fn searches<'a>(
    read: &impl Read,
    types: &[Listed<'a>],
    query: &ListQuery,
) -> Result<Vec<Search<'a>>, Error> {
    let mut searches = Vec::with_capacity(types.len());
    let (mut refusal, mut sorted) = (None, query.sort_by.is_none());
    for (place, Listed { view, .. }) in types.iter().enumerate() {
        let filter = query.filter.clone();
        let filter = filter.map(|f| matching::resolve(f, view.resource_type)).transpose();
        let sort_by = query.sort_by.as_ref();
        let sort_by = sort_by.map(|path| SortBy::find(path, view.resource_type)).transpose();
        sorted |= sort_by.is_ok();
        match (filter, sort_by) {
            (Ok(filter), sort_by) => {
                refusal = refusal.or(sort_by.as_ref().err().cloned());
                let sort_by = sort_by.ok().flatten();
                let indexes = upkeep::usable(read, view.resource_type).await?;
                searches.push(Search::new(place, *view, filter, sort_by, &indexes));
            }
            (Err(error), _) => refusal = Some(error),
        }
    }
    match refusal {
        Some(error) if searches.is_empty() || !sorted => Err(error),
        _ => Ok(searches),
    }
}

/// The lanes that have the list in its order, and whether what is on them must still be matched with
/// the filter; `None` if the list must be collected and sorted.
async fn lanes(read: &impl Read, searches: &[Search<'_>]) -> Result<Option<(Lanes, bool)>, Error> {
    let mut stretches = Vec::with_capacity(searches.len());
    let mut is_filtered = false;
    for (at, search) in searches.iter().enumerate() {
        // The lanes of several types would have to be merged.
        let is_sorted = search.sort_by.is_some();
        let lane = if is_sorted && searches.len() > 1 { None } else { search.lane() };
        let Some((stretch, filtered)) = lane.filter(|_| search.place == at) else {
            return Ok(None);
        };
        // Resources that have no entry would be left out.
        if is_sorted && search.sorted.as_ref() == Some(&stretch) {
            let all = directory::count(read, search.view.resource_type).await?;
            if stretch.count(read).await? != all {
                return Ok(None);
            }
        }
        is_filtered |= filtered;
        stretches.push(stretch);
    }
    Ok(Some((Lanes::of(read, stretches).await?, is_filtered)))
}

/// Walks along the lanes and reads no more than the page, or, if what is on them must be matched with
/// the filter, than it takes to know how many resources match: a cursor carries that number on.
/// `limit` is how many may then be looked at.
async fn along(
    read: &impl Read,
    searches: &[Search<'_>],
    lanes: &Lanes,
    query: &ListQuery,
    window: &Window<'_>,
    limit: Option<u64>,
) -> Result<Picked, Error> {
    let filtered = limit.is_some();
    if limit.is_some_and(|limit| lanes.largest() > limit) {
        return Err(plan::too_many());
    }
    let known = match window.cursor {
        Some(cursor) if filtered => cursor.total,
        _ => (!filtered).then(|| lanes.total()),
    };
    let backwards = window.cursor.is_some_and(|cursor| cursor.backwards);
    let reversed = backwards != (query.sort_order == SortOrder::Descending);
    let from = window.cursor.and_then(|cursor| cursor.after.as_ref());
    let mut at = from.map(|position| spot(searches, lanes, position)).transpose()?;
    // One more than wanted shows whether there is another page.
    let (wanted, mut skip) = (window.take.saturating_add(1), window.skip);
    let (mut matched, mut records) = (0, Vec::new());
    loop {
        let (step, passed) = if filtered { (SCAN_PAGE, 0) } else { (wanted, skip) };
        let spots = lanes.step(read, at.as_ref(), reversed, passed, step).await?;
        for spot in &spots {
            let Some(search) = searches.get(spot.place) else { continue };
            let record = directory::load(read, search.view.resource_type, spot.id).await?;
            let Some(record) = record else { continue };
            if filtered && !search.matches(read, &record).await? {
                continue;
            }
            matched += 1;
            if filtered && skip > 0 {
                skip -= 1;
            } else if records.len() < wanted {
                records.push((place_of(spot), record));
            }
        }
        let enough = known.is_some() && records.len() == wanted;
        if !filtered || enough || spots.len() < step {
            break;
        }
        at = spots.into_iter().next_back();
    }
    let more = records.len() == wanted;
    records.truncate(window.take);
    if backwards {
        records.reverse();
    }
    Ok(Picked { total: known.unwrap_or(matched), records, more })
}

fn place_of(spot: &Spot) -> Place {
    (Some(SortKey::Entry(spot.key.clone())), spot.place, spot.id)
}

fn place_named(searches: &[Search<'_>], name: &str) -> Result<usize, Error> {
    let known = searches.iter().find(|search| *search.view.resource_type.name == *name);
    known.map(|search| search.place).ok_or_else(super::cursor::invalid)
}

fn spot(searches: &[Search<'_>], lanes: &Lanes, position: &Position) -> Result<Spot, Error> {
    let place = place_named(searches, &position.resource_type)?;
    let Some(SortKey::Entry(key)) = &position.key else { return Err(super::cursor::invalid()) };
    lanes.spot(place, key, position.id).ok_or_else(super::cursor::invalid)
}

/// Collects all that match, sorts, and reads the page.
async fn collected(
    read: &impl Read,
    searches: &[Search<'_>],
    query: &ListQuery,
    window: &Window<'_>,
    limits: &Limits,
) -> Result<Picked, Error> {
    let mut found: Vec<Place> = Vec::new();
    for search in searches {
        found.extend(search.all(read, limits.scan_resources).await?);
    }
    found.sort_by(|a, b| sort::order(a, b, query.sort_order));
    let skip = usize::try_from(window.skip).unwrap_or(usize::MAX).min(found.len());
    let (mut start, mut end) = (skip, skip.saturating_add(window.take).min(found.len()));
    let backwards = window.cursor.is_some_and(|cursor| cursor.backwards);
    if let Some(position) = window.cursor.and_then(|cursor| cursor.after.as_ref()) {
        let place = place_named(searches, &position.resource_type)?;
        let here = (position.key.clone(), place, position.id);
        let order = |one: &Place| sort::order(one, &here, query.sort_order);
        (start, end) = if backwards {
            let end = found.partition_point(|one| order(one).is_lt());
            (end.saturating_sub(window.take), end)
        } else {
            let start = found.partition_point(|one| order(one).is_le());
            (start, start.saturating_add(window.take).min(found.len()))
        };
    }
    let more = if backwards { start > 0 } else { end < found.len() };
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let mut records = Vec::new();
    for place in found.drain(start..end) {
        let Some(search) = searches.iter().find(|search| search.place == place.1) else { continue };
        if let Some(record) = directory::load(read, search.view.resource_type, place.2).await? {
            records.push((place, record));
        }
    }
    Ok(Picked { total, records, more })
}

/// The cursors of the pages after and before the one that was picked.
fn around(
    picked: &Picked,
    types: &[Listed<'_>],
    cursor: Option<&Cursor>,
) -> (Option<Cursor>, Option<Cursor>) {
    let at = |entry: Option<&(Place, Record)>, backwards: bool| {
        let ((key, place, id), _) = entry?;
        let resource_type = String::from(&*types.get(*place)?.view.resource_type.name);
        let after = Some(Position { key: key.clone(), resource_type, id: *id });
        Some(Cursor { backwards, after, total: Some(picked.total) })
    };
    let (first, last) = (picked.records.first(), picked.records.last());
    match cursor {
        None => (at(last, false).filter(|_| picked.more), None),
        Some(cursor) if cursor.after.is_none() => (at(last, false).filter(|_| picked.more), None),
        Some(Cursor { backwards: false, .. }) => {
            (at(last, false).filter(|_| picked.more), at(first, true))
        }
        // Nothing is left before the page that the client came from: on goes the beginning.
        Some(_) => {
            let start = Cursor { backwards: false, after: None, total: Some(picked.total) };
            (at(last, false).or(Some(start)), at(first, true).filter(|_| picked.more))
        }
    }
}
