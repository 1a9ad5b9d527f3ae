//! `scim-edge explain`: how a list would be read, or how a request goes through the gateway.

mod recorded;
mod request;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use scim_core::service::{self, Access, Explanation, Way};
use scim_core::store::{Options, Snapshot, Store};

use crate::reindex;
use crate::storage::{self, Location, NativeKv, OsRandom, TokioClock};

/// Arguments of `scim-edge explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The filter, as in `filter=…`; without it, the whole list.
    filter: Option<String>,
    /// The resource type.
    #[arg(long = "type", default_value = "User", value_name = "NAME")]
    resource_type: String,
    /// The attribute to sort by.
    #[arg(long, value_name = "ATTRIBUTE")]
    sort_by: Option<String>,
    /// The configuration of the service.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    storage: storage::Args,
    #[command(flatten)]
    request: request::Args,
}

/// Prints the plan; with the numbers of the store, if there is one.
///
/// # Errors
///
/// When the filter or the configuration is wrong, or the store fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(upstream) = &args.request.upstream {
        return request::run(&args.request, upstream);
    }
    let config = reindex::config(args.config.as_ref())?;
    let (filter, sort_by) = (args.filter.as_deref(), args.sort_by.as_deref());
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let explained = runtime.block_on(async {
        if !is_there(&args.storage.location()) {
            type Nothing<'a> = Snapshot<'a, NativeKv, TokioClock, OsRandom>;
            let none = None::<&Nothing<'_>>;
            return service::explain(&config, &args.resource_type, filter, sort_by, none)
                .await
                .map_err(|error| anyhow!("{}", error.detail()));
        }
        let engine = args.storage.open().await?;
        let kv = NativeKv::shared(engine.clone());
        let store = Store::new(kv, TokioClock, OsRandom, Options::default());
        let explained = store
            .read(async |read| {
                service::explain(&config, &args.resource_type, filter, sort_by, Some(read)).await
            })
            .await;
        engine.close();
        explained.map_err(|error| anyhow!("{}", error.detail()))
    })?;
    print!("{}", words(&explained));
    Ok(())
}

/// A look must not make the file.
fn is_there(location: &Location) -> bool {
    match location {
        Location::Memory => false,
        Location::Sqlite(path) => path.exists(),
        Location::Redis(_) => true,
    }
}

fn words(explained: &Explanation) -> String {
    let Explanation { resource_type, limit, .. } = explained;
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    match &explained.way {
        Way::Index(access) => {
            line(&format!("from the index: {}", source(access)));
            line("the total is counted in the index, the page is read from it, and nothing else");
        }
        Way::Scan(access) => {
            line(&format!("scan: every {resource_type}, {}", source(access)));
            line(&format!("tooMany if there are more than {limit} (scan_resources)"));
        }
        Way::Candidates(access) => {
            line(&format!("look-up: {}", source(access)));
            line(&format!(
                "these are read, matched and sorted; tooMany if they are more than {limit} \
                 (scan_resources)"
            ));
        }
        Way::All => {
            line(&format!("scan: every {resource_type}, sorted in memory"));
            line(&format!("tooMany if there are more than {limit} (scan_resources)"));
        }
    }
    for term in &explained.unserved {
        line(&format!("no index serves: {term}"));
    }
    for attribute in &explained.incomplete {
        line(&format!("not complete yet, and so not used: the index of {attribute}"));
    }
    if let (Some(resources), Some(looked_at)) = (explained.resources, explained.looked_at) {
        line(&format!("this store has {resources}; looked at beside the page: {looked_at}"));
        if looked_at > *limit {
            line("this store answers tooMany");
        }
    }
    out
}

fn source(access: &Access) -> String {
    let joined = |all: &[Access], word: &str| {
        let all: Vec<String> = all.iter().map(source).collect();
        format!("({})", all.join(word))
    };
    match access {
        Access::Nothing => "nothing can match".to_owned(),
        Access::Id => "one resource, by its id".to_owned(),
        Access::Range { attribute, is_exact, entries } => {
            let what = if *is_exact { "range of" } else { "part of" };
            let count = entries.map(|count| format!(", {count} entries")).unwrap_or_default();
            format!("{what} {attribute}{count}")
        }
        Access::MembersBelow => "the members of a group and of those in it".to_owned(),
        Access::Any(all) => joined(all, " or "),
        Access::Every(all) => joined(all, " and "),
    }
}
