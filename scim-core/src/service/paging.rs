//! Requests for lists: from the query to the page and its cursors (RFC 7644 §3.4.2, RFC 9865).

use alloc::string::String;
use alloc::vec::Vec;

use super::answer::Answer;
use super::cursor::{self, Sealer};
use super::list::{self, Listed};
use super::view::{NAMES_IN_LIST, View};
use super::{Call, Tenant};
use crate::port::{Clock, Kv, Random};
use crate::protocol::query::ListQuery;
use crate::protocol::{Error, message};
use crate::resource::Projection;
use crate::schema::ResourceType;

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    /// A list of resources of one type, or of all types.
    pub(super) async fn list(
        &self,
        call: &Call<'_>,
        types: &[ResourceType],
        query: &[(String, String)],
    ) -> Result<Answer, Error> {
        let limits = &self.config.limits;
        let page = ListQuery::parse(query, limits)?;
        let listed = |resource_type| {
            let projection = Projection::of_query(query, resource_type, limits)?;
            let view = View { names: NAMES_IN_LIST, ..self.view(call, resource_type) };
            Ok(Listed { view, projection })
        };
        let listed = types.iter().map(listed).collect::<Result<Vec<_>, Error>>()?;
        let sealer = match &page.cursor {
            Some(_) => Some(self.sealer(call, types, &page).await?),
            None => None,
        };
        let cursor = match (&sealer, page.cursor.as_deref()) {
            (Some(sealer), Some(text)) if !text.is_empty() => Some(sealer.open(text)?),
            _ => None,
        };
        let found = self
            .store
            .read(async |read| list::list(read, &listed, &page, cursor.as_ref(), limits).await);
        let found = found.await?;
        let Some(sealer) = sealer else {
            let body = message::list_response(found.total, page.start_index, &found.resources);
            return Ok(Answer::ok(body));
        };
        let seal = |cursor| {
            let nonce = cursor::nonce(self.store.random());
            sealer.seal(&cursor, limits.cursor_seconds, nonce)
        };
        let (next, previous) = (found.next.map(seal), found.previous.map(seal));
        let (next, previous) = (next.transpose()?, previous.transpose()?);
        let body = message::cursor_response(found.total, &found.resources, next, previous);
        Ok(Answer::ok(body))
    }

    /// What makes and reads the cursors of this client's query.
    async fn sealer(
        &self,
        call: &Call<'_>,
        types: &[ResourceType],
        query: &ListQuery,
    ) -> Result<Sealer, Error> {
        let key = cursor::tenant_key(&self.store).await?;
        let tenant = call.route.tenant.as_deref().unwrap_or_default();
        let names = types.iter().map(|t| &*t.name);
        let now_s = self.store.clock().now_ms() / 1000;
        Ok(Sealer::new(&key, tenant, &call.client.name, names, query, now_s))
    }
}
