//! The column `pictures`: what is known of each picture, as JSON with a version.

use facegen_core::job::{Outcome, PictureRecord};
use serde::{Deserialize, Serialize};

/// The version that is written. A later one reads all before it.
const VERSION: u32 = 1;

/// The content of the column.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pictures {
    version: u32,
    pictures: Vec<PictureRecord>,
}

impl From<&Outcome> for Pictures {
    fn from(outcome: &Outcome) -> Self {
        Self {
            version: VERSION,
            pictures: outcome.pictures.clone(),
        }
    }
}

impl Pictures {
    /// Returns the records; `None` when a later program wrote them.
    pub(super) fn into_records(self) -> Option<Vec<PictureRecord>> {
        (self.version <= VERSION).then_some(self.pictures)
    }
}
