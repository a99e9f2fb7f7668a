//! The settings of the server, in layers.
//!
//! From the strongest: options of the command line, the environment, the
//! operator's file, and `config/default.toml`, which is compiled in and
//! documents every setting. An unknown name is an error in every layer.

pub(crate) mod batch_limit;
pub(crate) mod environment;
mod host;
mod layer;
mod origin;
pub(crate) mod s3;
pub(crate) mod sections;
#[cfg(test)]
mod tests;
mod update;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use figment::Figment;
use serde::{Deserialize, Serialize};

use environment::Environment;
use facegen_core::store::NodeRole;
use facegen_outbound::Guard;
use facegen_store::PostgresSource;
use layer::Layer;
use sections::{
    DatabaseSection, EngineSection, FaceImageSection, KeysSection, LogSection, ModelsSection,
    OutboundSection, QueueSection, SafetySection, ServerSection, StorageSection, WebhooksSection,
};

/// The defaults, each with its comment.
const DEFAULT: &str = include_str!("../../../../config/default.toml");

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: ServerSection,
    pub(crate) engine: EngineSection,
    pub(crate) models: ModelsSection,
    pub(crate) storage: StorageSection,
    pub(crate) database: DatabaseSection,
    pub(crate) queue: QueueSection,
    pub(crate) keys: KeysSection,
    pub(crate) webhooks: WebhooksSection,
    pub(crate) face_image: FaceImageSection,
    pub(crate) outbound: OutboundSection,
    pub(crate) safety: SafetySection,
    pub(crate) log: LogSection,
    /// In development builds only.
    #[cfg(debug_assertions)]
    #[serde(default, skip_serializing)]
    pub(crate) testing: sections::TestingSection,
}

/// The settings that have an option on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ConfigArguments {
    /// A TOML file with settings that differ from the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The set of models to use: a manifest in the models directory, or one that
    /// is compiled in.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Address and port to listen on.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// What this process does: all, api or worker.
    #[arg(long, global = true, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// The directory of the database and of finished images.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The directory of the models' manifests; it need not exist.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) models_dir: Option<PathBuf>,
    /// Where the models run: auto, cpu, cuda:NUMBER or metal:NUMBER.
    #[arg(long, global = true, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Accept a licence of the models by its name, in addition to those of the
    /// config; can be repeated.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) accept_licence: Vec<String>,
}

impl Config {
    /// Loads the settings from all layers.
    ///
    /// # Errors
    /// Fails when a file cannot be read, a name is unknown, or a value is not
    /// valid; the message says which and where it was set.
    pub(crate) fn load(arguments: &ConfigArguments, environment: &Environment) -> Result<Self> {
        let mut layers = Figment::from(Layer::file("config/default.toml", DEFAULT)?);
        if let Some(path) = arguments.config.as_deref().or(environment.config_file()) {
            layers = layers.merge(Layer::file(&path.display().to_string(), &read(path)?)?);
        }
        let settings = environment.settings()?.into_iter();
        let mut config: Self = settings
            .chain(arguments.settings())
            .fold(layers, |layers, setting| layers.merge(setting))
            .extract()
            .context("the config cannot be used")?;
        let accepted = arguments.accept_licence.iter().cloned();
        config.models.accept.extend(accepted);
        config.check()?;
        Ok(config)
    }

    /// The file of the database, should it be SQLite.
    pub(crate) fn database(&self) -> PathBuf {
        self.storage.data_dir.join("facegen.db")
    }

    /// The PostgreSQL database; `None`: SQLite.
    pub(crate) fn postgres(&self) -> Option<PostgresSource> {
        let DatabaseSection { url, password_file } = &self.database;
        let password_file = Some(password_file).filter(|path| !path.as_os_str().is_empty());
        (!url.is_empty()).then(|| PostgresSource {
            url: url.clone(),
            password_file: password_file.cloned(),
        })
    }

    /// Returns the directory of packed weights, unless they are not kept.
    pub(crate) fn pack_dir(&self) -> Option<PathBuf> {
        let directory = &self.models.pack_dir;
        match directory.as_os_str().as_encoded_bytes() {
            b"" => Some(self.storage.data_dir.join("models/packs")),
            b"none" => None,
            _ => Some(directory.clone()),
        }
    }

    /// The header `User-Agent` of requests to hosts that callers name.
    pub(crate) fn user_agent(&self) -> String {
        let OutboundSection {
            contact,
            user_agent,
            ..
        } = &self.outbound;
        let product = Guard::USER_AGENT;
        let contacts = [contact, &self.server.public_url];
        let contact = contacts.into_iter().find(|text| !text.is_empty());
        match contact {
            _ if !user_agent.is_empty() => user_agent.clone(),
            Some(contact) => format!("{product} ({contact})"),
            None => product.to_owned(),
        }
    }

    /// Formats the settings as a TOML file.
    pub(crate) fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string(self)?)
    }

    /// Checks settings that depend on each other.
    fn check(&self) -> Result<()> {
        let queue = &self.queue;
        let two_heartbeats = u32::from(queue.heartbeat_seconds.get()) * 2;
        ensure!(
            two_heartbeats < queue.lease_seconds.get().into(),
            "queue.heartbeat_seconds must be less than half of queue.lease_seconds"
        );
        // Base64 turns three bytes into four, and the body has other fields.
        let [body, image] = [
            self.server.max_body_megabytes.get(),
            self.face_image.max_megabytes.get(),
        ];
        ensure!(
            u32::from(body) * 3 > u32::from(image) * 4,
            "server.max_body_megabytes must be more than four thirds of \
             face_image.max_megabytes, as photos come in base64"
        );
        self.engine.check()?;
        if let Some(database) = self.postgres() {
            database.check().context("database.url cannot be used")?;
        }
        self.storage.s3.check()?;
        self.check_role()
    }

    /// Checks that a node with one part of the work shares what the others need.
    fn check_role(&self) -> Result<()> {
        let role = self.server.role.as_str();
        if self.server.role == NodeRole::All {
            return Ok(());
        }
        ensure!(
            !self.database.url.is_empty(),
            "server.role is \"{role}\", so database.url must be set to a PostgreSQL database, \
             which all nodes share"
        );
        ensure!(
            !self.storage.s3.bucket.is_empty(),
            "server.role is \"{role}\", so storage.s3.bucket must be set to a bucket, \
             which all nodes share"
        );
        Ok(())
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

impl ConfigArguments {
    /// Returns the options that were given.
    fn settings(&self) -> impl Iterator<Item = Layer> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let options = [
            ("listen", "server.listen", self.listen.clone()),
            ("role", "server.role", self.role.clone()),
            ("preset", "engine.preset", self.preset.clone()),
            ("models-dir", "engine.models_dir", path(&self.models_dir)),
            ("device", "engine.device", self.device.clone()),
            ("data-dir", "storage.data_dir", path(&self.data_dir)),
        ];
        options.into_iter().filter_map(|(option, name, value)| {
            let origin = format!("the option --{option}");
            Some(Layer::setting(origin, name, value?.into()))
        })
    }
}
