//! Control of the running server: reloads and restarts.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use facegen_api::{ApiState, MetricsRenderer};
use facegen_core::store::{NodeRole, Order};
use facegen_core::{Clock, Control, Current, UpdateRefused};
use facegen_engine::can_load;
use facegen_executor::EnginePool;
use facegen_jobs::{JobService, PageTokens};
use tokio::sync::Notify;

use super::parts;
use super::reloadable::{Reloadable, RuntimeConfig};
use super::status::Status;
use crate::config::environment::Environment;
use crate::config::{Config, ConfigArguments};
use crate::failure::Failure;

/// The config and the parts of the running server, and their reload.
pub(super) struct Controller {
    arguments: ConfigArguments,
    environment: Environment,
    runtime: Current<RuntimeConfig>,
    /// Held during an update, so that updates do not interleave.
    updating: Mutex<()>,
    reloadable: Reloadable,
    jobs: JobService,
    page_tokens: Arc<PageTokens>,
    engines: Arc<EnginePool>,
    status: Arc<Status>,
    role: NodeRole,
    /// Notified when the engines are to be reloaded.
    reload: Notify,
}

impl Controller {
    /// Creates the controller of these parts, which use `runtime` already.
    pub(super) fn new(
        arguments: ConfigArguments,
        environment: Environment,
        runtime: RuntimeConfig,
        reloadable: Reloadable,
        jobs: JobService,
    ) -> Result<Self, Failure> {
        let role = runtime.config.server.role;
        let planned = match role.makes_images() {
            true => parts::engine_plans(&runtime.config)?,
            false => Vec::new(),
        };
        let engines = EnginePool::new(planned.into_iter().map(|engine| engine.name));
        let engines = Arc::new(engines);
        Ok(Self {
            arguments,
            environment,
            runtime: Current::new(runtime),
            updating: Mutex::default(),
            reloadable,
            jobs,
            page_tokens: Arc::default(),
            status: Arc::new(Status::new(Arc::clone(&engines))),
            role,
            engines,
            reload: Notify::new(),
        })
    }

    /// Returns the current config and preset.
    pub(super) fn runtime(&self) -> Arc<RuntimeConfig> {
        self.runtime.get()
    }

    /// Returns the engines, loaded or not.
    pub(super) fn engines(&self) -> &Arc<EnginePool> {
        &self.engines
    }

    /// Returns the readiness of the server.
    pub(super) fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Returns the parts that use the runtime.
    pub(super) fn reloadable(&self) -> &Reloadable {
        &self.reloadable
    }

    /// Returns what this process does.
    pub(super) fn role(&self) -> NodeRole {
        self.role
    }

    /// Returns the job service.
    pub(super) fn jobs(&self) -> &JobService {
        &self.jobs
    }

    /// Returns the tokens that give a page its key.
    pub(super) fn page_tokens(&self) -> &PageTokens {
        &self.page_tokens
    }

    /// Returns the state of the router.
    pub(super) fn api_state(
        self: &Arc<Self>,
        metrics: MetricsRenderer,
        clock: Arc<dyn Clock>,
    ) -> ApiState {
        let status = Arc::clone(self.status());
        ApiState {
            jobs: self.jobs().clone(),
            page_tokens: Arc::clone(&self.page_tokens),
            settings: self.reloadable().settings.clone(),
            readiness: Arc::new(move || status.readiness()),
            metrics,
            control: Arc::clone(self) as _,
            urls: Arc::new(self.reloadable().guard()),
            clock,
        }
    }

    /// Waits until the engines are to be reloaded.
    pub(super) async fn reload_wanted(&self) {
        self.reload.notified().await;
    }

    /// Does what an operator has ordered at another node.
    pub(super) async fn carry_out(self: &Arc<Self>, order: Order) {
        match order {
            Order::Restart => self.restart_here(),
            Order::Update => self.reload_config().await,
            // The job service has cleared them.
            Order::ClearCache => {}
        }
    }

    /// Reloads the config of this process, as [`Control::update`] does.
    pub(super) async fn reload_config(self: &Arc<Self>) {
        tracing::info!("reloading config");
        let own = Arc::clone(self);
        // Reads files, hence on a blocking thread; it logs its own result.
        let update = tokio::task::spawn_blocking(move || own.update_here().is_ok());
        let _: Result<bool, _> = update.await;
    }

    fn restart_here(&self) {
        // While they are being loaded, no second reload is needed.
        if self.role.makes_images() && self.status.reloading() {
            self.reload.notify_one();
        }
    }

    fn update_here(&self) -> Result<(), UpdateRefused> {
        self.take_over().map_err(|failure| {
            let reason = failure.to_string();
            tracing::error!(reason, "failed to reload config, keeping the old one");
            UpdateRefused
        })
    }

    /// Orders the other nodes to do the same. The caller, whose key was just read
    /// from the same database, does not wait for it.
    fn order(&self, order: Order) {
        let jobs = self.jobs.clone();
        tokio::spawn(async move {
            if let Err(error) = jobs.order(order).await {
                tracing::error!(%error, ?order, "failed to order the other nodes");
            }
        });
    }

    /// Reloads the config and the preset, as far as a running server can.
    fn take_over(&self) -> Result<(), Failure> {
        let alone = self.updating.lock();
        let _alone = alone.unwrap_or_else(PoisonError::into_inner);
        let runtime = self.runtime();
        let new = Config::load(&self.arguments, &self.environment)?;
        let (config, left) = runtime.config.with_reloadable(&new);
        let next = RuntimeConfig::new(config)?;
        let reload = self.role.makes_images() && !next.has_engine_of(&runtime);
        if reload {
            let (data_dir, accept) = (&next.config.storage.data_dir, &next.config.models.accept);
            let located = facegen_hub::locate(&next.preset, data_dir, accept)
                .map_err(|error| Failure::Load(error.into()))?;
            for engine in parts::engine_plans(&next.config)? {
                let options = parts::load_options(&next.config, engine.device);
                can_load(&located, &options).map_err(|error| Failure::Load(error.into()))?;
            }
        }
        self.reloadable.apply(&next)?;
        self.jobs
            .reconfigure(parts::jobs_config(&next.config, &next.preset));
        self.runtime.set(next);
        tracing::info!(reload, "config reloaded");
        if !left.is_empty() {
            let settings = left.join(", ");
            tracing::warn!(settings, "changed settings need a restart");
        }
        if reload {
            self.status.reloading();
            self.reload.notify_one();
        }
        Ok(())
    }
}

impl Control for Controller {
    fn restart(&self) {
        self.restart_here();
        self.order(Order::Restart);
    }

    fn update(&self) -> Result<(), UpdateRefused> {
        self.update_here()?;
        self.order(Order::Update);
        Ok(())
    }

    fn model_count(&self) -> usize {
        self.status.model_count() + self.jobs.models_elsewhere()
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Controller").finish_non_exhaustive()
    }
}
