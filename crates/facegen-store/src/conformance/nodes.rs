//! The tests of every [`NodeStore`](facegen_core::store::NodeStore).

use std::time::Duration;

use facegen_core::fake::requests::{inline, request};
use facegen_core::key::KeyRole;
use facegen_core::store::{
    ClaimScope, NewJob, Node, NodeEngine, NodeRole, Order, Orders, QueueLimits, Stores, WorkerId,
};

use super::{START, new_job, new_key};

const LIMITS: QueueLimits = QueueLimits {
    queue: 10,
    share: 0,
};

pub(super) async fn all(stores: &Stores) {
    nodes_come_and_go(stores).await;
    orders_are_counted(stores).await;
    one_master_key_is_agreed_on(stores).await;
    a_worker_gets_jobs_of_its_preset(stores).await;
}

fn node(id: &str, role: NodeRole, preset: &str) -> Node {
    Node {
        id: WorkerId::new(id),
        role,
        name: format!("host of {id}"),
        preset: preset.to_owned(),
        engines: vec![NodeEngine {
            name: "cuda:0".to_owned(),
            ready: true,
            requests: 2,
            images_per_step: 4,
        }],
        models: 8,
        version: "0.1.0".to_owned(),
        draining: false,
        started_at: START,
        seen_at: START,
    }
}

async fn nodes_come_and_go(stores: &Stores) {
    let nodes = &stores.nodes;
    assert!(nodes.list(START).await.unwrap().is_empty());
    let (api, mut worker) = (
        node("b", NodeRole::Api, "demo"),
        node("a", NodeRole::Worker, "demo"),
    );
    for node in [&worker, &api] {
        assert_eq!(nodes.heartbeat(node).await.unwrap(), Orders::default());
    }
    let both = nodes.list(START).await.unwrap();
    assert_eq!(both, [api.clone(), worker.clone()]);

    let later = START + Duration::from_secs(10);
    worker.seen_at = later;
    worker.draining = true;
    worker.preset = "other".to_owned();
    worker.engines.clear();
    nodes.heartbeat(&worker).await.unwrap();
    assert_eq!(nodes.list(later).await.unwrap(), [worker.clone()]);
    assert_eq!(nodes.list(START).await.unwrap(), [api, worker.clone()]);

    assert_eq!(nodes.remove_before(later).await.unwrap(), 1);
    assert_eq!(nodes.list(START).await.unwrap(), [worker.clone()]);
    nodes.remove(&worker.id).await.unwrap();
    nodes.remove(&worker.id).await.unwrap();
    assert!(nodes.list(START).await.unwrap().is_empty());
}

async fn orders_are_counted(stores: &Stores) {
    let nodes = &stores.nodes;
    let mut expected = Orders::default();
    for (order, times) in [
        (Order::Restart, 1),
        (Order::Update, 2),
        (Order::ClearCache, 3),
    ] {
        for count in 1..=times {
            assert_eq!(nodes.order(order).await.unwrap(), count);
        }
        expected = expected.with(order, times);
    }
    let own = node("c", NodeRole::Worker, "demo");
    assert_eq!(nodes.heartbeat(&own).await.unwrap(), expected);
    nodes.remove(&own.id).await.unwrap();
}

async fn one_master_key_is_agreed_on(stores: &Stores) {
    let nodes = &stores.nodes;
    let (one, other) = ([1; 32], [2; 32]);
    assert_eq!(nodes.fingerprint().await.unwrap(), None);
    assert!(nodes.agree(&one).await.unwrap());
    assert!(nodes.agree(&one).await.unwrap());
    assert!(!nodes.agree(&other).await.unwrap());
    assert_eq!(nodes.fingerprint().await.unwrap(), Some(one.to_vec()));
    nodes.forget_fingerprint().await.unwrap();
    assert!(nodes.agree(&other).await.unwrap());
    assert!(!nodes.agree(&one).await.unwrap());
}

async fn a_worker_gets_jobs_of_its_preset(stores: &Stores) {
    let key = new_key("of-presets", KeyRole::Plain);
    let key = stores.keys.insert(&key).await.unwrap().id;
    let mut ids = Vec::new();
    for preset in [Some("other"), Some("demo"), None] {
        let job = NewJob {
            preset: preset.map(str::to_owned),
            ..new_job(key, request("of a preset"), inline())
        };
        let inserted = stores.jobs.insert(&job, LIMITS).await.unwrap();
        ids.push(inserted.unwrap().id);
    }
    for (id, role) in [("of-demo", NodeRole::Worker), ("of-all", NodeRole::All)] {
        stores
            .nodes
            .heartbeat(&node(id, role, "demo"))
            .await
            .unwrap();
    }
    let claim = async |worker: &str| {
        let lease = START + Duration::from_secs(30);
        let worker = WorkerId::new(worker);
        let claimed = stores.jobs.claim(ClaimScope::Any, &worker, START, lease);
        claimed.await.unwrap().map(|claim| claim.job.id)
    };
    assert_eq!(claim("of-demo").await, Some(ids[1]), "not that of another");
    assert_eq!(claim("of-demo").await, Some(ids[2]), "and one of no preset");
    assert_eq!(claim("of-demo").await, None);
    assert_eq!(
        claim("of-all").await,
        Some(ids[0]),
        "the only server of all"
    );
}
