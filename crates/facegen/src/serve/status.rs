//! How ready the server is.

use std::sync::{Arc, Mutex, PoisonError};

use facegen_api::Readiness;
use facegen_core::{EngineState, Engines};
use facegen_engine::LoadStep;
use facegen_executor::EnginePool;

/// What `/readyz` tells, kept up to date by whoever knows.
#[derive(Debug)]
pub(super) struct Status {
    phase: Mutex<Phase>,
    engines: Arc<EnginePool>,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Starting,
    Loading(LoadStep),
    /// With so many networks.
    Running(usize),
    /// The models of one engine or all could not be loaded again.
    Failed(usize),
    Draining,
}

impl Status {
    /// The status of a server with these engines, none of which is loaded.
    pub(super) fn new(engines: Arc<EnginePool>) -> Self {
        Self {
            phase: Mutex::default(),
            engines,
        }
    }

    /// The loading of a network begins. It may also begin again later, when an
    /// engine that panicked is rebuilt: the engine itself knows about that.
    pub(super) fn loading(&self, step: LoadStep) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*phase, Phase::Starting | Phase::Loading(_)) {
            *phase = Phase::Loading(step);
        }
    }

    /// Jobs are worked on, by so many networks.
    pub(super) fn ready(&self, networks: usize) {
        self.set(Phase::Running(networks));
    }

    /// The engines are to be loaded again. False when they are being loaded
    /// already, or never will be.
    pub(super) fn reloading(&self) -> bool {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = matches!(*phase, Phase::Running(_) | Phase::Failed(_));
        if stands {
            *phase = Phase::Starting;
        }
        stands
    }

    /// An engine could not be loaded, of so many networks.
    pub(super) fn failed(&self, networks: usize) {
        self.set(Phase::Failed(networks));
    }

    /// No more jobs are taken in.
    pub(super) fn draining(&self) {
        self.set(Phase::Draining);
    }

    /// In the words of the API.
    pub(super) fn readiness(&self) -> Readiness {
        let (ready, engines) = self.ready_engines();
        match &*self.phase.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Draining => Readiness::Draining,
            Phase::Running(_) | Phase::Failed(_) if ready > 0 => Readiness::Ready,
            // The others work while one is loaded.
            Phase::Starting | Phase::Loading(_) if ready > 0 && engines > 1 => Readiness::Ready,
            Phase::Starting => loading("preset", 0, 0),
            Phase::Loading(step) => loading(step.component, step.loaded, step.components),
            Phase::Running(_) => broken("the engine broke down and is loaded again"),
            Phase::Failed(_) => broken("the models could not be loaded again, the log says why"),
        }
    }

    /// How many networks are loaded.
    pub(super) fn model_count(&self) -> usize {
        let (ready, _) = self.ready_engines();
        match &*self.phase.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Running(networks) | Phase::Failed(networks) => ready * networks,
            Phase::Starting | Phase::Loading(_) | Phase::Draining => 0,
        }
    }

    /// How many engines take requests, of how many.
    fn ready_engines(&self) -> (usize, usize) {
        let health = self.engines.health();
        let ready = health
            .iter()
            .filter(|engine| engine.state == EngineState::Ready);
        (ready.count(), health.len())
    }

    fn set(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
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
