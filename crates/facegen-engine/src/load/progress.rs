//! The progress of loading.

use std::fmt;
use std::sync::Arc;

/// A network whose loading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadStep {
    /// Its name in the preset's manifest.
    pub component: &'static str,
    /// How many networks have been loaded.
    pub loaded: usize,
    /// How many there are.
    pub components: usize,
}

/// The listener for the progress of loading; none by default.
#[derive(Clone, Default)]
pub struct LoadProgress {
    listener: Option<Arc<dyn Fn(LoadStep) + Send + Sync>>,
    with_safety_checker: bool,
}

impl LoadProgress {
    /// The networks, in the order that they are loaded. Not every preset has
    /// the last one.
    const COMPONENTS: [&'static str; 5] = [
        "unet",
        "text_encoder",
        "image_encoder",
        "vae",
        "safety_checker",
    ];

    /// Calls `listener` whenever the loading of a network begins.
    #[must_use]
    pub fn new(listener: impl Fn(LoadStep) + Send + Sync + 'static) -> Self {
        Self {
            listener: Some(Arc::new(listener)),
            ..Self::default()
        }
    }

    /// Sets whether the preset has a safety checker.
    pub(super) fn with_safety_checker(self, with_safety_checker: bool) -> Self {
        Self {
            with_safety_checker,
            ..self
        }
    }

    /// Reports that the loading of `component` begins.
    pub(super) fn begin(&self, component: &'static str) {
        let place = Self::COMPONENTS.iter().position(|name| *name == component);
        if let (Some(listener), Some(loaded)) = (&self.listener, place) {
            listener(LoadStep {
                component,
                loaded,
                components: Self::COMPONENTS.len() - usize::from(!self.with_safety_checker),
            });
        }
    }
}

impl fmt::Debug for LoadProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("LoadProgress")
            .field(&self.listener.is_some())
            .finish()
    }
}
