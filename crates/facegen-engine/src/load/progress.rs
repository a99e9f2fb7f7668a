//! How far loading is.

use std::fmt;
use std::sync::Arc;

/// A network whose loading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadStep {
    /// Its name in the preset's manifest.
    pub component: &'static str,
    /// How many networks are loaded already.
    pub loaded: usize,
    /// How many there are.
    pub components: usize,
}

/// Who wants to know how far loading is; nobody by default.
#[derive(Clone, Default)]
pub struct LoadProgress(Option<Arc<dyn Fn(LoadStep) + Send + Sync>>);

impl LoadProgress {
    /// The networks, in the order in which they are loaded.
    const COMPONENTS: [&'static str; 4] = ["unet", "text_encoder", "image_encoder", "vae"];

    /// Calls `listener` whenever the loading of a network begins.
    #[must_use]
    pub fn new(listener: impl Fn(LoadStep) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Says that the loading of `component` begins.
    pub(super) fn begin(&self, component: &'static str) {
        let place = Self::COMPONENTS.iter().position(|name| *name == component);
        if let (Some(listener), Some(loaded)) = (&self.0, place) {
            listener(LoadStep {
                component,
                loaded,
                components: Self::COMPONENTS.len(),
            });
        }
    }
}

impl fmt::Debug for LoadProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("LoadProgress")
            .field(&self.0.is_some())
            .finish()
    }
}
