//! How ready the server is.

use std::sync::{Arc, Mutex, PoisonError};

use facegen_api::Readiness;
use facegen_engine::LoadStep;
use facegen_jobs::EngineHandle;

/// What `/readyz` tells, kept up to date by whoever knows.
#[derive(Debug, Default)]
pub(super) struct Status(Mutex<Phase>);

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Starting,
    Loading(LoadStep),
    Running(Arc<EngineHandle>),
    Draining,
}

impl Status {
    /// The loading of a network begins. It may also begin again later, when an
    /// engine that panicked is rebuilt: the engine itself knows about that.
    pub(super) fn loading(&self, step: LoadStep) {
        let mut phase = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*phase, Phase::Starting | Phase::Loading(_)) {
            *phase = Phase::Loading(step);
        }
    }

    /// Jobs are worked on.
    pub(super) fn ready(&self, engine: &Arc<EngineHandle>) {
        self.set(Phase::Running(Arc::clone(engine)));
    }

    /// No more jobs are taken in. The engine is let go of, so that it ends when
    /// the jobs have.
    pub(super) fn draining(&self) {
        self.set(Phase::Draining);
    }

    /// In the words of the API.
    pub(super) fn readiness(&self) -> Readiness {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Starting => loading("preset", 0, 0),
            Phase::Loading(step) => loading(step.component, step.loaded, step.components),
            Phase::Running(engine) if engine.is_ready() => Readiness::Ready,
            Phase::Running(_) => Readiness::Broken {
                reason: "the engine broke down and is loaded again".to_owned(),
            },
            Phase::Draining => Readiness::Draining,
        }
    }

    fn set(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }
}

fn loading(component: &str, loaded: usize, components: usize) -> Readiness {
    Readiness::Loading {
        component: component.to_owned(),
        loaded,
        components,
    }
}
