//! The subcommands and their options.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::ConfigArguments;

/// Fetch the models of presets, verify and delete them, and accept their
/// licences.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the presets: their licences, how much is to be fetched, and what is
    /// here.
    List {
        /// Print a JSON object on a line of its own for each preset.
        #[arg(long)]
        json: bool,
    },
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
    /// Read every fetched file and all packed weights, and compare their hashes.
    Verify {
        /// The presets; when none is named, all that have fetched files or packed
        /// weights.
        presets: Vec<String>,
    },
    /// Delete the packed weights of a preset and its fetched files, except those
    /// that another preset uses of which every file is here.
    Rm {
        /// The preset.
        preset: String,
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

impl ModelsArguments {
    /// Returns the options that another command needs to find the same files,
    /// each after a space.
    pub(super) fn location(&self) -> String {
        let options = [
            ("config", &self.config),
            ("data-dir", &self.data_dir),
            ("models-dir", &self.models_dir),
        ];
        let given = options.into_iter().filter_map(|(option, path)| {
            let path = path.as_ref()?.display().to_string();
            Some(format!(" --{option} {}", quoted(&path)))
        });
        given.collect()
    }
}

/// Quotes a word for a shell, if it needs that.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_location_is_quoted_where_a_shell_needs_it() {
        let arguments = ModelsArguments {
            config: None,
            data_dir: Some("/srv/data".into()),
            models_dir: Some("Ann's models".into()),
            accept_licence: Vec::new(),
        };
        let expected = r" --data-dir /srv/data --models-dir 'Ann'\''s models'";
        assert_eq!(arguments.location(), expected);
    }
}
