//! `facegen db` and `facegen migrate`: the database of a server.
//!
//! | module | contents |
//! |---|---|
//! | [`check`] | `facegen db check`: whether this program can work on it |
//! | [`mod@copy`] | `facegen db copy`: from SQLite to PostgreSQL |
//! | [`images`] | the images that move along |

mod check;
mod copy;
mod images;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use facegen_core::store::NodeRole;
use facegen_store::{PostgresStore, SqliteStore};

use crate::config::environment::Environment;
use crate::config::{Config, ConfigArguments};
use crate::failure::Failure;
use crate::{output, stores};
use copy::CopyArguments;

/// Work on the database of a server.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Check whether this program can work on the database, and show the nodes
    /// on it. Changes nothing. Exits 1 if a check fails.
    Check,
    /// Copy the database of a data directory to PostgreSQL, and its images to the
    /// bucket of the config. The server has to be stopped. A copy that was cut is
    /// continued by the same command.
    Copy(CopyArguments),
    /// Forget which master key the nodes share, after it was replaced. The next
    /// node that starts records its own. Secrets of keys' buckets that were
    /// sealed with the former one have to be set again.
    ForgetMasterKey,
}

/// The settings that apply.
#[derive(Debug, clap::Args)]
pub(crate) struct DbArguments {
    /// A TOML file with settings that differ from the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl DbArguments {
    fn settings(&self) -> ConfigArguments {
        ConfigArguments {
            config: self.config.clone(),
            ..ConfigArguments::default()
        }
    }
}

/// What `facegen migrate` does apart from the tables.
#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArguments {
    /// The role of the database that `api` nodes have, which gets the rights that
    /// they need.
    #[arg(long, value_name = "ROLE")]
    api_role: Option<String>,
    /// The same for `worker` nodes. They cannot read the hashes of keys.
    #[arg(long, value_name = "ROLE")]
    worker_role: Option<String>,
    #[command(flatten)]
    database: DbArguments,
}

impl MigrateArguments {
    /// Returns the roles that get rights.
    fn roles(&self) -> impl Iterator<Item = (NodeRole, &str)> {
        let api = self.api_role.as_deref().map(|name| (NodeRole::Api, name));
        let worker = self.worker_role.as_deref();
        let worker = worker.map(|name| (NodeRole::Worker, name));
        api.into_iter().chain(worker)
    }
}

/// Runs a subcommand.
pub(crate) fn run(command: &DbCommand, arguments: &DbArguments) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let config = Config::load(&arguments.settings(), &environment)?;
    let runtime = runtime()?;
    match command {
        DbCommand::Check => runtime.block_on(check::run(&config, &environment)),
        DbCommand::Copy(arguments) => runtime.block_on(copy::run(arguments, &config)),
        DbCommand::ForgetMasterKey => Ok(runtime.block_on(forget_master_key(&config))?),
    }
}

/// Brings the tables up to date, as every start of a server does, and gives roles of the
/// database the rights of nodes.
pub(crate) fn migrate(arguments: &MigrateArguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.database.settings(), &Environment::of_process())?;
    let words = runtime()?.block_on(bring_up_to_date(&config, arguments))?;
    Ok(output::line(&words)?)
}

async fn bring_up_to_date(config: &Config, arguments: &MigrateArguments) -> Result<String> {
    let Some(source) = config.postgres() else {
        ensure!(
            arguments.roles().next().is_none(),
            "database.url names no PostgreSQL database, and SQLite has no roles"
        );
        let store = SqliteStore::open(&config.database()).await;
        store.with_context(|| format!("cannot open {}", config.database().display()))?;
        return Ok("the tables are up to date".to_owned());
    };
    let schema = PostgresStore::migrate(&source).await;
    let schema = schema.context("the tables cannot be brought up to date")?;
    for (role, name) in arguments.roles() {
        let granted = PostgresStore::grant(&source, role, name).await;
        granted.with_context(|| format!("the role {name} cannot get its rights"))?;
    }
    let applied = schema.applied;
    Ok(format!("the tables are up to date: migration {applied}"))
}

async fn forget_master_key(config: &Config) -> Result<()> {
    let stores = stores::open(config).await?;
    stores.nodes.forget_fingerprint().await?;
    output::line("the next node that starts records its master key")
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.context("cannot start the runtime")
}
