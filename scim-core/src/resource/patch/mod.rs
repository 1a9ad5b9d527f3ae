//! PATCH seen through a schema: what each operation means, and doing it (RFC 7644 §3.5.2).

mod apply;
mod print;
mod refuse;
mod resolve;
mod template;

use alloc::string::String;

use serde_json::Value;

use crate::protocol::{filter::Filter, patch::PatchOp};

pub use apply::apply;
pub use print::to_message;
pub use resolve::{Leniency, resolve};

/// One change, its names in the schema's letter case, its value of the attribute's type.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What is done.
    pub op: PatchOp,
    /// The URN of the extension that the attribute belongs to.
    pub extension: Option<String>,
    /// The attribute; `None` stands for the whole extension.
    pub attribute: Option<String>,
    /// What selects elements of the attribute.
    pub filter: Option<Filter>,
    /// The sub-attribute.
    pub sub: Option<String>,
    /// The value. For `remove`: the elements to remove, where a client names them this way.
    pub value: Option<Value>,
    /// Whether a filter that selects nothing makes a new element of itself.
    pub creates_element: bool,
}
