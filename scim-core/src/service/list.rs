//! Lists: filter, order and page over one snapshot (RFC 7644 §3.4.2).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::plan::{self, Memberships};
use super::sort::{self, SortKey};
use super::view::View;
use crate::protocol::Error;
use crate::protocol::filter::Filter;
use crate::protocol::json::Object;
use crate::protocol::limits::Limits;
use crate::protocol::message::list_response;
use crate::protocol::query::ListQuery;
use crate::resource::{Projection, matching};
use crate::store::keys::ResourceId;
use crate::store::record::Record;
use crate::store::{Read, directory, members};

/// Resources read at once when all are looked at.
const SCAN_PAGE: usize = 200;

/// One resource type of a list, and what of its resources is shown.
pub(super) struct Listed<'a> {
    pub(super) view: View<'a>,
    pub(super) projection: Projection,
}

/// A resource that a search found: its key to sort by, its type's place, its id.
type Found = (Option<SortKey>, usize, ResourceId);

/// Answers a list request over one or several resource types from `read`.
///
/// A type that does not have what the filter names has no match, unless no type has it.
pub(super) async fn list(
    read: &impl Read,
    types: &[Listed<'_>],
    query: &ListQuery,
    limits: &Limits,
) -> Result<Value, Error> {
    let (total, resources) = if query.filter.is_none() && query.sort_by.is_none() {
        all(read, types, query).await?
    } else {
        search(read, types, query, limits).await?
    };
    Ok(list_response(total, query.start_index, &resources))
}

/// Everything, in the order of creation: counted, not walked through.
async fn all(
    read: &impl Read,
    types: &[Listed<'_>],
    query: &ListQuery,
) -> Result<(u64, Vec<Value>), Error> {
    let mut skip = query.start_index.saturating_sub(1);
    let mut total = 0;
    let mut resources = Vec::new();
    for listed in types {
        let count = directory::count(read, listed.view.resource_type).await?;
        total += count;
        let room = usize::try_from(query.count).unwrap_or(usize::MAX) - resources.len();
        if room > 0 && skip < count {
            for record in directory::page(read, listed.view.resource_type, skip, room).await? {
                resources.push(listed.view.answer(read, &record, &listed.projection).await?);
            }
        }
        skip = skip.saturating_sub(count);
    }
    Ok((total, resources))
}

async fn search(
    read: &impl Read,
    types: &[Listed<'_>],
    query: &ListQuery,
    limits: &Limits,
) -> Result<(u64, Vec<Value>), Error> {
    let mut found: Vec<Found> = Vec::new();
    let mut refusal = None;
    let mut searched = false;
    for (place, listed) in types.iter().enumerate() {
        match Search::new(read, &listed.view, query, limits) {
            Ok(mut search) => {
                search.run().await?;
                found.extend(search.found.into_iter().map(|(key, id)| (key, place, id)));
                searched = true;
            }
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    if let (Some(error), false) = (refusal, searched) {
        return Err(error);
    }
    if query.sort_by.is_some() {
        sort::sort(&mut found, query.sort_order);
    }
    let skip = usize::try_from(query.start_index.saturating_sub(1)).unwrap_or(usize::MAX);
    let count = usize::try_from(query.count).unwrap_or(usize::MAX);
    let mut resources = Vec::new();
    for (_, place, id) in found.iter().skip(skip).take(count) {
        let Some(Listed { view, projection }) = types.get(*place) else { continue };
        if let Some(record) = directory::load(read, view.resource_type, *id).await? {
            resources.push(view.answer(read, &record, projection).await?);
        }
    }
    Ok((u64::try_from(found.len()).unwrap_or(u64::MAX), resources))
}

struct Search<'a, R> {
    read: &'a R,
    view: &'a View<'a>,
    filter: Option<Filter>,
    sort_by: Option<sort::SortBy>,
    limits: &'a Limits,
    found: Vec<(Option<SortKey>, ResourceId)>,
}

impl<'a, R: Read> Search<'a, R> {
    fn new(
        read: &'a R,
        view: &'a View<'a>,
        query: &ListQuery,
        limits: &'a Limits,
    ) -> Result<Self, Error> {
        let filter = query.filter.clone();
        let filter = filter.map(|f| matching::resolve(f, view.resource_type)).transpose()?;
        let sort_by = query.sort_by.as_ref();
        let sort_by =
            sort_by.map(|path| sort::SortBy::find(path, view.resource_type)).transpose()?;
        Ok(Self { read, view, filter, sort_by, limits, found: Vec::new() })
    }

    async fn run(&mut self) -> Result<(), Error> {
        let view = self.view;
        let plan =
            self.filter.as_ref().and_then(|f| plan::plan(f, view.resource_type, view.domain));
        if let Some(plan) = plan {
            for id in plan::candidates(self.read, &plan, self.limits.scan_resources).await? {
                if let Some(record) = directory::load(self.read, view.resource_type, id).await? {
                    self.consider(&record).await?;
                }
            }
            return Ok(());
        }
        if directory::count(self.read, view.resource_type).await? > self.limits.scan_resources {
            return Err(plan::too_many());
        }
        let mut seen = 0;
        loop {
            let page = directory::page(self.read, view.resource_type, seen, SCAN_PAGE).await?;
            for record in &page {
                self.consider(record).await?;
            }
            seen += u64::try_from(page.len()).unwrap_or(u64::MAX);
            if page.len() < SCAN_PAGE {
                return Ok(());
            }
        }
    }

    async fn consider(&mut self, record: &Record) -> Result<(), Error> {
        let mut resource = self.view.attributes(record);
        let is_match = match &self.filter {
            None => true,
            Some(filter) => {
                for attribute in ["members", "groups"] {
                    let asked = Memberships::asked(filter, attribute);
                    self.fill(&mut resource, attribute, &asked, record).await?;
                }
                let resource = Value::Object(resource.clone());
                matching::matches(filter, self.view.resource_type, &resource)
            }
        };
        if is_match {
            let key = self.sort_by.as_ref().and_then(|sort_by| sort_by.key(&resource));
            self.found.push((key, record.id));
        }
        Ok(())
    }

    /// Puts as much of a membership list into the resource as the filter needs to be judged.
    async fn fill(
        &self,
        resource: &mut Object,
        attribute: &'static str,
        asked: &Memberships,
        record: &Record,
    ) -> Result<(), Error> {
        let of_group = attribute == "members";
        if of_group != (&*self.view.resource_type.name == "Group") {
            return Ok(());
        }
        let list: Vec<Value> = match asked {
            Memberships::None => return Ok(()),
            Memberships::All if of_group => self.view.members(self.read, record.id).await?,
            Memberships::All => self.view.groups(self.read, record.id).await?,
            Memberships::Only(values) => {
                let mut list = Vec::new();
                for value in values {
                    let Some(other) = ResourceId::parse(value) else { continue };
                    let (group, member) =
                        if of_group { (record.id, other) } else { (other, record.id) };
                    if members::contains(self.read, group, member).await? {
                        list.push(json!({"value": value}));
                    }
                }
                list
            }
        };
        resource.insert(String::from(attribute), list.into());
        Ok(())
    }
}
