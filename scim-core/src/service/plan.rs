//! From a filter to the look-ups that serve it (RFC 7644 §3.4.2.2).

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::pin::Pin;

use serde_json::Value;

use super::nested;
use super::view::View;
use crate::protocol::Error;
use crate::protocol::filter::{CompareOp, Filter, Literal};
use crate::protocol::path::AttrPath;
use crate::store::index::Index;
use crate::store::keys::ResourceId;
use crate::store::stretch::{self, Stretch};
use crate::store::{Read, StoreError};

/// Candidates whose number is not worth the reading of another index.
const FEW: usize = 16;
/// Index entries that cost about as much to read as one resource: a node holds up to 64.
const ENTRIES_PER_RESOURCE: u64 = 16;

/// How the candidates of a filter are found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plan {
    /// There are none.
    Nothing,
    /// The one resource of that id.
    Id(ResourceId),
    /// The entries of an index.
    Stretch(Stretch),
    /// The members of this group and of the groups in it, however deep.
    MembersBelow(ResourceId),
    /// What one of these finds.
    Any(Vec<Self>),
    /// What all of these find.
    Every(Vec<Self>),
}

/// What a plan is made for: one resource type, and the indexes of it that can be used.
#[derive(Clone, Copy)]
pub(super) struct Planner<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) indexes: &'a [Index<'a>],
}

impl Planner<'_> {
    /// The best plan for a resolved filter; `None` means that every resource must be looked at.
    pub(super) fn plan(&self, filter: &Filter) -> Option<Plan> {
        match filter {
            Filter::And(terms) => every(terms.iter().map(|term| self.plan(term)).collect()),
            Filter::Or(terms) => any(terms.iter().map(|term| self.plan(term)).collect()),
            Filter::Compare { path, op, value } => self.comparison(path, *op, value),
            Filter::Present(path) => {
                let View { resource_type, domain, .. } = self.view;
                stretch::present(resource_type, self.indexes, domain, path).map(Plan::Stretch)
            }
            Filter::ValuePath { path, filter } => self.of_element(path, filter),
            Filter::Not(_) => None,
        }
    }

    fn comparison(&self, path: &AttrPath, op: CompareOp, literal: &Literal) -> Option<Plan> {
        let View { resource_type, domain, .. } = self.view;
        if let (None, CompareOp::Eq, Literal::String(value)) = (&path.urn, op, literal)
            && let Some(plan) = self.identity(path, value)
        {
            return Some(plan);
        }
        let value = match literal {
            Literal::Null => return None,
            Literal::Bool(flag) => Value::from(*flag),
            Literal::Number(number) => Value::from(number.clone()),
            Literal::String(text) => Value::from(&**text),
        };
        let found = stretch::compared(resource_type, self.indexes, domain, path, op, &value);
        found.map(Plan::Stretch)
    }

    /// An equality with the id of a resource.
    fn identity(&self, path: &AttrPath, value: &str) -> Option<Plan> {
        let names_value = path.sub.as_deref().is_none_or(|sub| sub == "value");
        let id = ResourceId::parse(value);
        let found = match (&*self.view.resource_type.name, &*path.name) {
            (_, "id") => id.map(Plan::Id),
            ("Group", "members") if names_value => {
                id.map(|member| Plan::Stretch(Stretch::groups_of(member)))
            }
            ("User", "groups") if names_value => id.map(|group| {
                if self.view.nested_groups {
                    Plan::MembersBelow(group)
                } else {
                    Plan::Stretch(Stretch::members_of(group))
                }
            }),
            _ => return None,
        };
        Some(found.unwrap_or(Plan::Nothing))
    }

    /// What elements must have that an inner filter selects: one of several conditions on one
    /// element does not say that the others hold for the same.
    fn of_element(&self, path: &AttrPath, filter: &Filter) -> Option<Plan> {
        match filter {
            Filter::And(terms) => {
                let plans = terms.iter().map(|term| self.of_element(path, term));
                every(plans.collect()).map(Plan::loosened)
            }
            Filter::Or(terms) => {
                any(terms.iter().map(|term| self.of_element(path, term)).collect())
            }
            Filter::Compare { path: inner, op, value } if inner.sub.is_none() => {
                // An attribute that is not complex goes by the name `value` in its own brackets.
                let own = AttrPath { sub: None, ..path.clone() };
                let sub = AttrPath { sub: Some(inner.name.clone()), ..path.clone() };
                let simple = || (inner.name == "value").then(|| self.comparison(&own, *op, value));
                self.comparison(&sub, *op, value).or_else(|| simple().flatten())
            }
            _ => None,
        }
    }
}

/// The plan for terms that must all hold; those without a plan are left to be checked.
fn every(plans: Vec<Option<Plan>>) -> Option<Plan> {
    let is_whole = plans.iter().all(Option::is_some);
    let mut merged: Vec<Plan> = Vec::new();
    for plan in plans.into_iter().flatten() {
        if plan == Plan::Nothing {
            return Some(plan);
        }
        let same = merged.iter_mut().find_map(|one| match (&*one, &plan) {
            (Plan::Stretch(one_stretch), Plan::Stretch(other)) => {
                one_stretch.both(other).map(|both| (one, both))
            }
            _ => None,
        });
        match same {
            Some((one, both)) => *one = Plan::Stretch(both),
            None => merged.push(plan),
        }
    }
    match (merged.len(), merged.pop()) {
        (_, None) => None,
        (1, Some(only)) => Some(if is_whole { only } else { only.loosened() }),
        (_, Some(last)) => {
            merged.push(last);
            Some(Plan::Every(merged))
        }
    }
}

/// The plan for terms of which one must hold, if each has one.
fn any(plans: Vec<Option<Plan>>) -> Option<Plan> {
    let mut plans: Vec<Plan> = plans.into_iter().collect::<Option<_>>()?;
    plans.retain(|plan| *plan != Plan::Nothing);
    match plans.pop() {
        None => Some(Plan::Nothing),
        Some(only) if plans.is_empty() => Some(only),
        Some(last) => {
            plans.push(last);
            Some(Plan::Any(plans))
        }
    }
}

impl Plan {
    /// The same for a filter that asks for more.
    fn loosened(self) -> Self {
        match self {
            Self::Stretch(stretch) => Self::Stretch(Stretch { is_exact: false, ..stretch }),
            other => other,
        }
    }

    /// The entries that are the filter's matches, each once.
    pub(super) fn exact(&self) -> Option<&Stretch> {
        match self {
            Self::Stretch(stretch) if stretch.is_exact && stretch.is_distinct => Some(stretch),
            _ => None,
        }
    }
}

/// A future that can wait for itself.
pub(super) type Boxed<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + 'a>>;

/// How many resources a plan is likely to find, at most.
pub(super) fn estimate<'a>(read: &'a impl Read, plan: &'a Plan) -> Boxed<'a, u64, StoreError> {
    Box::pin(async move {
        Ok(match plan {
            Plan::Nothing => 0,
            Plan::Id(_) => 1,
            Plan::Stretch(stretch) => stretch.count(read).await?,
            // The groups in it may have any number.
            Plan::MembersBelow(_) => u64::MAX,
            Plan::Any(plans) => {
                let mut sum: u64 = 0;
                for plan in plans {
                    sum = sum.saturating_add(estimate(read, plan).await?);
                }
                sum
            }
            Plan::Every(plans) => {
                let mut least = u64::MAX;
                for plan in plans {
                    least = least.min(estimate(read, plan).await?);
                }
                least
            }
        })
    })
}

/// The ids that a plan finds, in their order; more than `limit` are refused. All matches are among
/// them.
pub(super) fn candidates<'a>(
    read: &'a impl Read,
    plan: &'a Plan,
    limit: u64,
) -> Boxed<'a, BTreeSet<ResourceId>, Error> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    Box::pin(async move {
        let mut found = BTreeSet::new();
        match plan {
            Plan::Nothing => {}
            Plan::Id(id) => found.extend([*id]),
            Plan::Stretch(stretch) => {
                found.extend(stretch.ids(read, most.saturating_add(1)).await?);
            }
            Plan::MembersBelow(group) => {
                found.extend(nested::members_below(read, *group, most).await?);
            }
            Plan::Any(plans) => {
                for plan in plans {
                    found.extend(candidates(read, plan, limit).await?);
                }
            }
            Plan::Every(plans) => found = common(read, plans, limit).await?,
        }
        if found.len() > most {
            return Err(too_many());
        }
        Ok(found)
    })
}

/// What several plans find: the one that finds least, and of the others those that cost less than to
/// look at what they would rule out.
async fn common(
    read: &impl Read,
    plans: &[Plan],
    limit: u64,
) -> Result<BTreeSet<ResourceId>, Error> {
    let mut ranked = Vec::with_capacity(plans.len());
    for plan in plans {
        ranked.push((estimate(read, plan).await?, plan));
    }
    ranked.sort_by_key(|(estimate, _)| *estimate);
    let mut ranked = ranked.into_iter();
    let Some((_, best)) = ranked.next() else { return Ok(BTreeSet::new()) };
    let mut found = candidates(read, best, limit).await?;
    for (estimate, plan) in ranked {
        let worth = u64::try_from(found.len()).unwrap_or(u64::MAX);
        if found.len() <= FEW || estimate > worth.saturating_mul(ENTRIES_PER_RESOURCE) {
            break;
        }
        let others = candidates(read, plan, estimate).await?;
        found.retain(|id| others.contains(id));
    }
    Ok(found)
}

/// The refusal of a filter that would look at too much.
pub(super) fn too_many() -> Error {
    Error::too_many("the filter selects too much; add a term on an indexed attribute")
}
