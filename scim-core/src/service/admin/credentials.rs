//! Static tokens and client secrets: made, listed, rotated, revoked.

use alloc::rc::Rc;
use alloc::string::String;

use serde_json::{Value, json};

use super::act::Act;
use super::clients::link;
use super::{SharedTenant, is_configured, list, unknown};
use crate::auth::token::generate;
use crate::auth::{Client, Method, StaticToken, TOKENS, TokenState};
use crate::port::{Clock, Kv, Random};
use crate::protocol::{Error, datetime};
use crate::service::access::{DAY_S, put_client};
use crate::service::answer::Answer;
use crate::store::{Transaction, keys};

const MS_PER_S: u64 = 1000;
/// Characters of a date.
const DATE: usize = 10;
/// Seconds for which a rotated token may go on.
const OVERLAP_MAX_S: u64 = 30 * DAY_S;

impl<K: Kv, C: Clock, R: Random> SharedTenant<K, C, R> {
    /// A new token: its text, and what is kept of it.
    pub(super) fn new_token(
        &self,
        act: &Act<'_>,
        issued_s: Option<u64>,
        expires_s: Option<u64>,
    ) -> Result<(String, StaticToken), Error> {
        let issued = issued_s.unwrap_or(act.now_s);
        if issued > act.now_s {
            return Err(Error::invalid_value("`issued` must not be in the future"));
        }
        let life = self.config.token_days.saturating_mul(DAY_S);
        let expires = expires_s.unwrap_or(issued.saturating_add(life));
        if expires <= issued {
            return Err(Error::invalid_value("`expires` must be later than `issued`"));
        }
        let text = generate(self.store.random());
        let token = StaticToken {
            issued_s: Some(issued),
            expires_s: Some(expires),
            ..StaticToken::of(&text)
        };
        Ok((text, token))
    }

    pub(super) async fn list_tokens(&self, name: &str, act: &Act<'_>) -> Result<Answer, Error> {
        let (client, _) = self.named(name).await?;
        let shown = client.tokens.iter().map(|token| shown(token, act.now_s)).collect();
        Ok(list("tokens", shown))
    }

    pub(super) async fn create_token(&self, name: &str, act: &Act<'_>) -> Result<Answer, Error> {
        act.check_fields(&["expires", "issued"])?;
        let made = self.new_token(act, act.date("issued")?, act.date("expires")?)?;
        self.add_token(name, act, "token.create", made, |_| ()).await
    }

    /// Makes a token, and ends the others now or after `overlap_seconds`.
    pub(super) async fn rotate(&self, name: &str, act: &Act<'_>) -> Result<Answer, Error> {
        act.check_fields(&["expires", "overlap_seconds"])?;
        let overlap = match act.body.get("overlap_seconds") {
            None => 0,
            Some(value) => {
                let seconds = value.as_u64().filter(|seconds| *seconds <= OVERLAP_MAX_S);
                let message = "`overlap_seconds` must be an integer, of 30 days at most";
                seconds.ok_or_else(|| Error::invalid_value(message))?
            }
        };
        let end = act.now_s.saturating_add(overlap);
        let retire = |token: &mut StaticToken| match token.state(act.now_s) {
            TokenState::Active if overlap == 0 => token.revoked_s = Some(act.now_s),
            TokenState::Active => {
                token.expires_s = Some(token.expires_s.map_or(end, |expires| expires.min(end)));
            }
            TokenState::Expired | TokenState::Revoked => {}
        };
        let made = self.new_token(act, None, act.date("expires")?)?;
        self.add_token(name, act, "token.rotate", made, retire).await
    }

    async fn add_token(
        &self,
        name: &str,
        act: &Act<'_>,
        operation: &str,
        (text, token): (String, StaticToken),
        change: impl Fn(&mut StaticToken),
    ) -> Result<Answer, Error> {
        self.require_stored(name).await?;
        let add = async |tx: &mut Transaction<'_, _, _, _>| {
            let mut client = self.stored(tx, name).await?;
            if matches!(client.method, Method::Jwt { .. }) {
                return Err(Error::conflict("a client of the method jwt has no tokens of ours"));
            }
            client.tokens.iter_mut().for_each(&change);
            // Those that open nothing any more make room, the oldest first.
            let is_over = |token: &StaticToken| token.state(act.now_s) != TokenState::Active;
            while client.tokens.len() >= TOKENS {
                let oldest = client.tokens.iter().position(is_over);
                let message = "the client has as many tokens as it may have; revoke one";
                let oldest = oldest.ok_or_else(|| Error::conflict(message))?;
                if let Some(id) = client.tokens.remove(oldest).id {
                    tx.delete(&keys::token(&id));
                }
            }
            client.tokens.push(token.clone());
            link_tokens(tx, &client).await
        };
        self.administer(act.audit, (operation, name), add).await?;
        let mut answer = shown(&token, act.now_s);
        if let Some(object) = answer.as_object_mut() {
            object.insert("token".into(), text.into());
        }
        Ok(Answer::plain(201, answer))
    }

    /// Ends a token at once. One that is expired or revoked is not revoked again.
    pub(super) async fn revoke_token(
        &self,
        name: &str,
        id: &str,
        act: &Act<'_>,
    ) -> Result<Answer, Error> {
        self.require_stored(name).await?;
        let revoke = async |tx: &mut Transaction<'_, _, _, _>| {
            let mut client = self.stored(tx, name).await?;
            let token = client.tokens.iter_mut().find(|token| token.id.as_deref() == Some(id));
            let token = token.ok_or_else(|| unknown("token"))?;
            if token.state(act.now_s) != TokenState::Active {
                return Err(Error::conflict("the token is over already"));
            }
            token.revoked_s = Some(act.now_s);
            let revoked = shown(token, act.now_s);
            put_client(tx, &client).await?;
            Ok(revoked)
        };
        let target = [name, "/", id].concat();
        Ok(Answer::ok(self.administer(act.audit, ("token.revoke", &target), revoke).await?))
    }

    /// Refuses to change what the configuration says.
    async fn require_stored(&self, name: &str) -> Result<(), Error> {
        let (_, configured) = self.named(name).await?;
        if configured { Err(is_configured("client")) } else { Ok(()) }
    }

    async fn stored(
        &self,
        tx: &Transaction<'_, Rc<K>, Rc<C>, Rc<R>>,
        name: &str,
    ) -> Result<Client, Error> {
        let client = self.client(tx, name).await?.ok_or_else(|| unknown("client"))?;
        Ok((*client).clone())
    }
}

async fn link_tokens<K: Kv, C: Clock, R: Random>(
    tx: &mut Transaction<'_, K, C, R>,
    client: &Client,
) -> Result<(), Error> {
    link(tx, client).await?;
    put_client(tx, client).await?;
    Ok(())
}

/// A token as lists show it: never its text, never its hash.
fn shown(token: &StaticToken, now_s: u64) -> Value {
    let date = |seconds: u64| datetime::format_ms(seconds.saturating_mul(MS_PER_S));
    let day = |day: u64| date(day.saturating_mul(DAY_S)).chars().take(DATE).collect::<String>();
    json!({
        "id": token.id,
        "state": token.state(now_s).name(),
        "created": token.issued_s.map(date),
        "last_used": token.used_day.map(day),
        "expires": token.expires_s.map(date),
        "revoked": token.revoked_s.map(date),
    })
}
