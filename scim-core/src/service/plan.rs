//! From a filter to the look-ups that serve it (RFC 7644 §3.4.2.2).

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::nested;
use super::view::View;
use crate::protocol::Error;
use crate::protocol::filter::{CompareOp, Filter, Literal};
use crate::store::directory::{self, Lookup};
use crate::store::keys::ResourceId;
use crate::store::{Read, members};

/// How the candidates of a filter are found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plan {
    /// The one resource of that id.
    Id(Option<ResourceId>),
    /// An index.
    Index(Lookup),
    /// The groups that have this member.
    GroupsOf(Option<ResourceId>),
    /// The members of this group.
    MembersOf(Option<ResourceId>),
    /// The members of this group and of the groups in it, however deep.
    MembersBelow(Option<ResourceId>),
    /// All that one of these finds.
    Any(Vec<Self>),
}

/// The best plan for a resolved filter; `None` means that every resource must be looked at.
pub(super) fn plan(filter: &Filter, view: &View<'_>) -> Option<Plan> {
    match filter {
        Filter::And(terms) => terms.iter().filter_map(|term| plan(term, view)).min_by_key(cost),
        Filter::Or(terms) => {
            let plans = terms.iter().map(|term| plan(term, view));
            plans.collect::<Option<Vec<Plan>>>().map(Plan::Any)
        }
        Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(value) }
            if path.urn.is_none() =>
        {
            equality(view, &path.name, path.sub.as_deref(), value)
        }
        Filter::ValuePath { path, filter } if path.urn.is_none() => {
            let value = value_of_element(filter)?;
            equality(view, &path.name, Some("value"), value)
        }
        _ => None,
    }
}

fn equality(view: &View<'_>, attribute: &str, sub: Option<&str>, value: &str) -> Option<Plan> {
    let names_value = sub.is_none_or(|sub| sub == "value");
    match (&*view.resource_type.name, attribute) {
        (_, "id") => Some(Plan::Id(ResourceId::parse(value))),
        ("Group", "members") if names_value => Some(Plan::GroupsOf(ResourceId::parse(value))),
        ("User", "groups") if names_value => {
            let group = ResourceId::parse(value);
            Some(if view.nested_groups {
                Plan::MembersBelow(group)
            } else {
                Plan::MembersOf(group)
            })
        }
        _ => directory::lookup(view.resource_type, view.domain, attribute, sub, value)
            .map(Plan::Index),
    }
}

/// The `value eq "…"` that every element selected by an inner filter satisfies.
fn value_of_element(filter: &Filter) -> Option<&str> {
    match filter {
        Filter::And(terms) => terms.iter().find_map(value_of_element),
        Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(value) }
            if path.name == "value" && path.sub.is_none() =>
        {
            Some(value)
        }
        _ => None,
    }
}

/// How many resources a plan is likely to look at, as a rank.
fn cost(plan: &Plan) -> u8 {
    match plan {
        Plan::Id(_) => 0,
        Plan::Index(Lookup::Unique(_)) => 1,
        Plan::Index(Lookup::Range(_)) => 2,
        Plan::GroupsOf(_) => 3,
        Plan::Any(_) => 4,
        Plan::MembersOf(_) => 5,
        Plan::MembersBelow(_) => 6,
    }
}

/// The ids that a plan finds, in their order; more than `limit` are refused.
pub(super) async fn candidates(
    read: &impl Read,
    plan: &Plan,
    limit: u64,
) -> Result<BTreeSet<ResourceId>, Error> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = BTreeSet::new();
    let mut open = Vec::from([plan]);
    while let Some(plan) = open.pop() {
        match plan {
            Plan::Any(plans) => open.extend(plans),
            Plan::Id(id) => found.extend(*id),
            Plan::Index(lookup) => {
                found.extend(directory::find(read, lookup, most.saturating_add(1)).await?);
            }
            Plan::GroupsOf(Some(member)) => found.extend(members::groups_of(read, *member).await?),
            Plan::MembersOf(Some(group)) => {
                found.extend(members::of_group(read, *group).await?.into_iter().map(|m| m.id));
            }
            Plan::MembersBelow(Some(group)) => {
                found.extend(nested::members_below(read, *group, most).await?);
            }
            Plan::GroupsOf(None) | Plan::MembersOf(None) | Plan::MembersBelow(None) => {}
        }
        if found.len() > most {
            return Err(too_many());
        }
    }
    Ok(found)
}

/// The refusal of a filter that would look at too much.
pub(super) fn too_many() -> Error {
    Error::too_many("the filter selects too much; name an indexed attribute with `eq`")
}

/// What a filter asks of a list of memberships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Memberships {
    /// Nothing.
    None,
    /// Whether these are among them.
    Only(Vec<String>),
    /// Everything.
    All,
}

impl Memberships {
    /// What `filter` asks of the attribute of that name.
    pub(super) fn asked(filter: &Filter, attribute: &str) -> Self {
        match filter {
            Filter::And(terms) | Filter::Or(terms) => {
                let asked = terms.iter().map(|term| Self::asked(term, attribute));
                asked.fold(Self::None, Self::join)
            }
            Filter::Not(inner) => Self::asked(inner, attribute),
            Filter::Compare { path, .. }
            | Filter::Present(path)
            | Filter::ValuePath { path, .. }
                if path.urn.is_some() || path.name != attribute =>
            {
                Self::None
            }
            Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(value) }
                if path.sub.as_deref().is_none_or(|sub| sub == "value") =>
            {
                Self::Only(Vec::from([value.clone()]))
            }
            Filter::ValuePath { filter, .. } => match &**filter {
                Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(value) }
                    if path.name == "value" =>
                {
                    Self::Only(Vec::from([value.clone()]))
                }
                _ => Self::All,
            },
            Filter::Compare { .. } | Filter::Present(_) => Self::All,
        }
    }

    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, one) | (one, Self::None) => one,
            (Self::Only(mut some), Self::Only(more)) => {
                some.extend(more);
                Self::Only(some)
            }
            (Self::All, _) | (_, Self::All) => Self::All,
        }
    }
}
