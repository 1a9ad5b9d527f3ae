//! How often clients may ask, and how often anybody may be refused: buckets in shared data.

use scim_core::auth::{Client, RateLimit, Registry, bucket, source};
use scim_core::protocol::Error;

use crate::host;

/// How often a swap is tried again when other workers were faster.
const ATTEMPTS: usize = 4;

/// Takes one request of a client out of its bucket.
///
/// # Errors
/// 429, with the seconds to wait.
pub(crate) fn client(prefix: &str, clients: &Registry, client: &Client) -> Result<(), Error> {
    let Some(limit) = client.rate_limit else { return Ok(()) };
    // By its place: shared data never shrinks, so there are no more buckets than clients.
    let place = clients.clients().iter().position(|known| known.name == client.name);
    take(&format!("{prefix}/rate/{}", place.unwrap_or_default()), limit)
}

/// What the source of a refused credential is told: the refusal, or 429 after too many of them. A
/// good credential from there passes all the same, so nobody is locked out by a neighbour.
pub(crate) fn refused(prefix: &str, error: Error) -> Error {
    if error.status() != 401 {
        return error;
    }
    let slot = host::source_address().and_then(|address| source::slot(&address));
    let taken = slot.map(|slot| take(&format!("{prefix}/refused/{slot}"), source::REFUSALS));
    taken.and_then(Result::err).unwrap_or(error)
}

fn take(name: &str, limit: RateLimit) -> Result<(), Error> {
    let now_us = host::now_us().unwrap_or_default();
    for _ in 0..ATTEMPTS {
        let (bytes, cas) = host::shared(name);
        let full_us = bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
        let full_us = bucket::take(full_us, now_us, limit).map_err(Error::too_many_requests)?;
        if host::set_shared(name, &full_us.to_le_bytes(), cas) {
            break;
        }
    }
    // Who always loses the race is not refused for it.
    Ok(())
}
