//! What an instance keeps between its requests: the configured service.

use core::cell::OnceCell;
use std::rc::Rc;

use scim_core::service::{Config, Service};
use spin_sdk::variables;

use crate::kv::SpinKv;
use crate::world::{WasiClock, WasiRandom};

/// The service on this host.
pub(crate) type SpinService = Service<SpinKv, WasiClock, WasiRandom>;

/// The instance has no service. The reason stands in the log.
#[derive(Clone, Copy)]
pub(crate) struct NotConfigured;

thread_local! {
    /// Outlives requests, and so holds nothing of any of them.
    static SERVICE: OnceCell<Result<Rc<SpinService>, NotConfigured>> = const { OnceCell::new() };
}

/// The instance's service; its first call reads the variables and opens the store.
///
/// # Errors
///
/// When the configuration is wrong, which holds for the life of the instance, or when the host
/// fails, which is tried anew with the next request. Either writes a line to the log.
pub(crate) async fn service() -> Result<Rc<SpinService>, NotConfigured> {
    if let Some(known) = SERVICE.with(|cell| cell.get().cloned()) {
        return known;
    }
    let configured = match configuration().await {
        Ok(config) => {
            let kv = SpinKv::open().await.map_err(|error| report(&error.to_string()))?;
            Ok(Rc::new(Service::new(config, kv, WasiClock, WasiRandom)))
        }
        Err(Failure::Configuration(message)) => {
            // Two first requests may come here together; one line is enough.
            if SERVICE.with(|cell| cell.get().is_none()) {
                report(&message);
            }
            Err(NotConfigured)
        }
        Err(Failure::Host(message)) => return Err(report(&message)),
    };
    SERVICE.with(|cell| cell.get_or_init(|| configured).clone())
}

enum Failure {
    Configuration(String),
    Host(String),
}

async fn configuration() -> Result<Config, Failure> {
    let text = variable("config").await?;
    let token = variable("token").await?;
    let admin_token = variable("admin_token").await?;
    let registry_token = variable("registry_token").await?;
    let text = if text.trim().is_empty() { "{}" } else { &text };
    let wrong = |error: &dyn core::fmt::Display| {
        Failure::Configuration(format!("the configuration is refused: {error}"))
    };
    let config = Config::parse(text).map_err(|error| wrong(&error))?;
    let config = match token.as_str() {
        "" => config,
        token => config.with_token(token).map_err(|error| wrong(&error))?,
    };
    config.with_admin(&admin_token, &registry_token).map_err(|error| wrong(&error))
}

/// A variable's value; empty when it is not declared.
async fn variable(name: &str) -> Result<String, Failure> {
    match variables::get(name).await {
        Ok(value) => Ok(value),
        Err(variables::Error::Undefined(_)) => Ok(String::new()),
        Err(_) => Err(Failure::Host(format!("the variable `{name}` cannot be read"))),
    }
}

/// Writes one line to the log: JSON, as the audit lines are.
fn report(message: &str) -> NotConfigured {
    crate::log(serde_json::json!({"level": "error", "message": message}).to_string());
    NotConfigured
}
