//! Lists: filters that an application lacks, and pages that it does not make (R5, R6, A1;
//! RFC 7644 §3.4.2).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::Answer;
use super::session::{Call, Session, collection};
use crate::port::{Clock, Upstream};
use crate::protocol::filter::{CompareOp, Filter, Literal};
use crate::protocol::json::Object;
use crate::protocol::path::AttrPath;
use crate::protocol::query::{ListQuery, parameter};
use crate::protocol::{Error, message};
use crate::resource::{Projection, matching};
use crate::schema::ResourceType;
use crate::upstream::answer::Page;
use crate::upstream::filter::{Narrowed, id_of, mentions, narrow};
use crate::upstream::profile::PagingStyle;

/// Which resources are asked for.
struct Wanted {
    filter: Option<String>,
    /// Parameters that go with every page.
    also: Vec<(String, String)>,
    /// The list is refused if there are more.
    most: Option<u64>,
}

impl<U: Upstream, C: Clock> Session<'_, U, C> {
    pub(super) async fn list(
        &mut self,
        resource_type: &ResourceType,
        query: &[(String, String)],
    ) -> Result<Answer, Error> {
        let limits = &self.gateway.limits;
        let wanted = ListQuery::parse(query, limits)?;
        let projection = Projection::of_query(query, resource_type, limits)?;
        if wanted.cursor.is_some() {
            return Err(Error::invalid_value("paging by cursor is not supported here"));
        }
        let mut also = Vec::new();
        let mut take = |names: &[&str]| {
            let given = names.iter().filter_map(|name| Some((*name, parameter(query, name)?)));
            also.extend(given.map(|(name, value)| (name.to_string(), value.to_string())));
        };
        if self.gateway.profile.projection {
            take(&["attributes", "excludedAttributes"]);
        }
        if self.gateway.profile.sort {
            take(&["sortBy", "sortOrder"]);
        } else if wanted.sort_by.is_some() {
            self.note("unsorted", "");
        }
        let (start, count) = (wanted.start_index, wanted.count);
        let page = self.select(resource_type, wanted.filter, also, start, count).await?;
        let shape = self.shape(resource_type);
        let shown = |resource| Value::Object(shape.projected(resource, &projection));
        let resources: Vec<Value> = page.resources.into_iter().map(shown).collect();
        Ok(Answer::new(200, Some(message::list_response(page.total, start, &resources))))
    }

    /// The first resource whose attribute has a value.
    pub(super) async fn find(
        &mut self,
        resource_type: &ResourceType,
        attribute: &str,
        value: &str,
    ) -> Result<Option<Object>, Error> {
        let path = AttrPath { urn: None, name: attribute.to_string(), sub: None };
        let value = Literal::String(value.to_string());
        let filter = Filter::Compare { path, op: CompareOp::Eq, value };
        let page = self.select(resource_type, Some(filter), Vec::new(), 1, 1).await?;
        Ok(page.resources.into_iter().next())
    }

    async fn select(
        &mut self,
        resource_type: &ResourceType,
        filter: Option<Filter>,
        also: Vec<(String, String)>,
        start: u64,
        count: u64,
    ) -> Result<Page, Error> {
        let gateway = self.gateway;
        let known = gateway.profile.resource(&resource_type.endpoint);
        let Some(asked) = filter else {
            let wanted = Wanted { filter: None, also, most: None };
            return self.window(resource_type, &wanted, start, count).await;
        };
        let (filter, narrowed) = match matching::resolve(asked.clone(), resource_type) {
            Ok(filter) => {
                let narrowed = narrow(&known.filters, &filter);
                (filter, narrowed)
            }
            // An attribute of a schema that is not known here may be one of the application's.
            Err(_) if known.filters.attributes.is_all() => {
                (asked.clone(), Some(Narrowed { filter: asked, exact: true }))
            }
            Err(error) => return Err(error),
        };
        if mentions(&filter, &known.hides) {
            let text = "the filter names an attribute that the application does not tell";
            return Err(Error::invalid_filter(text));
        }
        let narrowed = match narrowed {
            Some(Narrowed { filter, exact: true }) => {
                let wanted = Wanted { filter: Some(filter.to_string()), also, most: None };
                return self.window(resource_type, &wanted, start, count).await;
            }
            narrowed => narrowed.map(|narrowed| narrowed.filter.to_string()),
        };
        let candidates = if let Some(id) = id_of(&filter) {
            match self.fetch(resource_type, id).await {
                Ok((resource, _)) => Vec::from([resource]),
                Err(error) if error.status() == 404 => Vec::new(),
                Err(error) => return Err(error),
            }
        } else {
            self.note("scan", "");
            let most = gateway.bounds.scan_resources;
            let wanted = Wanted { filter: narrowed, also: Vec::new(), most: Some(most) };
            self.window(resource_type, &wanted, 1, most).await?.resources
        };
        let matches = |resource: &Object| {
            matching::matches(&filter, resource_type, &Value::Object(resource.clone()))
        };
        let found: Vec<Object> = candidates.into_iter().filter(matches).collect();
        let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
        Ok(Page { total, resources: cut(found, start - 1, count) })
    }

    /// The resources from number `start` on, at most `count`, in as many pages as it takes.
    async fn window(
        &mut self,
        resource_type: &ResourceType,
        wanted: &Wanted,
        start: u64,
        count: u64,
    ) -> Result<Page, Error> {
        match &self.gateway.profile.paging.style {
            PagingStyle::Index => self.by_index(resource_type, wanted, start, count).await,
            PagingStyle::Whole => {
                let mut page = self.page(resource_type, wanted, Vec::new()).await?;
                page.resources = cut(page.resources, start - 1, count);
                Ok(page)
            }
            PagingStyle::Page { parameter, size, times_size } => {
                let factor = |size: u64| if *times_size { size } else { 1 };
                let asked = |number: u64, size: u64| {
                    let value = number.saturating_mul(factor(size)).to_string();
                    Vec::from([(parameter.clone(), value)])
                };
                // The first page tells the total: past the end there may be an error.
                let first = self.page(resource_type, wanted, asked(1, *size)).await?;
                let seen = u64::try_from(first.resources.len()).unwrap_or(u64::MAX);
                let total = first.total;
                if total <= seen || seen == 0 {
                    return Ok(Page { total, resources: cut(first.resources, start - 1, count) });
                }
                let (size, mut resources) = (seen, Vec::new());
                let from = (start - 1) / size;
                let end = total.min((start - 1).saturating_add(count));
                let to = end.div_ceil(size).max(from);
                let mut first = Some(first.resources);
                for number in from..to {
                    if let Some(all) = first.take_if(|_| number == 0) {
                        resources.extend(all);
                    } else {
                        let asked = asked(number + 1, size);
                        resources.extend(self.page(resource_type, wanted, asked).await?.resources);
                    }
                }
                Ok(Page { total, resources: cut(resources, (start - 1) - from * size, count) })
            }
        }
    }

    async fn by_index(
        &mut self,
        resource_type: &ResourceType,
        wanted: &Wanted,
        start: u64,
        count: u64,
    ) -> Result<Page, Error> {
        let paging = &self.gateway.profile.paging;
        let asked = |start: u64, count: u64| {
            let numbers = [("startIndex", start), ("count", count)];
            numbers.map(|(name, number)| (name.to_string(), number.to_string())).to_vec()
        };
        if count == 0 {
            let least = u64::from(!paging.zero_count);
            let mut page = self.page(resource_type, wanted, asked(start, least)).await?;
            page.resources.clear();
            return Ok(page);
        }
        let most = paging.max_count.unwrap_or(u64::MAX);
        let mut all = Page::default();
        loop {
            let got = u64::try_from(all.resources.len()).unwrap_or(u64::MAX);
            let next = start.saturating_add(got);
            let ask = asked(next, (count - got).min(most).min(self.gateway.limits.page_resources));
            let page = self.page(resource_type, wanted, ask).await?;
            let seen = u64::try_from(page.resources.len()).unwrap_or(u64::MAX);
            all.total = page.total;
            all.resources.extend(cut(page.resources, 0, count - got));
            if seen == 0 || got + seen >= count || next.saturating_add(seen) > page.total {
                return Ok(all);
            }
        }
    }

    async fn page(
        &mut self,
        resource_type: &ResourceType,
        wanted: &Wanted,
        mut query: Vec<(String, String)>,
    ) -> Result<Page, Error> {
        if self.calls == 0 {
            return Err(too_many());
        }
        query.extend(wanted.filter.iter().map(|filter| ("filter".to_string(), filter.clone())));
        query.extend(wanted.also.iter().cloned());
        let endpoint = collection(resource_type);
        let reply = self.call(Call { query, ..Call::new("list", "GET", &endpoint) }).await?;
        let page = self.shape(resource_type).page(&reply)?;
        if wanted.most.is_some_and(|most| page.total > most) {
            return Err(too_many());
        }
        Ok(page)
    }
}

fn too_many() -> Error {
    Error::too_many("the application does not know this filter, and has too many resources")
}

fn cut(resources: Vec<Object>, skip: u64, count: u64) -> Vec<Object> {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    resources.into_iter().skip(number(skip)).take(number(count)).collect()
}
