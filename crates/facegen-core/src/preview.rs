//! Previews of images that are still computed.

use std::fmt;
use std::sync::Arc;

/// Whether somebody wants previews of a request. Engines ask after each step;
/// clones give the same answer.
#[derive(Clone, Default)]
pub struct PreviewDemand(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl PreviewDemand {
    /// Creates a demand that `is_wanted` decides. It is called often, so it must
    /// not block.
    #[must_use]
    pub fn new(is_wanted: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_wanted)))
    }

    /// Returns whether somebody wants previews now; never for the default.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.as_ref().is_some_and(|is_wanted| is_wanted())
    }
}

impl fmt::Debug for PreviewDemand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PreviewDemand({})", self.is_wanted())
    }
}
