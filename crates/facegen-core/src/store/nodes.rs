//! The port to the nodes: the processes of `facegen serve` on one database.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::StoreError;
use super::jobs::WorkerId;
use crate::clock::Timestamp;

/// Stores which nodes there are, what an operator has ordered them to do, and
/// what all of them have to agree on.
///
/// # Errors
/// Each method fails when the store cannot be read or written, and has then
/// changed nothing.
#[async_trait]
pub trait NodeStore: fmt::Debug + Send + Sync {
    /// Takes a place for this process for as long as it lives. Returns false when
    /// it may not work next to those that are there: a server of the role `all`
    /// is alone, as its images are in its own data directory.
    async fn join(&self, role: NodeRole) -> Result<bool, StoreError>;

    /// Adds the node or replaces its row, and returns how often each order was
    /// given so far.
    async fn heartbeat(&self, node: &Node) -> Result<Orders, StoreError>;

    /// Lists the nodes with a heartbeat at or after `since`, by role and name.
    async fn list(&self, since: Timestamp) -> Result<Vec<Node>, StoreError>;

    /// Removes a node that ends.
    async fn remove(&self, id: &WorkerId) -> Result<(), StoreError>;

    /// Removes the nodes without a heartbeat since `before`, and returns how
    /// many.
    async fn remove_before(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Gives an order to all nodes, and returns how often it was given so far.
    async fn order(&self, order: Order) -> Result<i64, StoreError>;

    /// Records the fingerprint of the master key, unless there is one, and
    /// returns whether the recorded one is this.
    async fn agree(&self, fingerprint: &[u8; 32]) -> Result<bool, StoreError>;

    /// Returns the recorded fingerprint of the master key.
    async fn fingerprint(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Deletes the recorded fingerprint, so that the next node records its own.
    async fn forget_fingerprint(&self) -> Result<(), StoreError>;
}

/// What a node does.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum NodeRole {
    /// Everything: the only server of its images.
    #[default]
    All,
    /// It answers requests and delivers webhooks, and has no engine.
    Api,
    /// It has engines and makes images, and answers no requests.
    Worker,
}

impl NodeRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::All, Self::Api, Self::Worker];

    /// Returns its name in rows, settings and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the role with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Returns whether the node answers the requests of callers.
    #[must_use]
    pub fn serves_api(self) -> bool {
        matches!(self, Self::All | Self::Api)
    }

    /// Returns whether the node has engines.
    #[must_use]
    pub fn makes_images(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }
}

/// One node as its row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The name under which it claims jobs, unique for each process.
    pub id: WorkerId,
    /// What it does.
    pub role: NodeRole,
    /// Its name for people: host and process.
    pub name: String,
    /// The preset that it serves. A node of [`NodeRole::Worker`] claims only
    /// jobs of this preset.
    pub preset: String,
    /// Its engines.
    pub engines: Vec<NodeEngine>,
    /// How many networks are loaded.
    pub models: u32,
    /// The version of the program.
    pub version: String,
    /// Whether it claims nothing more, because it is stopping.
    pub draining: bool,
    /// When its process started.
    pub started_at: Timestamp,
    /// When it sent its last heartbeat.
    pub seen_at: Timestamp,
}

impl Node {
    /// Returns how many of its engines take jobs.
    #[must_use]
    pub fn ready_engines(&self) -> usize {
        let ready = self.engines.iter().filter(|engine| engine.ready);
        if self.draining { 0 } else { ready.count() }
    }
}

/// One engine of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEngine {
    /// Its name, which is that of its device.
    pub name: String,
    /// Whether it takes jobs.
    pub ready: bool,
    /// How many requests it holds at once.
    pub requests: usize,
    /// How many images it denoises in one step.
    pub images_per_step: usize,
}

/// What an operator orders all nodes to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Reload the models.
    Restart,
    /// Reload the config and the preset.
    Update,
    /// Clear the caches.
    ClearCache,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 3] = [Self::Restart, Self::Update, Self::ClearCache];
}

/// How often each order was given. A node that finds a larger number than it
/// has seen carries out the order once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Orders {
    /// See [`Order::Restart`].
    pub restart: i64,
    /// See [`Order::Update`].
    pub update: i64,
    /// See [`Order::ClearCache`].
    pub clear_cache: i64,
}

impl Orders {
    /// Returns how often this order was given.
    #[must_use]
    pub fn count(self, order: Order) -> i64 {
        match order {
            Order::Restart => self.restart,
            Order::Update => self.update,
            Order::ClearCache => self.clear_cache,
        }
    }

    /// Returns the same with another number for this order.
    #[must_use]
    pub fn with(self, order: Order, count: i64) -> Self {
        match order {
            Order::Restart => Self {
                restart: count,
                ..self
            },
            Order::Update => Self {
                update: count,
                ..self
            },
            Order::ClearCache => Self {
                clear_cache: count,
                ..self
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_it_was_written() {
        for role in NodeRole::ALL {
            assert_eq!(NodeRole::from_name(role.as_str()), Some(role));
        }
        assert_eq!(NodeRole::from_name("API"), None);
    }

    #[test]
    fn the_number_of_one_order_is_changed_alone() {
        for order in Order::ALL {
            let orders = Orders::default().with(order, 7);
            let others = Order::ALL.into_iter().filter(|other| *other != order);
            assert_eq!(orders.count(order), 7);
            assert!(
                others
                    .map(|other| orders.count(other))
                    .all(|count| count == 0)
            );
        }
    }
}
