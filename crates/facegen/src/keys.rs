//! `facegen keys`: management of API keys.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use facegen_core::SystemClock;
use facegen_core::{Key, KeyId, KeyRole, OwnLimits};
use facegen_jobs::Keys;

use crate::config::environment::Environment;
use crate::config::{Config, ConfigArguments};
use crate::failure::Failure;
use crate::output;
use crate::serve::master_key;
use crate::stores;

/// Create, list and revoke API keys, also while a server runs on the same data
/// directory.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Create a key and print it, only this once.
    Create {
        /// The purpose of the key.
        #[arg(value_parser = parse_name)]
        name: String,
        /// Create an admin key, which may also control the server and clear the
        /// queue of all keys.
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        limits: LimitArguments,
    },
    /// List all keys, without their text.
    List,
    /// Change the limits of a key, from its next request on.
    Set {
        /// The key's number in the list.
        id: i64,
        #[command(flatten)]
        limits: LimitArguments,
    },
    /// Print the secret that signs the webhooks of a key, for its receivers.
    WebhookSecret {
        /// The key's number in the list.
        id: i64,
    },
    /// Revoke a key permanently.
    Revoke {
        /// The key's number in the list.
        id: i64,
    },
}

/// The limits of a key.
#[derive(Debug, clap::Args)]
pub(crate) struct LimitArguments {
    /// Requests for images within any minute; 0 for no limit, `default` for
    /// that of the config.
    #[arg(long, value_name = "NUMBER", value_parser = parse_limit)]
    requests_per_minute: Option<Limit>,
    /// Jobs of the key that can be queued at once; 0 for no limit of its own,
    /// `default` for that of the config.
    #[arg(long, value_name = "NUMBER", value_parser = parse_limit)]
    queue_share: Option<Limit>,
}

/// A limit as given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Default,
    Own(u32),
}

impl LimitArguments {
    /// Returns these limits with the given changes.
    fn change(&self, limits: OwnLimits) -> OwnLimits {
        let changed = |given: Option<Limit>, former| match given {
            None => former,
            Some(Limit::Default) => None,
            Some(Limit::Own(limit)) => Some(limit),
        };
        OwnLimits {
            requests_per_minute: changed(self.requests_per_minute, limits.requests_per_minute),
            queue_share: changed(self.queue_share, limits.queue_share),
        }
    }
}

/// The location of the keys.
#[derive(Debug, clap::Args)]
pub(crate) struct KeysArguments {
    /// A TOML file with settings that differ from the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory of the database.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Runs a subcommand.
pub(crate) fn run(command: &KeysCommand, arguments: KeysArguments) -> Result<(), Failure> {
    let arguments = ConfigArguments {
        config: arguments.config,
        data_dir: arguments.data_dir,
        ..ConfigArguments::default()
    };
    let environment = Environment::of_process();
    let config = Config::load(&arguments, &environment)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(answer(command, &config, &environment))?)
}

async fn answer(command: &KeysCommand, config: &Config, environment: &Environment) -> Result<()> {
    let keys = Keys::new(stores::open(config).await?.keys, Arc::new(SystemClock));
    match command {
        KeysCommand::Create {
            name,
            admin,
            limits,
        } => {
            let limits = limits.change(OwnLimits::default());
            let role = if *admin {
                KeyRole::Admin
            } else {
                KeyRole::Plain
            };
            let (key, text) = keys.create_limited(name, role, limits).await?;
            let printed = output::print_once(&format!("{}\n{}\n", line(&key), text.expose()));
            if printed.is_err() {
                // It was not shown.
                keys.revoke(key.id).await?;
            }
            printed
        }
        KeysCommand::List => print_list(&keys.list().await?),
        KeysCommand::Set { id, limits } => {
            let key = find(&keys, *id).await?;
            let key = keys.set_limits(key.id, limits.change(key.limits)).await?;
            print_lines(key.as_slice())
        }
        KeysCommand::WebhookSecret { id } => {
            let key = find(&keys, *id).await?;
            let secret = master_key(config, environment)?.webhook_secret(key.id);
            output::line(secret.to_text().expose())
        }
        KeysCommand::Revoke { id } => {
            let revoked = keys.revoke(KeyId::new(*id)).await?;
            ensure!(revoked, "there is no key {id} that could be revoked");
            output::line(&format!("key {id} is revoked"))
        }
    }
}

/// Prints the keys, if any, under a header.
fn print_list(keys: &[Key]) -> Result<()> {
    if !keys.is_empty() {
        output::line(HEADER)?;
    }
    print_lines(keys)
}

fn print_lines(keys: &[Key]) -> Result<()> {
    let lines: Vec<String> = keys.iter().map(|key| line(key) + "\n").collect();
    output::print(&lines.concat())
}

async fn find(keys: &Keys, id: i64) -> Result<Key> {
    let key = keys.find(KeyId::new(id)).await?;
    key.with_context(|| format!("there is no key {id}"))
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    match text {
        "default" => Ok(Limit::Default),
        number => number
            .parse()
            .map(Limit::Own)
            .map_err(|_| "expected a number or `default`".into()),
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("a name is one line of text".into());
    }
    Ok(text.to_owned())
}

/// What the columns of a line are.
const HEADER: &str = "NUMBER\tROLE\tNAME\tSTATE\tREQUESTS\tWAITING";

/// Formats a key as a line of the list.
fn line(key: &Key) -> String {
    let state = if key.revoked_at.is_some() {
        "revoked"
    } else {
        "valid"
    };
    let limit = |limit: Option<u32>| match limit {
        None => "default".to_owned(),
        Some(0) => "no".to_owned(),
        Some(limit) => limit.to_string(),
    };
    format!(
        "{}\t{}\t{}\t{state}\t{} requests a minute\t{} waiting",
        key.id.get(),
        key.role.as_str(),
        key.name,
        limit(key.limits.requests_per_minute),
        limit(key.limits.queue_share),
    )
}
