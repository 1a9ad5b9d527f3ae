//! How a list would be read: what its filter and its order cost (RFC 7644 §3.4.2).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::config::{Config, OPERATOR};
use super::plan::{self, Plan, Planner};
use super::search::Search;
use super::sort::SortBy;
use super::view::{NAMES_IN_LIST, View};
use crate::protocol::Error;
use crate::protocol::filter::{self, Filter, FilterError};
use crate::protocol::path::AttrPath;
use crate::resource::matching;
use crate::schema::ResourceType;
use crate::store::index::{Index, indexes};
use crate::store::stretch::Stretch;
use crate::store::{Read, StoreError, directory, upkeep};

/// How the resources of a list are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Matches and order are those of one index: the total comes from counts, the page from
    /// positions, and nothing but the page is read.
    Index(Access),
    /// Each resource is looked at, in the order of an index.
    Scan(Access),
    /// What this finds is looked at, and sorted in memory.
    Candidates(Access),
    /// Each resource is looked at, and the matches are sorted in memory.
    All,
}

/// Where candidates come from. Numbers are those of the store, if one was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// There can be none.
    Nothing,
    /// The resource of that id.
    Id,
    /// A range of an index.
    Range {
        /// The attribute.
        attribute: String,
        /// Whether the entries are exactly the matches.
        is_exact: bool,
        /// How many there are.
        entries: Option<u64>,
    },
    /// The members of a group, and of the groups in it.
    MembersBelow,
    /// What one of these finds.
    Any(Vec<Self>),
    /// What all of these find; the one that finds least comes first.
    Every(Vec<Self>),
}

/// How a list would be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Name of the resource type.
    pub resource_type: String,
    /// How its resources are found.
    pub way: Way,
    /// The terms of the filter that no index serves.
    pub unserved: Vec<String>,
    /// Attributes whose index is not complete, and so not used.
    pub incomplete: Vec<String>,
    /// Resources that may be looked at.
    pub limit: u64,
    /// How many resources of the type there are, if a store was looked at.
    pub resources: Option<u64>,
    /// How many would be looked at, if a store was looked at.
    pub looked_at: Option<u64>,
}

/// Explains a list of the type of that name: with `read`, on the indexes that this tree has, and
/// with numbers; without it, as if all indexes of the configuration were complete.
///
/// # Errors
/// `invalidFilter`, `invalidPath` for the order, 404 for the type; as [`Read`].
pub async fn explain(
    config: &Config,
    resource_type: &str,
    filter: Option<&str>,
    sort_by: Option<&str>,
    read: Option<&impl Read>,
) -> Result<Explanation, Error> {
    let no_type = || Error::not_found("there is no such resource type");
    let resource_type = config.catalog.by_name(resource_type).ok_or_else(no_type)?;
    let filter = filter.map(|text| filter::parse(text, &config.limits)).transpose();
    let filter = filter.map_err(FilterError::in_filter)?;
    let filter = filter.map(|filter| matching::resolve(filter, resource_type)).transpose()?;
    let sort_by = sort_by.map(AttrPath::parse).transpose().map_err(FilterError::in_path)?;
    let sort_by = sort_by.map(|path| SortBy::find(&path, resource_type)).transpose()?;
    let view = View {
        catalog: &config.catalog,
        resource_type,
        domain: OPERATOR,
        base: "",
        nested_groups: config.nested_groups,
        names: NAMES_IN_LIST,
        members: config.limits.members_shown,
    };
    let (usable, incomplete) = match read {
        None => (indexes(resource_type), Vec::new()),
        Some(read) => on_tree(read, resource_type).await?,
    };
    let planner = Planner { view: &view, indexes: &usable };
    let mut unserved = Vec::new();
    if let Some(filter) = &filter {
        note_unserved(filter, &planner, &mut unserved);
    }
    let search = Search::new(0, view, filter, sort_by, &usable);
    let (way, looked_at) = way(&search, read).await?;
    let resources = match read {
        Some(read) => Some(directory::count(read, resource_type).await?),
        None => None,
    };
    Ok(Explanation {
        resource_type: resource_type.name.to_string(),
        way,
        unserved,
        incomplete,
        limit: config.limits.scan_resources,
        looked_at: looked_at.or(resources).zip(resources).map(|(some, all)| some.min(all)),
        resources,
    })
}

/// The indexes that a tree can use, and those that it cannot yet.
async fn on_tree<'a>(
    read: &impl Read,
    resource_type: &'a ResourceType,
) -> Result<(Vec<Index<'a>>, Vec<String>), StoreError> {
    let usable = upkeep::usable(read, resource_type).await?;
    let missing = indexes(resource_type).into_iter().filter(|index| !usable.contains(index));
    let missing = missing.map(|index| index.name()).collect();
    Ok((usable, missing))
}

/// The way of a search, and how many resources are looked at, if that is not all.
async fn way(
    search: &Search<'_>,
    read: Option<&impl Read>,
) -> Result<(Way, Option<u64>), StoreError> {
    Ok(match (search.lane(), &search.plan) {
        (Some((stretch, false)), _) if stretch == Stretch::none() => {
            (Way::Index(Access::Nothing), Some(0))
        }
        (Some((stretch, false)), _) => (Way::Index(range(&stretch, read).await?), Some(0)),
        (Some((stretch, true)), _) => (Way::Scan(range(&stretch, read).await?), None),
        (None, Some(plan)) => {
            let looked_at = match read {
                Some(read) => Some(plan::estimate(read, plan).await?),
                None => None,
            };
            (Way::Candidates(access(plan, read).await?), looked_at)
        }
        (None, None) => (Way::All, None),
    })
}

async fn range(stretch: &Stretch, read: Option<&impl Read>) -> Result<Access, StoreError> {
    let entries = match read {
        Some(read) => Some(stretch.count(read).await?),
        None => None,
    };
    let attribute = stretch.index.clone();
    Ok(Access::Range { attribute, is_exact: stretch.is_exact, entries })
}

fn access<'a>(plan: &'a Plan, read: Option<&'a impl Read>) -> plan::Boxed<'a, Access, StoreError> {
    alloc::boxed::Box::pin(async move {
        Ok(match plan {
            Plan::Nothing => Access::Nothing,
            Plan::Id(_) => Access::Id,
            Plan::Stretch(stretch) => range(stretch, read).await?,
            Plan::MembersBelow(_) => Access::MembersBelow,
            Plan::Any(plans) => Access::Any(all(plans, read).await?),
            Plan::Every(plans) => {
                let mut ranked: Vec<&Plan> = plans.iter().collect();
                if let Some(read) = read {
                    let mut counted = Vec::with_capacity(plans.len());
                    for plan in plans {
                        counted.push((plan::estimate(read, plan).await?, plan));
                    }
                    counted.sort_by_key(|(count, _)| *count);
                    ranked = counted.into_iter().map(|(_, plan)| plan).collect();
                }
                Access::Every(all(ranked, read).await?)
            }
        })
    })
}

async fn all<'a>(
    plans: impl IntoIterator<Item = &'a Plan>,
    read: Option<&'a impl Read>,
) -> Result<Vec<Access>, StoreError> {
    let mut found = Vec::new();
    for plan in plans {
        found.push(access(plan, read).await?);
    }
    Ok(found)
}

/// The terms that have no plan of their own.
fn note_unserved(filter: &Filter, planner: &Planner<'_>, out: &mut Vec<String>) {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => {
            for term in terms {
                note_unserved(term, planner, out);
            }
        }
        term if planner.plan(term).is_none() => out.push(term.to_string()),
        _ => {}
    }
}
