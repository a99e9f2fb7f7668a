//! The column `images`: the record of each image, as JSON with a version.

use facegen_core::job::{ImageRecord, Outcome};
use serde::{Deserialize, Serialize};

/// The version that is written. Later programs read all earlier ones.
const VERSION: u32 = 1;

/// The content of the column.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Images {
    version: u32,
    #[serde(rename = "pictures")]
    images: Vec<ImageRecord>,
}

impl From<&Outcome> for Images {
    fn from(outcome: &Outcome) -> Self {
        Self {
            version: VERSION,
            images: outcome.images.clone(),
        }
    }
}

impl Images {
    /// Returns the records; `None` when a later program wrote them.
    pub(super) fn into_records(self) -> Option<Vec<ImageRecord>> {
        (self.version <= VERSION).then_some(self.images)
    }
}
