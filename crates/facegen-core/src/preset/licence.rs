//! What a licence asks of those who use the weights.

use serde::Deserialize;

/// `[licences.NAME]` of a manifest: more than a name says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Whether the weights may be used for research only. They are neither
    /// fetched nor loaded before the operator has accepted the licence by name.
    #[serde(default)]
    pub research_only: bool,
    /// What the operator is shown before accepting.
    pub terms: String,
}
