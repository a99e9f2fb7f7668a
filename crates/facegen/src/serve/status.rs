//! How ready the server is.

use std::sync::{Arc, Mutex, PoisonError};

use facegen_api::Readiness;
use facegen_engine::LoadStep;
use facegen_executor::EngineHandle;

/// What `/readyz` tells, kept up to date by whoever knows.
#[derive(Debug, Default)]
pub(super) struct Status(Mutex<Phase>);

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Starting,
    Loading(LoadStep),
    /// With so many networks.
    Running(Arc<EngineHandle>, usize),
    /// The models could not be loaded again.
    Failed,
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

    /// Jobs are worked on, by so many networks.
    pub(super) fn ready(&self, engine: &Arc<EngineHandle>, networks: usize) {
        self.set(Phase::Running(Arc::clone(engine), networks));
    }

    /// The engine is let go of, to be loaded again. False when it is being
    /// loaded already, or never will be.
    pub(super) fn reloading(&self) -> bool {
        let mut phase = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = matches!(*phase, Phase::Running(..) | Phase::Failed);
        if stands {
            *phase = Phase::Starting;
        }
        stands
    }

    /// There is no engine, until one is loaded.
    pub(super) fn failed(&self) {
        self.set(Phase::Failed);
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
            Phase::Running(engine, _) if engine.is_ready() => Readiness::Ready,
            Phase::Running(..) => broken("the engine broke down and is loaded again"),
            Phase::Failed => broken("the models could not be loaded again, the log says why"),
            Phase::Draining => Readiness::Draining,
        }
    }

    /// How many networks are loaded.
    pub(super) fn model_count(&self) -> usize {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Running(engine, networks) if engine.is_ready() => *networks,
            Phase::Starting
            | Phase::Loading(_)
            | Phase::Running(..)
            | Phase::Failed
            | Phase::Draining => 0,
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

fn broken(reason: &str) -> Readiness {
    Readiness::Broken {
        reason: reason.to_owned(),
    }
}
