//! The directories that are measured: files for `scim-edge import`, and what is known of them.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::{Value, json};

/// Members of the small group.
pub(super) const SMALL_GROUP: u64 = 100;
/// Members of the large one, if there are so many users.
pub(super) const LARGE_GROUP: u64 = 100_000;

/// A directory of so many users.
#[derive(Clone, Copy)]
pub(super) struct Directory {
    pub(super) users: u64,
}

/// The identifier of resource `number`, in the order of creation.
pub(super) fn id(kind: u8, number: u64) -> String {
    // Mixed, so that neighbours in time are not neighbours in all bits.
    let tail = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xffff_ffff_ffff;
    let time = 0x0190_0000_0000 + number / 10;
    let (high, low) = (time >> 16, time & 0xffff);
    format!("{high:08x}-{low:04x}-7{kind:03x}-8000-{tail:012x}")
}

pub(super) const USER: u8 = 1;
pub(super) const GROUP: u8 = 2;

/// The `userName` of a user.
pub(super) fn user_name(number: u64) -> String {
    format!("user.{number}@example.com")
}

/// The attributes of a user, as an identity provider fills them.
pub(super) fn attributes(name: &str, number: u64) -> Value {
    json!({
        "userName": name,
        "name": {"givenName": format!("Given{number}"), "familyName": format!("Family{number}")},
        "displayName": format!("Given{number} Family{number}"),
        "title": "Engineer",
        "active": true,
        "preferredLanguage": "en-GB",
        "emails": [{"value": name, "type": "work", "primary": true}],
        "phoneNumbers": [{"value": format!("+44 20 7946 {number:07}"), "type": "work"}],
        "addresses": [{
            "type": "work",
            "streetAddress": format!("{number} Analytical Street"),
            "locality": "London",
            "postalCode": "EC1A 1BB",
            "country": "GB"
        }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": format!("{number:08}"),
            "department": "Engines",
            "costCenter": "4130"
        }
    })
}

impl Directory {
    /// Members of its large group.
    pub(super) fn large_group(self) -> u64 {
        self.users.min(LARGE_GROUP)
    }

    /// Writes the users, and the two groups if `groups`.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn write(self, file: &Path, groups: bool) -> anyhow::Result<()> {
        let mut out = BufWriter::new(File::create(file)?);
        let header = json!({"version": 1, "tenant": "default", "commit": 0, "passwords": false});
        writeln!(out, "{}", json!({"header": header}))?;
        for number in 0..self.users {
            let attributes = attributes(&user_name(number), number);
            let line = resource("User", &id(USER, number), number, &attributes);
            writeln!(out, "{line}")?;
        }
        let (mut resources, mut memberships) = (self.users, 0);
        let sizes = [SMALL_GROUP, self.large_group()];
        for (number, size) in (0..).zip(sizes).take(if groups { sizes.len() } else { 0 }) {
            let group = id(GROUP, number);
            let attributes = json!({"displayName": format!("group {number}")});
            writeln!(out, "{}", resource("Group", &group, number, &attributes))?;
            for start in (0..size).step_by(1000) {
                let members: Vec<Value> = (start..size.min(start + 1000))
                    .map(|number| json!([id(USER, number), "User"]))
                    .collect();
                writeln!(out, "{}", json!({"members": {"group": group, "members": members}}))?;
            }
            resources += 1;
            memberships += size;
        }
        let totals = json!({"resources": resources, "memberships": memberships});
        writeln!(out, "{}", json!({"end": totals}))?;
        Ok(out.flush()?)
    }
}

fn resource(kind: &str, id: &str, number: u64, attributes: &Value) -> Value {
    let time = "2026-01-31T12:00:00.000Z";
    let mut line = json!({
        "type": kind, "id": id, "created": time, "lastModified": time, "version": 1,
        "attributes": attributes,
    });
    if let Some(line) = line.as_object_mut().filter(|_| kind == "User") {
        line.insert("externalIds".into(), json!({"default": format!("external-{number}")}));
    }
    json!({"resource": line})
}
