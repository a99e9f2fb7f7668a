//! The subcommands and their options.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::ConfigArguments;

/// Fetch the models of presets, verify them and accept their licences.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the presets and what each lacks.
    List,
    /// Fetch what a preset lacks from its hub; resumes interrupted downloads.
    ///
    /// HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE have the same meaning as for
    /// Hugging Face's own tools.
    Pull {
        /// The preset.
        preset: String,
        /// A zip archive or a directory, e.g. buffalo_l.zip, from which files
        /// that the preset lists with a sha256 are taken before the hub is
        /// asked.
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
    /// Read every fetched file and compare its hash.
    Verify {
        /// The presets; when none is named, all that have fetched files.
        presets: Vec<String>,
    },
    /// Show the terms of licences and record that you accept them.
    Accept {
        /// The names of the licences, as the refusal prints them.
        #[arg(required = true, value_name = "NAME")]
        licences: Vec<String>,
    },
}

/// The location of the models.
#[derive(Debug, Args)]
pub(crate) struct ModelsArguments {
    /// A TOML file with settings that differ from the defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory in which fetched files are stored.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The directory of the models' manifests; it need not exist.
    #[arg(long, global = true, value_name = "DIR")]
    models_dir: Option<PathBuf>,
    /// Accept a licence by its name, for this run; can be repeated.
    #[arg(long, global = true, value_name = "NAME")]
    accept_licence: Vec<String>,
}

impl From<ModelsArguments> for ConfigArguments {
    fn from(arguments: ModelsArguments) -> Self {
        Self {
            config: arguments.config,
            data_dir: arguments.data_dir,
            models_dir: arguments.models_dir,
            accept_licence: arguments.accept_licence,
            ..Self::default()
        }
    }
}
