//! What other nodes on the same database are able to do.

use facegen_core::store::{Node, WorkerId};

/// What the other nodes are able to do, as of the last heartbeat.
#[derive(Debug, Default)]
pub(crate) struct OtherNodes {
    /// How many of their engines take jobs.
    pub(crate) engines: usize,
    /// How many networks they have loaded.
    pub(crate) models: usize,
}

impl OtherNodes {
    /// Returns what these nodes, apart from this one, are able to do.
    pub(crate) fn of(nodes: &[Node], own: &WorkerId) -> Self {
        let others = || nodes.iter().filter(|node| node.id != *own);
        Self {
            engines: others().map(Node::ready_engines).sum(),
            models: others().map(|node| node.models as usize).sum(),
        }
    }
}
