//! What an application accepts, what it does with it, and what its answers lack.
//!
//! A profile is data: the built-in ones are JSON documents in `profiles/`, and a configuration
//! names one of them, extends it, or says everything itself (`docs/upstreams.md`).

mod names;
mod read;

use alloc::string::String;
use alloc::vec::Vec;

pub use names::Names;

use crate::protocol::filter::CompareOp;
use crate::protocol::path::PatchPath;

/// Everything that is known of one application.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its name: that of the built-in profile it is or extends.
    pub name: String,
    /// The media type of bodies that are sent, and the one that is asked for.
    pub media_type: String,
    /// The discovery documents that it has; the others are made here.
    pub discovery: Vec<Document>,
    /// Whether its resources have entity tags, and writes honour `If-Match`.
    pub etag: bool,
    /// Whether lists are sorted as asked.
    pub sort: bool,
    /// Whether `attributes` and `excludedAttributes` are honoured.
    pub projection: bool,
    /// The member of a list that holds the resources; any letter case is read.
    pub list_key: String,
    /// How lists are paged.
    pub paging: Paging,
    /// How its errors are read.
    pub errors: Errors,
    /// What becomes of a change that it cannot make.
    pub unsupported: Unsupported,
    /// By endpoint.
    resources: Vec<(String, Resource)>,
    /// For every other endpoint.
    others: Resource,
}

/// A discovery document (RFC 7644 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `/ServiceProviderConfig`.
    ServiceProviderConfig,
    /// `/ResourceTypes`.
    ResourceTypes,
    /// `/Schemas`.
    Schemas,
}

/// How an application pages its lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// How a page is asked for.
    pub style: PagingStyle,
    /// Most resources of a page.
    pub max_count: Option<u64>,
    /// Whether `count=0` is answered by an empty page.
    pub zero_count: bool,
}

/// How a page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PagingStyle {
    /// By `startIndex` and `count` (RFC 7644 §3.4.2.4).
    Index,
    /// By the number of a page of a size that the application chooses.
    Page {
        /// The parameter.
        parameter: String,
        /// Resources on a page, as long as no answer tells.
        size: u64,
        /// Whether the parameter is the page's number times its size, not the number.
        times_size: bool,
    },
    /// Not at all: an answer holds everything.
    Whole,
}

/// How errors are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    /// Statuses that say that the credential is no good.
    pub unauthorized: Vec<u64>,
    /// Texts by which a 5xx is told to be a conflict.
    pub conflict: Vec<String>,
    /// Texts by which a 5xx is told to be a fault of the request.
    pub invalid: Vec<String>,
}

/// What becomes of a change that an application cannot make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// It is left out, and the answer shows what is stored.
    Ignore,
    /// The request is refused.
    Refuse,
}

/// One resource type of an application.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// The path below the SCIM root.
    pub path: String,
    /// Which filters are understood.
    pub filters: Filters,
    /// Which PATCH operations are understood.
    pub patch: Patch,
    /// What PUT writes.
    pub put: Put,
    /// What POST does.
    pub create: Create,
    /// What DELETE is answered with, unless the policy says otherwise.
    pub delete: Delete,
    /// What a body must hold, and what it is filled from.
    pub required: Vec<Fill>,
    /// Attributes that are never sent.
    pub drops: Names,
    /// Attributes that answers get from others.
    pub answer: Vec<Fill>,
    /// Attributes that exist, but that no answer holds.
    pub hides: Names,
}

/// Which filters are understood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the language by itself")]
pub struct Filters {
    /// The attributes.
    pub attributes: Names,
    /// The operators.
    pub operators: Vec<CompareOp>,
    /// Whether `pr` is.
    pub present: bool,
    /// Whether `and` is.
    pub and: bool,
    /// Whether `or` is.
    pub or: bool,
    /// Whether `not` is.
    pub not: bool,
    /// Whether `attribute[…]` is.
    pub value_paths: bool,
    /// The application's names for attributes.
    pub names: Vec<(String, String)>,
    /// Text that a value must hold to be understood, by attribute.
    pub needs: Vec<(String, String)>,
}

/// Which PATCH operations are understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Attributes that can be added to.
    pub add: Names,
    /// Attributes that can be replaced.
    pub replace: Names,
    /// Attributes that can be removed.
    pub remove: Names,
    /// Which filters may stand in a path.
    pub path_filters: PathFilters,
    /// How elements to remove are named.
    pub removes_by: RemovesBy,
    /// Whether `replace` of a whole list works.
    pub replaces_lists: bool,
    /// Whether a `replace` whose filter selects nothing makes the element.
    pub creates_elements: bool,
    /// Whether a list without a filter can be removed.
    pub removes_lists: bool,
}

/// Which filters may stand in the path of a PATCH operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFilters {
    /// Any.
    Any,
    /// One comparison by `eq`.
    OneEquality,
    /// None, but for elements to remove under [`RemovesBy::Filter`].
    None,
}

/// How the elements to remove are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovesBy {
    /// By a filter in the path: `members[value eq "…"]` (RFC 7644 §3.5.2.2).
    Filter,
    /// By a value beside the path `members`.
    Values,
}

/// What PUT does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The attributes that it writes; without any, PUT is made of PATCH.
    pub writes: Names,
    /// Attributes that a PUT which lacks them must not change.
    pub keeps: Names,
}

/// What POST does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// Whether a resource can be created inactive.
    pub inactive: bool,
    /// Attributes that POST does not write; they are added by PATCH.
    pub ignores: Names,
    /// Whether it takes over what exists: then it is looked for first.
    pub adopts: bool,
}

/// What becomes of a DELETE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delete {
    /// The resource is removed.
    Delete,
    /// It becomes inactive.
    Deactivate,
    /// It is refused.
    Refuse,
}

/// An attribute that is filled from the first of others that has a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    /// What is filled, if it is missing.
    pub target: PatchPath,
    /// From what: paths of attributes.
    pub from: Vec<PatchPath>,
}

impl Profile {
    /// What is known of an endpoint; its name in canonical case (`Users`).
    #[must_use]
    pub fn resource(&self, endpoint: &str) -> &Resource {
        let known = self.resources.iter().find(|(name, _)| name == endpoint);
        known.map_or(&self.others, |(_, resource)| resource)
    }

    /// The path of an endpoint below the application's SCIM root.
    #[must_use]
    pub fn path<'a>(&'a self, endpoint: &'a str) -> &'a str {
        match self.resource(endpoint).path.as_str() {
            "" => endpoint,
            path => path,
        }
    }
}
