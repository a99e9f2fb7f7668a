//! `facegen keys`: who may use the server.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use facegen_core::SystemClock;
use facegen_jobs::{Key, KeyId, KeyRole, Keys};

use crate::config::environment::Environment;
use crate::config::{Config, ConfigArguments};
use crate::failure::Failure;

/// What can be done with keys, also while a server runs on the same data
/// folder.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it, this once.
    Create {
        /// What the key is for.
        #[arg(value_parser = parse_name)]
        name: String,
    },
    /// List all keys, without their text.
    List,
    /// Revoke a key for good.
    Revoke {
        /// The key's number in the list.
        id: i64,
    },
}

/// Where the keys are.
#[derive(Debug, clap::Args)]
pub(crate) struct KeysPlace {
    /// A TOML file with settings that differ from the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the database.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Does what was asked.
pub(crate) fn run(command: &KeysCommand, place: KeysPlace) -> Result<(), Failure> {
    let arguments = ConfigArguments {
        config: place.config,
        data_dir: place.data_dir,
        ..ConfigArguments::default()
    };
    let config = Config::load(&arguments, &Environment::of_process())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let lines = runtime.block_on(answer(command, &config))?;
    let mut output = io::stdout().lock();
    for line in lines {
        writeln!(output, "{line}").context("cannot write to standard output")?;
    }
    Ok(())
}

async fn answer(command: &KeysCommand, config: &Config) -> Result<Vec<String>> {
    let database = config.database();
    let keys = Keys::open(&database, Arc::new(SystemClock))
        .await
        .with_context(|| format!("cannot open {}", database.display()))?;
    match command {
        KeysCommand::Create { name } => {
            let (key, text) = keys.create(name, KeyRole::Plain).await?;
            Ok(vec![line(&key), text.expose().clone()])
        }
        KeysCommand::List => Ok(keys.list().await?.iter().map(line).collect()),
        KeysCommand::Revoke { id } => {
            let revoked = keys.revoke(KeyId::new(*id)).await?;
            ensure!(revoked, "there is no key {id} that could be revoked");
            Ok(Vec::new())
        }
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("a name is one line of text".into());
    }
    Ok(text.to_owned())
}

/// A key as a line of the list.
fn line(key: &Key) -> String {
    let state = if key.revoked_at.is_some() {
        "revoked"
    } else {
        "valid"
    };
    format!(
        "{}\t{}\t{}\t{state}",
        key.id.get(),
        key.role.as_str(),
        key.name
    )
}
