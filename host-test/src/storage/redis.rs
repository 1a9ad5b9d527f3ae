//! A Redis server, shared with other processes.
//!
//! Keys and values are those of Spin's Redis engine. Its compare-and-swap is not: here it is a
//! script, which says truly whether it took place.

use core::time::Duration;
use std::collections::HashMap;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, RedisError, RedisResult, cmd};

use super::operation::{Failed, Write, Written};
use super::sqlite::Durability;

/// How long a connection may take, and then an answer.
const WITHIN: Duration = Duration::from_secs(5);

/// Replaces the value of a key if it is the expected one.
const SWAP: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
                    redis.call('SET', KEYS[1], ARGV[2]) return 1 else return 0 end";

/// A handle of the connection; clones share it, and it is made anew when it breaks.
#[derive(Clone)]
pub(super) struct Redis(ConnectionManager);

/// The text of an error holds the server's words, which repeat no key and no value.
impl From<RedisError> for Failed {
    fn from(error: RedisError) -> Self {
        Self(format!("Redis: {error}"))
    }
}

impl Redis {
    /// # Errors
    ///
    /// When the URL is wrong, or the server does not answer or does not let us in.
    pub(super) async fn open(url: &str) -> anyhow::Result<Self> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(WITHIN))
            .set_response_timeout(Some(WITHIN));
        Ok(Self(ConnectionManager::new_with_config(Client::open(url)?, config).await?))
    }

    async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> RedisResult<T> {
        command.query_async(&mut self.0.clone()).await
    }

    /// # Errors
    ///
    /// When the server does not answer.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failed> {
        Ok(self.ask(cmd("GET").arg(key)).await?)
    }

    /// # Errors
    ///
    /// When the server does not answer; then it may have been done.
    pub(super) async fn write(&self, write: Write) -> Result<Written, Failed> {
        match write {
            Write::Set(entries) if entries.is_empty() => {}
            Write::Set(entries) => {
                let mut command = cmd("MSET");
                for (key, value) in &entries {
                    command.arg(key).arg(value);
                }
                self.ask::<()>(&command).await?;
            }
            Write::Delete(keys) if keys.is_empty() => {}
            Write::Delete(keys) => self.ask::<()>(cmd("DEL").arg(&keys)).await?,
            Write::Increment { key, delta } => {
                return Ok(Written::Number(self.ask(cmd("INCRBY").arg(key).arg(delta)).await?));
            }
            Write::Swap { key, expected: Some(expected), new } => {
                let mut command = cmd("EVAL");
                command.arg(SWAP).arg(1).arg(key).arg(expected).arg(new);
                return Ok(Written::Swapped(self.ask(&command).await?));
            }
            Write::Swap { key, expected: None, new } => {
                return Ok(Written::Swapped(self.ask(cmd("SETNX").arg(key).arg(new)).await?));
            }
        }
        Ok(Written::Done)
    }

    /// The settings under which an acknowledged write can be lost.
    pub(super) async fn doubts(&self, durability: Durability) -> Vec<String> {
        let mut settings: HashMap<String, String> = HashMap::new();
        for name in ["appendonly", "appendfsync", "maxmemory", "maxmemory-policy"] {
            match self.ask::<HashMap<String, String>>(cmd("CONFIG").arg("GET").arg(name)).await {
                Ok(found) => settings.extend(found),
                Err(_) => {
                    return vec![
                        "Redis does not show its settings; acknowledged writes are safe only with \
                         appendonly yes, appendfsync always and maxmemory-policy noeviction"
                            .to_owned(),
                    ];
                }
            }
        }
        doubts(&settings, durability)
    }
}

fn doubts(settings: &HashMap<String, String>, durability: Durability) -> Vec<String> {
    let is = |name: &str, value: &str| settings.get(name).is_some_and(|found| found == value);
    let mut doubts = Vec::new();
    if !is("appendonly", "yes") {
        doubts.push(
            "Redis has appendonly no: acknowledged writes are lost when it ends \
             (CONFIG SET appendonly yes)"
                .to_owned(),
        );
    } else if durability == Durability::Full && !is("appendfsync", "always") {
        doubts.push(
            "Redis does not have appendfsync always: acknowledged writes of the last second or \
             more are lost when its machine fails (CONFIG SET appendfsync always, or here \
             --durability process)"
                .to_owned(),
        );
    }
    if !is("maxmemory", "0") && !is("maxmemory-policy", "noeviction") {
        doubts.push(
            "Redis may evict entries when its memory is full, which destroys the data \
             (CONFIG SET maxmemory-policy noeviction)"
                .to_owned(),
        );
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::{Durability, doubts};

    fn found(settings: [(&str, &str); 4], durability: Durability) -> usize {
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        doubts(&settings.into(), durability).len()
    }

    #[test]
    fn settings_that_lose_writes_are_named() {
        let with = |appendonly, appendfsync, maxmemory, policy| {
            [
                ("appendonly", appendonly),
                ("appendfsync", appendfsync),
                ("maxmemory", maxmemory),
                ("maxmemory-policy", policy),
            ]
        };
        let full = Durability::Full;
        assert_eq!(found(with("yes", "always", "0", "allkeys-lru"), full), 0);
        assert_eq!(found(with("yes", "always", "1000", "noeviction"), full), 0);
        assert_eq!(found(with("yes", "always", "1000", "allkeys-lru"), full), 1);
        assert_eq!(found(with("yes", "everysec", "0", "noeviction"), full), 1);
        assert_eq!(found(with("yes", "everysec", "0", "noeviction"), Durability::Process), 0);
        assert_eq!(found(with("no", "always", "5", "volatile-ttl"), Durability::Process), 2);
    }
}
