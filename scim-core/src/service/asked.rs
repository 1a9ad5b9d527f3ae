//! What a filter asks of a list of memberships, so that no more of it is read.

use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::filter::{CompareOp, Filter, Literal};

/// What a filter asks of a list of memberships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Memberships {
    /// Nothing.
    None,
    /// Whether there are any.
    Any,
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
            Filter::Present(path) if path.sub.as_deref().is_none_or(|sub| sub == "value") => {
                Self::Any
            }
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
            (Self::Any, Self::Any) => Self::Any,
            // If some are asked for, these may be missing although there are others.
            _ => Self::All,
        }
    }
}
