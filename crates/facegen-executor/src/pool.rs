//! The engines of a process, one for each device.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::{
    Capacity, EngineHangs, EngineHealth, EngineName, EngineState, Engines, FaceSearch,
    GenerationInput, PreviewDemand, RgbImage, Submitted,
};

use crate::handle::EngineHandle;

/// The engines of a process. Each is loaded, breaks, hangs and is replaced by
/// itself; the others continue meanwhile.
#[derive(Default)]
pub struct EnginePool {
    members: Mutex<Vec<Member>>,
}

struct Member {
    name: EngineName,
    /// `None` while it is loaded.
    engine: Option<Arc<EngineHandle>>,
}

impl EnginePool {
    /// Creates a pool of engines of these names, none of which is loaded.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = EngineName>) -> Self {
        let member = |name| Member { name, engine: None };
        Self {
            members: Mutex::new(names.into_iter().map(member).collect()),
        }
    }

    /// Returns the names of its engines.
    #[must_use]
    pub fn names(&self) -> Vec<EngineName> {
        let members = self.lock();
        members.iter().map(|member| member.name.clone()).collect()
    }

    /// Inserts an engine, by its name. One of that name must have been removed
    /// before.
    pub fn insert(&self, engine: EngineHandle) {
        let (name, engine) = (engine.name().clone(), Some(Arc::new(engine)));
        let mut members = self.lock();
        match members.iter_mut().find(|member| member.name == name) {
            Some(member) => member.engine = engine,
            None => members.push(Member { name, engine }),
        }
    }

    /// Removes an engine, and returns once it has ended. Its requests end with
    /// [`BackendError::EngineStopped`](facegen_core::BackendError::EngineStopped).
    ///
    /// # Errors
    /// Fails when it has been in one call for longer than `patience`, or was
    /// abandoned before. It stays in the pool: its device is not free.
    pub async fn end_engine(
        &self,
        name: &EngineName,
        patience: Duration,
    ) -> Result<(), EngineHangs> {
        let Some(engine) = self.take(name) else {
            return Ok(());
        };
        let ended = engine.end(patience).await;
        if ended.is_err() {
            self.put_back(name, engine);
        }
        ended
    }

    /// Forgets an engine that was removed and is not replaced.
    pub fn forget(&self, name: &EngineName) {
        self.lock()
            .retain(|member| member.name != *name || member.engine.is_some());
    }

    /// Submits something to the engine that has the most room.
    fn at_freest<T>(&self, submit: impl FnOnce(&EngineHandle) -> Option<T>) -> Option<T> {
        // Under the lock, so that no clone of a handle is ever the last one and
        // dropped inside a task.
        let members = self.lock();
        let engines = members.iter().filter_map(|member| member.engine.as_ref());
        let engines = engines.filter(|engine| !engine.is_gone());
        // Of equal ones `max_by_key` returns the last.
        let freest = engines.rev().max_by_key(|engine| {
            let is_ready = engine.state() == EngineState::Ready;
            (is_ready, engine.free_capacity())
        });
        freest.and_then(|engine| submit(engine))
    }

    fn take(&self, name: &EngineName) -> Option<Arc<EngineHandle>> {
        let mut members = self.lock();
        let member = members.iter_mut().find(|member| member.name == *name);
        member.and_then(|member| member.engine.take())
    }

    fn put_back(&self, name: &EngineName, engine: Arc<EngineHandle>) {
        let mut members = self.lock();
        if let Some(member) = members.iter_mut().find(|member| member.name == *name) {
            member.engine = Some(engine);
        }
    }

    fn engines(&self) -> Vec<Arc<EngineHandle>> {
        let members = self.lock();
        let engines = members.iter().filter_map(|member| member.engine.clone());
        engines.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Engines for EnginePool {
    fn submit(&self, input: GenerationInput, previews: PreviewDemand) -> Option<Submitted> {
        self.at_freest(|engine| Engines::submit(engine, input, previews))
    }

    fn find_faces(&self, photo: RgbImage) -> Option<FaceSearch> {
        self.at_freest(|engine| Engines::find_faces(engine, photo))
    }

    fn health(&self) -> Vec<EngineHealth> {
        let health = |member: &Member| match &member.engine {
            Some(engine) => engine.health(),
            None => EngineHealth {
                name: member.name.clone(),
                state: EngineState::Loading,
                capacity: Capacity::of_images(1),
            },
        };
        self.lock().iter().map(health).collect()
    }

    fn give_up_hanging(&self, patience: Duration) -> Vec<EngineName> {
        let members = self.lock();
        let engines = members.iter().filter_map(|member| member.engine.as_ref());
        let given_up = engines.filter(|engine| engine.give_up_after(patience));
        given_up.map(|engine| engine.name().clone()).collect()
    }

    async fn end(&self, patience: Duration) -> Result<(), EngineHangs> {
        let engines = self.engines();
        // All of them, before waiting for any.
        for engine in &engines {
            engine.close();
        }
        let mut ended = Ok(());
        for engine in engines {
            ended = engine.end(patience).await.and(ended);
        }
        ended
    }
}

impl fmt::Debug for EnginePool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EnginePool")
            .field("engines", &self.health())
            .finish()
    }
}
