//! One layer of the config.

use anyhow::{Result, anyhow};
use figment::providers::{Format, Toml};
use figment::util::nest;
use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

/// Some settings and their origin: errors name both.
#[derive(Debug)]
pub(super) struct Layer {
    origin: String,
    settings: Dict,
}

impl Layer {
    /// Parses the settings of a file.
    pub(super) fn file(name: &str, text: &str) -> Result<Self> {
        // The error's own text quotes the line, which may contain a secret.
        let settings = Toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(0, |before| before.matches('\n').count()) + 1;
            anyhow!("{name} is not valid: line {line}: {}", error.message())
        })?;
        Ok(Self {
            origin: name.to_owned(),
            settings,
        })
    }

    /// Creates a layer of one setting, e.g. `queue.limit`.
    pub(super) fn setting(origin: String, name: &str, value: Value) -> Self {
        Self {
            origin,
            settings: nest(name, value).into_dict().unwrap_or_default(),
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        // Without the name of a profile: there is only one.
        Metadata::named(self.origin.clone()).interpolater(|_, name| name.join("."))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.settings.clone()))
    }
}
