//! What is read from environment variables.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use facegen_core::redact::Secret;
use facegen_engine::hub::HubAccess;
use figment::value::Value;

use super::layer::Layer;

/// The beginning of every variable that is a setting.
const PREFIX: &str = "FACEGEN__";

/// The longest key that a request may bring.
const LONGEST_KEY: usize = 1024;

/// The variables of the process, taken once, so that tests can bring others.
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one reader of the environment"
    )]
    pub(crate) fn of_process() -> Self {
        // A variable that is not Unicode is none of ours.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The file that `FACEGEN_CONFIG` names.
    pub(super) fn config_file(&self) -> Option<&Path> {
        self.get("FACEGEN_CONFIG").map(Path::new)
    }

    /// The settings among the variables: `FACEGEN__A__B=value` is the setting
    /// `b` of section `a`.
    pub(super) fn settings(&self) -> impl Iterator<Item = Layer> {
        self.0.keys().filter_map(|variable| {
            let name = variable.strip_prefix(PREFIX)?;
            let name = name.to_ascii_lowercase().replace("__", ".");
            // Reads `8`, `true` and `["10.0.0.0/8"]` as what they look like.
            let Ok(value) = self.get(variable)?.parse::<Value>();
            let origin = format!("the environment variable {variable}");
            Some(Layer::setting(origin, &name, value))
        })
    }

    /// The first API key, from `FACEGEN_API_KEY` or the file that
    /// `FACEGEN_API_KEY_FILE` names.
    ///
    /// # Errors
    /// Both are set, or the file cannot be read or is empty.
    pub(crate) fn api_key(&self) -> Result<Option<Secret<String>>> {
        let file = self.get("FACEGEN_API_KEY_FILE");
        let text = match (self.get("FACEGEN_API_KEY"), file) {
            (Some(_), Some(_)) => {
                bail!("FACEGEN_API_KEY and FACEGEN_API_KEY_FILE are both set; set one of them")
            }
            (Some(key), None) => key.to_owned(),
            (None, Some(path)) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read FACEGEN_API_KEY_FILE {path}"))?,
            (None, None) => return Ok(None),
        };
        match text.trim() {
            "" => bail!("the API key that FACEGEN_API_KEY_FILE names is empty"),
            key if key.len() > LONGEST_KEY => {
                bail!("the API key of the environment is longer than {LONGEST_KEY} bytes")
            }
            key => Ok(Some(Secret::new(key.to_owned()))),
        }
    }

    /// The hub that models come from, by the variables of Hugging Face's tools:
    /// `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`.
    ///
    /// # Errors
    /// One of them cannot be what it is named.
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

    /// The value of a variable; an empty one counts as not set, because
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
    /// Names only: values may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
