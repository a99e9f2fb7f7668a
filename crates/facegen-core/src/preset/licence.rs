//! The conditions of a licence.

use serde::Deserialize;

/// `[licences.NAME]` of a manifest: the conditions of a licence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Whether the weights are for research only. They are neither fetched nor
    /// loaded before the operator has accepted the licence by name.
    #[serde(default)]
    pub research_only: bool,
    /// The text that the operator is shown before accepting.
    pub terms: String,
}
