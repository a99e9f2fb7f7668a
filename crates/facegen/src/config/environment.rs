//! Settings and secrets in environment variables.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use facegen_core::redact::Secret;
use facegen_hub::HubAccess;
use figment::value::Value;

use super::layer::Layer;
use super::s3;

/// The prefix of every variable that is a setting.
const PREFIX: &str = "FACEGEN__";

/// The suffix of a variable that names the file of a secret.
const FILE: &str = "_FILE";

/// The longest key that a request can send, in bytes.
const LONGEST_KEY: usize = 1024;

/// The shortest admin key that is hard to guess, in characters.
const SHORTEST_KEY: usize = 20;

/// The prefix of all variables of this program.
const NAMESPACE: &str = "FACEGEN_";

/// The variables that are not settings; secrets can also come from a file.
const NAMES: [&str; 5] = [
    "FACEGEN_CONFIG",
    "FACEGEN_API_KEY",
    "FACEGEN_API_KEY_FILE",
    "FACEGEN_MASTER_KEY",
    "FACEGEN_MASTER_KEY_FILE",
];

/// Variables that orchestrators set for a service with this program's name.
const OF_SERVICES: [&str; 2] = ["FACEGEN_SERVICE_", "FACEGEN_PORT"];

/// A snapshot of the variables of the process, so that tests can supply others.
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the variables of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one reader of the environment"
    )]
    pub(crate) fn of_process() -> Self {
        // No variable of this program is anything but Unicode.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// Returns the file that `FACEGEN_CONFIG` names.
    pub(super) fn config_file(&self) -> Option<&Path> {
        self.get("FACEGEN_CONFIG").map(Path::new)
    }

    /// Returns the settings: `FACEGEN__A__B=value` is the setting `b` of
    /// section `a`.
    ///
    /// # Errors
    /// Fails when the file of a secret cannot be read or is empty, the secret
    /// is set as well, or a variable names no setting.
    pub(super) fn settings(&self) -> Result<Vec<Layer>> {
        let names_nothing = |variable: &&String| {
            let name = variable.strip_prefix(PREFIX);
            name.is_some_and(|name| name.split("__").any(str::is_empty))
        };
        if let Some(variable) = self.0.keys().find(names_nothing) {
            bail!("the environment variable {variable} names no setting");
        }
        let is_text = |variable: &str| s3::TEXTS.contains(&variable);
        let is_file = |variable: &str| variable.strip_suffix(FILE).is_some_and(is_text);
        let setting = |variable: &str, value: Value| {
            let name = variable.strip_prefix(PREFIX)?;
            let name = name.to_ascii_lowercase().replace("__", ".");
            let origin = format!("the environment variable {variable}");
            Some(Layer::setting(origin, &name, value))
        };
        let plain = self.0.keys().map(String::as_str);
        let plain = plain.filter(|variable| !is_text(variable) && !is_file(variable));
        let mut settings: Vec<Layer> = plain
            .filter_map(|variable| {
                // `8`, `true` and `["10.0.0.0/8"]` get the type that they look
                // like.
                let Ok(value) = self.get(variable)?.parse::<Value>();
                setting(variable, value)
            })
            .collect();
        for variable in s3::TEXTS {
            let text = self.text_or_file(variable)?;
            settings.extend(text.and_then(|text| setting(variable, text.into())));
        }
        Ok(settings)
    }

    /// Returns the trimmed value of a variable, or of the file that the
    /// variable with the suffix `_FILE` names.
    ///
    /// # Errors
    /// Fails when both are set, or the file cannot be read or is empty.
    fn text_or_file(&self, variable: &str) -> Result<Option<String>> {
        let file = format!("{variable}{FILE}");
        let path = match (self.get(variable), self.get(&file)) {
            (Some(_), Some(_)) => bail!("{variable} and {file} are both set; set one of them"),
            (text, None) => return Ok(text.map(str::to_owned)),
            (None, Some(path)) => path,
        };
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {file} {path}"))?;
        match text.trim() {
            "" => bail!("the file that {file} names is empty"),
            text => Ok(Some(text.to_owned())),
        }
    }

    /// Returns the admin key in `FACEGEN_API_KEY` or in the file that
    /// `FACEGEN_API_KEY_FILE` names.
    ///
    /// # Errors
    /// Fails when both are set, the file cannot be read or is empty, or the key
    /// is too long, or too short unless that is allowed.
    pub(crate) fn api_key(&self, allow_short: bool) -> Result<Option<Secret<String>>> {
        let Some(text) = self.text_or_file("FACEGEN_API_KEY")? else {
            return Ok(None);
        };
        if text.len() > LONGEST_KEY {
            bail!("the API key of the environment is longer than {LONGEST_KEY} bytes")
        }
        ensure!(
            allow_short || text.chars().count() >= SHORTEST_KEY,
            "the API key of the environment has fewer than {SHORTEST_KEY} characters, so that it \
             can be guessed: take what `openssl rand -hex 16` prints, or set \
             keys.allow_short_admin_key"
        );
        Ok(Some(Secret::new(text)))
    }

    /// Returns the variables with this program's prefix that it does not know.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let names = self.0.keys().map(String::as_str);
        let unknown = names.filter(|name| {
            name.starts_with(NAMESPACE)
                && !name.starts_with(PREFIX)
                && !NAMES.contains(name)
                && !OF_SERVICES.iter().any(|service| name.starts_with(service))
        });
        unknown.map(str::to_owned).collect()
    }

    /// Returns the master key in `FACEGEN_MASTER_KEY` or in the file that
    /// `FACEGEN_MASTER_KEY_FILE` names.
    ///
    /// # Errors
    /// Fails when both are set, or the file cannot be read or is empty.
    pub(crate) fn master_key(&self) -> Result<Option<Secret<String>>> {
        Ok(self.text_or_file("FACEGEN_MASTER_KEY")?.map(Secret::new))
    }

    /// Whether the user wants no colours: `NO_COLOR` has a value, whatever it is.
    pub(crate) fn no_color(&self) -> bool {
        // A space counts, too: <https://no-color.org> excepts the empty one only.
        self.0
            .get("NO_COLOR")
            .is_some_and(|value| !value.is_empty())
    }

    /// Adds a variable.
    #[cfg(test)]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns the hub of models, by the variables of Hugging Face's tools:
    /// `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`.
    ///
    /// # Errors
    /// Fails when one of them has no valid value.
    pub(crate) fn hub(&self) -> Result<HubAccess> {
        let endpoint = self
            .get("HF_ENDPOINT")
            .unwrap_or(HubAccess::DEFAULT_ENDPOINT);
        let is_url = endpoint.starts_with("https://") || endpoint.starts_with("http://");
        ensure!(is_url, "HF_ENDPOINT must begin with https:// or http://");
        let token = self.get("HF_TOKEN");
        let is_token = |token: &str| token.chars().all(|letter| letter.is_ascii_graphic());
        ensure!(token.is_none_or(is_token), "HF_TOKEN is no token");
        let offline = self.get("HF_HUB_OFFLINE").unwrap_or_default();
        let is_yes = |yes: &str| offline.eq_ignore_ascii_case(yes);
        Ok(HubAccess {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token.map(|token| Secret::new(token.to_owned())),
            offline: ["1", "on", "true", "yes"].into_iter().any(is_yes),
        })
    }

    /// Returns the value of a variable. An empty one counts as not set, because
    /// compose files pass variables on whether they are set or not.
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(owned.into())
    }
}

impl fmt::Debug for Environment {
    /// Prints names only: values can be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
