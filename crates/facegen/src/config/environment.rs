//! What is read from environment variables.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use facegen_core::redact::Secret;
use facegen_hub::HubAccess;
use figment::value::Value;

use super::layer::Layer;
use super::s3;

/// The beginning of every variable that is a setting.
const PREFIX: &str = "FACEGEN__";

/// The ending of a variable that names the file of a secret.
const FILE: &str = "_FILE";

/// The longest key that a request may bring.
const LONGEST_KEY: usize = 1024;

/// The shortest admin key that nobody guesses, in characters.
const SHORTEST_KEY: usize = 20;

/// What the names of all our variables begin with.
const OURS: &str = "FACEGEN_";

/// The variables that are no settings; secrets may also come from a file.
const NAMES: [&str; 5] = [
    "FACEGEN_CONFIG",
    "FACEGEN_API_KEY",
    "FACEGEN_API_KEY_FILE",
    "FACEGEN_MASTER_KEY",
    "FACEGEN_MASTER_KEY_FILE",
];

/// What orchestrators set by themselves for a service of our name.
const OF_SERVICES: [&str; 2] = ["FACEGEN_SERVICE_", "FACEGEN_PORT"];

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
    ///
    /// # Errors
    /// The file of a secret cannot be read or is empty, the secret is set as well,
    /// or a variable names no setting.
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
                // Reads `8`, `true` and `["10.0.0.0/8"]` as what they look like.
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

    /// The text of a variable, or of the file that the variable with `_FILE`
    /// behind its name names, without white space around it.
    ///
    /// # Errors
    /// Both are set, or the file cannot be read or is empty.
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

    /// The first API key, from `FACEGEN_API_KEY` or the file that
    /// `FACEGEN_API_KEY_FILE` names.
    ///
    /// # Errors
    /// Both are set, the file cannot be read or is empty, or the key can be
    /// guessed, unless that is allowed.
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

    /// The variables that look like ours and mean nothing here.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let names = self.0.keys().map(String::as_str);
        let unknown = names.filter(|name| {
            name.starts_with(OURS)
                && !name.starts_with(PREFIX)
                && !NAMES.contains(name)
                && !OF_SERVICES.iter().any(|service| name.starts_with(service))
        });
        unknown.map(str::to_owned).collect()
    }

    /// The master key, from `FACEGEN_MASTER_KEY` or the file that
    /// `FACEGEN_MASTER_KEY_FILE` names.
    ///
    /// # Errors
    /// Both are set, or the file cannot be read or is empty.
    pub(crate) fn master_key(&self) -> Result<Option<Secret<String>>> {
        Ok(self.text_or_file("FACEGEN_MASTER_KEY")?.map(Secret::new))
    }

    /// The same variables, and this one.
    #[cfg(test)]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
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
