//! The readiness of the server.

use std::sync::{Arc, Mutex, PoisonError};

use facegen_api::Readiness;
use facegen_core::{EngineState, Engines};
use facegen_engine::LoadStep;
use facegen_executor::EnginePool;

/// The state behind `/readyz`, updated as the server starts, reloads and stops.
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
    /// With this many networks.
    Running(usize),
    /// The models of at least one engine could not be reloaded.
    Failed(usize),
    /// Without engines of its own.
    Serving,
    Draining,
}

impl Status {
    /// Creates the status of a server whose engines are not loaded yet.
    pub(super) fn new(engines: Arc<EnginePool>) -> Self {
        Self {
            phase: Mutex::default(),
            engines,
        }
    }

    /// Records that a network is being loaded. Ignored when an engine rebuilds
    /// itself after a panic: the engine reports that.
    pub(super) fn loading(&self, step: LoadStep) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*phase, Phase::Starting | Phase::Loading(_)) {
            *phase = Phase::Loading(step);
        }
    }

    /// Records that the engines run, with this many networks each.
    pub(super) fn ready(&self, networks: usize) {
        self.set(Phase::Running(networks));
    }

    /// Records that the engines are to be reloaded. Returns false while they
    /// are being loaded, or when the server stops.
    pub(super) fn reloading(&self) -> bool {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = matches!(*phase, Phase::Running(_) | Phase::Failed(_));
        if stands {
            *phase = Phase::Starting;
        }
        stands
    }

    /// Records that an engine with this many networks could not be loaded.
    pub(super) fn failed(&self, networks: usize) {
        self.set(Phase::Failed(networks));
    }

    /// Records that requests are answered, whose images other nodes make.
    pub(super) fn serving(&self) {
        self.set(Phase::Serving);
    }

    /// Records that no more jobs are accepted.
    pub(super) fn draining(&self) {
        self.set(Phase::Draining);
    }

    /// Returns the readiness for the API.
    pub(super) fn readiness(&self) -> Readiness {
        let (ready, engines) = self.ready_engines();
        match &*self.phase.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Draining => Readiness::Draining,
            Phase::Serving => Readiness::Ready,
            Phase::Running(_) | Phase::Failed(_) if ready > 0 => Readiness::Ready,
            // The other engines take requests while one is loaded.
            Phase::Starting | Phase::Loading(_) if ready > 0 && engines > 1 => Readiness::Ready,
            Phase::Starting => loading("preset", 0, 0),
            Phase::Loading(step) => loading(step.component, step.loaded, step.components),
            Phase::Running(_) => broken("the engine broke down and is loaded again"),
            Phase::Failed(_) => broken("the models could not be loaded again, the log says why"),
        }
    }

    /// Returns how many networks are loaded.
    pub(super) fn model_count(&self) -> usize {
        let (ready, _) = self.ready_engines();
        match &*self.phase.lock().unwrap_or_else(PoisonError::into_inner) {
            Phase::Running(networks) | Phase::Failed(networks) => ready * networks,
            Phase::Starting | Phase::Loading(_) | Phase::Serving | Phase::Draining => 0,
        }
    }

    /// Returns how many engines take requests, and how many there are.
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
