//! Which attributes a PATCH path may name (RFC 7644 §3.5.2, RFC 7643 §7).

use alloc::format;

use super::Change;
use crate::protocol::{Error, patch::PatchOp, path::PatchPath};
use crate::schema::{Attribute, Mutability, Resolved, ResourceType};

/// The list that a client may have meant less than all of, when it asks to remove it.
pub(super) const MEMBERS: &str = "members";

/// Refuses to take away what is required.
pub(super) fn refuse_required(
    target: &Resolved<'_>,
    change: &Change,
    name: &str,
) -> Result<(), Error> {
    if target.leaf().required && change.filter.is_none() {
        return Err(Error::mutability(format!("`{name}` is required and cannot be removed")));
    }
    Ok(())
}

/// Refuses a path to what a client cannot write.
pub(super) fn check_mutability(
    resource_type: &ResourceType,
    target: &Resolved<'_>,
    op: PatchOp,
    path: &PatchPath,
    name: &str,
) -> Result<(), Error> {
    let refused = |why: &str| Err(Error::mutability(format!("`{name}` is {why}")));
    let read_only = |attribute: &Attribute| attribute.mutability == Mutability::ReadOnly;
    if read_only(target.attribute) || target.sub.is_some_and(read_only) {
        return refused("read-only");
    }
    if &*target.attribute.name == "schemas" {
        return refused("set by the service");
    }
    // A member may come and go, but not turn into another; all of its parts are set. Other
    // elements may lack an immutable part, which only whoever applies the change can see.
    let is_member = resource_type.name == "Group" && target.attribute.name == MEMBERS;
    let part_is_immutable = target.sub.is_some_and(|s| s.mutability == Mutability::Immutable);
    if is_member && part_is_immutable && (path.filter.is_some() || op != PatchOp::Add) {
        return refused("immutable");
    }
    Ok(())
}
