//! Resources: what was validated validates again, to itself (RFC 7643 §2).

use scim_core::protocol::{Notes, json};
use scim_core::protocol::limits::Limits;
use scim_core::resource::Unknown;
use scim_core::resource::read;
use scim_core::schema;

/// The body of a POST or PUT, read as each resource type.
pub fn resource(data: &[u8]) {
    let Ok(body) = json::parse_object(data, &Limits::default()) else { return };
    for resource_type in [schema::user(), schema::group()] {
        for unknown in [Unknown::Ignore, Unknown::Refuse, Unknown::Keep] {
            let reading = crate::reading(&resource_type, unknown);
            let Ok(once) = reading.resource(body.clone(), &mut Notes::default()) else { continue };
            let twice = reading.resource(once.clone(), &mut Notes::default());
            assert_eq!(twice.as_ref(), Ok(&once), "read again");
            let complete = read::check_required(&resource_type, &once).is_ok();
            let again =
                twice.is_ok_and(|twice| read::check_required(&resource_type, &twice).is_ok());
            assert_eq!(complete, again);
        }
    }
}
