//! Which resources of one type a filter selects (RFC 7644 §3.4.2.2).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::asked::Memberships;
use super::nested;
use super::plan::{self, Plan, Planner};
use super::sort::{Place, SortBy};
use super::view::View;
use crate::protocol::Error;
use crate::protocol::filter::Filter;
use crate::protocol::json::Object;
use crate::resource::matching;
use crate::store::index::Index;
use crate::store::keys::ResourceId;
use crate::store::record::Record;
use crate::store::stretch::Stretch;
use crate::store::{Read, directory, members};

/// Resources read at once when all are looked at.
pub(super) const SCAN_PAGE: usize = 200;

/// A filter and an order, seen through one resource type.
pub(super) struct Search<'a> {
    /// The type's place in the list.
    pub(super) place: usize,
    pub(super) view: View<'a>,
    pub(super) filter: Option<Filter>,
    pub(super) sort_by: Option<SortBy>,
    /// How an index serves the filter, if one does.
    pub(super) plan: Option<Plan>,
    /// The entries that have all resources in the order wanted, if there are such.
    pub(super) sorted: Option<Stretch>,
}

impl<'a> Search<'a> {
    /// What a resolved filter and an order make of these indexes.
    pub(super) fn new(
        place: usize,
        view: View<'a>,
        filter: Option<Filter>,
        sort_by: Option<SortBy>,
        indexes: &[Index<'_>],
    ) -> Self {
        let planner = Planner { view: &view, indexes };
        let plan = filter.as_ref().and_then(|filter| planner.plan(filter));
        let sorted = match &sort_by {
            None => Some(Stretch::resources(view.resource_type)),
            Some(sort_by) => sort_by.stretch(view.resource_type, indexes),
        };
        Self { place, view, filter, sort_by, plan, sorted }
    }

    /// The entries that have the list in its order, and whether each of them must still be matched
    /// with the filter; `None` if the list must be collected and sorted.
    pub(super) fn lane(&self) -> Option<(Stretch, bool)> {
        let exact = match (&self.filter, &self.plan) {
            (None, _) => self.sorted.clone(),
            (Some(_), Some(Plan::Nothing)) => Some(Stretch::none()),
            (Some(_), plan) => plan.as_ref().and_then(Plan::exact).cloned(),
        };
        match (exact, &self.sorted) {
            (Some(exact), _) if self.sort_by.is_none() => Some((exact, false)),
            (Some(exact), Some(sorted)) if exact.both(sorted).as_ref() == Some(&exact) => {
                Some((exact, false))
            }
            (None, Some(sorted)) if self.plan.is_none() => Some((sorted.clone(), true)),
            _ => None,
        }
    }

    /// All resources that match, in no order.
    ///
    /// # Errors
    /// `tooMany` when more than `limit` resources would be looked at.
    pub(super) async fn all(&self, read: &impl Read, limit: u64) -> Result<Vec<Place>, Error> {
        let resource_type = self.view.resource_type;
        let mut found = Vec::new();
        let count = directory::count(read, resource_type).await?;
        if let Some(plan) = &self.plan
            && (count > limit || plan::estimate(read, plan).await? <= count)
        {
            for id in plan::candidates(read, plan, limit).await? {
                if let Some(record) = directory::load(read, resource_type, id).await? {
                    found.extend(self.consider(read, &record).await?);
                }
            }
            return Ok(found);
        }
        if count > limit {
            return Err(match self.filter {
                Some(_) => plan::too_many(),
                None => Error::too_many("too much to be sorted by an attribute without an index"),
            });
        }
        let mut seen = 0;
        loop {
            let page = directory::page(read, resource_type, seen, SCAN_PAGE).await?;
            for record in &page {
                found.extend(self.consider(read, record).await?);
            }
            seen += u64::try_from(page.len()).unwrap_or(u64::MAX);
            if page.len() < SCAN_PAGE {
                return Ok(found);
            }
        }
    }

    /// The record's place in the list, if it matches.
    async fn consider(&self, read: &impl Read, record: &Record) -> Result<Option<Place>, Error> {
        let resource = self.view.attributes(record);
        let key = self.sort_by.as_ref().and_then(|sort_by| sort_by.key(&resource));
        Ok(self.judge(read, record, resource).await?.then_some((key, self.place, record.id)))
    }

    /// Whether the record matches.
    pub(super) async fn matches(&self, read: &impl Read, record: &Record) -> Result<bool, Error> {
        self.judge(read, record, self.view.attributes(record)).await
    }

    async fn judge(
        &self,
        read: &impl Read,
        record: &Record,
        mut resource: Object,
    ) -> Result<bool, Error> {
        let Some(filter) = &self.filter else { return Ok(true) };
        for attribute in ["members", "groups"] {
            let asked = Memberships::asked(filter, attribute);
            self.fill(read, &mut resource, attribute, &asked, record).await?;
        }
        Ok(matching::matches(filter, self.view.resource_type, &Value::Object(resource)))
    }

    /// Puts as much of a membership list into the resource as the filter needs to be judged.
    async fn fill(
        &self,
        read: &impl Read,
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
            Memberships::Any if of_group => {
                let first = Stretch::members_of(record.id).ids(read, 1).await?;
                first.iter().map(|id| json!({"value": id.to_text()})).collect()
            }
            Memberships::All if of_group => self.view.members(read, record.id).await?,
            Memberships::Only(_) if !of_group && self.view.nested_groups => {
                let groups = nested::groups_of(read, record.id, true).await?;
                groups.iter().map(|found| json!({"value": found.group.to_text()})).collect()
            }
            Memberships::Any | Memberships::All => self.view.groups(read, record.id).await?,
            Memberships::Only(values) => {
                let mut list = Vec::new();
                for value in values {
                    let Some(other) = ResourceId::parse(value) else { continue };
                    let (group, member) =
                        if of_group { (record.id, other) } else { (other, record.id) };
                    if members::contains(read, group, member).await? {
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
