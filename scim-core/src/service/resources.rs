//! Requests for one resource, and the answers that show it (RFC 7644 §3.3 to §3.6).

use alloc::string::ToString;
use alloc::vec::Vec;

use super::answer::Answer;
use super::audit::Audit;
use super::condition::Condition;
use super::head::Preference;
use super::log::Change;
use super::password::Keeping;
use super::view::{NAMES_ALONE, NAMES_WRITTEN, View, etag};
use super::write::{self, Write};
use super::{Call, Tenant, no_resource};
use crate::port::{Clock, Kv, Random};
use crate::protocol::json::Object;
use crate::protocol::{Error, ScimType};
use crate::resource::{Projection, Reading};
use crate::schema::ResourceType;
use crate::store::keys::ResourceId;
use crate::store::record::Record;
use crate::store::{Transaction, directory};

impl<K: Kv, C: Clock, R: Random> Tenant<K, C, R> {
    pub(super) fn view<'a>(
        &'a self,
        call: &'a Call<'_>,
        resource_type: &'a ResourceType,
    ) -> View<'a> {
        View {
            catalog: &self.catalog,
            resource_type,
            domain: &call.client.domain,
            base: &call.base,
            nested_groups: self.config.nested_groups,
            names: NAMES_ALONE,
            members: self.config.limits.members_shown,
        }
    }

    pub(super) fn projection(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
    ) -> Result<Projection, Error> {
        Projection::of_query(&call.route.query, resource_type, &self.config.limits)
    }

    pub(super) fn write<'a>(
        &'a self,
        call: &'a Call<'_>,
        resource_type: &'a ResourceType,
    ) -> Write<'a> {
        Write {
            view: self.view(call, resource_type),
            reading: Reading { resource_type, unknown: self.config.unknown },
            references: self.config.references,
            limits: &self.config.limits,
            keeping: Keeping { passwords: self.config.passwords, random: self.store.random() },
            delete: call.client.delete,
        }
    }

    pub(super) async fn create(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        body: Object,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        let projection = self.projection(call, resource_type)?;
        let projection = projection.of_write(resource_type, &body, &self.config.limits);
        let write = self.write(call, resource_type);
        let wanted = write.wanted(body, &mut audit.notes)?;
        let create = async |tx: &mut Transaction<'_, K, C, R>| {
            let id = write::new_id(tx.now_ms(), self.store.random());
            let record = write.create(tx, id, &wanted).await?;
            Ok((record, changed("create", resource_type, id)))
        };
        let record = self.commit(audit, create).await?;
        audit.resource_id = Some(record.id.to_text());
        let location = self.view(call, resource_type).location(record.id);
        let preference = call.head.preference();
        let mut answer = if preference == Some(Preference::Minimal) {
            Answer::empty(201).with("etag", etag(record.version))
        } else {
            self.resource(call, resource_type, &record, &projection).await?
        };
        answer.status = 201;
        Ok(answer.applied(preference).with("location", location))
    }

    pub(super) async fn item(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        id: ResourceId,
        body: Option<Object>,
        audit: &mut Audit,
    ) -> Result<Answer, Error> {
        let condition = Condition::new(call.head.text("if-match"), call.head.text("if-none-match"));
        let projection = self.projection(call, resource_type)?;
        let write = self.write(call, resource_type);
        match (call.head.method, body) {
            ("PUT", Some(body)) => {
                let projection = projection.of_write(resource_type, &body, &self.config.limits);
                let wanted = write.wanted(body, &mut audit.notes)?;
                let replace = async |tx: &mut Transaction<'_, K, C, R>| {
                    let record = write.replace(tx, id, &wanted, &condition).await?;
                    let changes = changed_now(tx, &record, "replace", resource_type);
                    Ok((record, changes))
                };
                let record = self.commit(audit, replace).await?;
                self.written(call, resource_type, &record, &projection, false).await
            }
            ("PATCH", Some(body)) => {
                let modification = write.modification(&body, call.dialect, &mut audit.notes)?;
                let dialect = modification.dialect;
                audit.dialect = Some(dialect.name());
                let modify = async |tx: &mut Transaction<'_, K, C, R>| {
                    let record = write.modify(tx, id, &modification, &condition).await?;
                    let changes = changed_now(tx, &record, "modify", resource_type);
                    Ok((record, changes))
                };
                let record = self.commit(audit, modify).await?;
                let asks_for_content = projection != Projection::Default;
                let empty =
                    dialect.patch_answers_empty(&resource_type.endpoint) && !asks_for_content;
                let projection = projection.of_write(resource_type, &body, &self.config.limits);
                self.written(call, resource_type, &record, &projection, empty).await
            }
            ("DELETE", _) => {
                let delete = async |tx: &mut Transaction<'_, K, C, R>| {
                    write.delete(tx, id, &condition).await?;
                    Ok(((), changed("delete", resource_type, id)))
                };
                self.commit(audit, delete).await?;
                Ok(Answer::empty(204))
            }
            _ => self.get(call, resource_type, id, &condition, &projection).await,
        }
    }

    async fn get(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        id: ResourceId,
        condition: &Condition,
        projection: &Projection,
    ) -> Result<Answer, Error> {
        let view = self.view(call, resource_type);
        self.store
            .read(async |read| {
                let record = directory::load(read, resource_type, id).await?;
                let record = record.ok_or_else(no_resource)?;
                condition.check_match(record.version)?;
                let tag = etag(record.version);
                if condition.has(record.version) {
                    return Ok(Answer::empty(304).with("etag", tag));
                }
                let body = view.answer(read, &record, projection).await?;
                let location = view.location(record.id);
                Ok(Answer::ok(body).with("etag", tag).with("content-location", location))
            })
            .await
    }

    /// The answer to a PUT or PATCH: as the client prefers (RFC 7240 §4.2), else as its dialect
    /// expects.
    async fn written(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        record: &Record,
        projection: &Projection,
        empty: bool,
    ) -> Result<Answer, Error> {
        let preference = call.head.preference();
        let empty = preference.map_or(empty, |preference| preference == Preference::Minimal);
        let answer = if empty {
            Answer::empty(204).with("etag", etag(record.version))
        } else {
            self.resource(call, resource_type, record, projection).await?
        };
        Ok(answer.applied(preference))
    }

    /// The answer that shows a record just written.
    async fn resource(
        &self,
        call: &Call<'_>,
        resource_type: &ResourceType,
        record: &Record,
        projection: &Projection,
    ) -> Result<Answer, Error> {
        let view = View { names: NAMES_WRITTEN, ..self.view(call, resource_type) };
        let body = self.store.read(async |read| view.answer(read, record, projection).await);
        let tag = etag(record.version);
        match body.await {
            Ok(body) => {
                let location = view.location(record.id);
                Ok(Answer::ok(body).with("etag", tag).with("content-location", location))
            }
            // It is written: that the answer would be too long is no failure.
            Err(error) if error.scim_type() == Some(ScimType::TooMany) => {
                Ok(Answer::empty(204).with("etag", tag))
            }
            Err(error) => Err(error),
        }
    }
}

fn changed(operation: &'static str, resource_type: &ResourceType, id: ResourceId) -> Vec<Change> {
    Vec::from([Change { operation, endpoint: resource_type.endpoint.to_string(), id }])
}

/// The change that made a record what it is, if it is of this commit.
fn changed_now<K: Kv, C: Clock, R: Random>(
    tx: &Transaction<'_, K, C, R>,
    record: &Record,
    operation: &'static str,
    resource_type: &ResourceType,
) -> Vec<Change> {
    if record.version == tx.version() {
        changed(operation, resource_type, record.id)
    } else {
        Vec::new()
    }
}
