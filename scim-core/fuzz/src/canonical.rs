//! Canonical bodies: what goes out is accepted again and stays as it is.

use scim_core::dialect::{self, Dialect};
use scim_core::protocol::Notes;
use scim_core::protocol::limits::Limits;
use scim_core::protocol::route::Endpoint;
use scim_core::schema::Catalog;

/// `METHOD endpoint dialect`, a line feed, and a body: `PATCH Users auto`.
pub fn canonicalize(data: &[u8]) {
    let Some(at) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (line, body) = data.split_at(at);
    let Ok(line) = core::str::from_utf8(line) else { return };
    let mut words = line.split(' ');
    let (Some(method), Some(name)) = (words.next(), words.next()) else { return };
    let named = words.next().and_then(Dialect::from_name);
    let endpoint = match (method, name) {
        (_, ".search") => Endpoint::Search(None),
        ("POST", name) => Endpoint::Collection(name.into()),
        (_, name) => Endpoint::Item { endpoint: name.into(), id: "7".into() },
    };
    let catalog = Catalog::default();
    let canonical = |body: &[u8], limits: &Limits| {
        dialect::canonicalize_body(&catalog, method, &endpoint, named, body, limits, &mut Notes::default())
    };
    let Ok(once) = canonical(body, &Limits::default()) else { return };
    // One operation can become one per attribute, and one name two levels.
    let wide = Limits { patch_operations: 100_000, json_depth: 64, ..crate::wide() };
    let twice = canonical(&once, &wide);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(twice.map(|bytes| text(&bytes)), Ok(text(&once)));
}
