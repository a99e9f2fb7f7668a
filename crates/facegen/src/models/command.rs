//! The commands and their options.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::ConfigArguments;

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the presets, and what they lack.
    List,
    /// Fetch what a preset lacks from its hub. What was interrupted goes on
    /// where it stopped.
    ///
    /// The environment variables HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean
    /// what they mean to Hugging Face's own tools.
    Pull {
        /// The preset.
        preset: String,
        /// A zip archive or a directory, e.g. buffalo_l.zip, to take files from
        /// that the preset knows by name and sha256, before the hub is asked.
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
    /// Read every fetched file and compare its hash.
    Verify {
        /// The presets; all that have files here when none is named.
        presets: Vec<String>,
    },
    /// Show the terms of licences and record that you accept them.
    Accept {
        /// The names of the licences, as the refusal gives them.
        #[arg(required = true, value_name = "NAME")]
        licences: Vec<String>,
    },
}

/// Where the models are.
#[derive(Debug, Args)]
pub(crate) struct ModelsPlace {
    /// A TOML file with settings that differ from the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory that fetched files are kept in.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The directory of the models' manifests.
    #[arg(long, global = true, value_name = "DIR")]
    models_dir: Option<PathBuf>,
    /// Accept a licence by its name, this once; can be repeated.
    #[arg(long, global = true, value_name = "NAME")]
    accept_licence: Vec<String>,
}

impl From<ModelsPlace> for ConfigArguments {
    fn from(place: ModelsPlace) -> Self {
        Self {
            config: place.config,
            data_dir: place.data_dir,
            models_dir: place.models_dir,
            accept_licence: place.accept_licence,
            ..Self::default()
        }
    }
}
