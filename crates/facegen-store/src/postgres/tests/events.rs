//! Events from one process to another.

use std::time::Duration;

use facegen_core::job::JobId;
use facegen_core::store::{Event, Stores};
use sqlx::query;
use tokio::time::timeout;

use super::server::{new_database, stores};

const TIMEOUT: Duration = Duration::from_secs(30);

async fn two_nodes() -> ([Stores; 2], sqlx::PgPool) {
    let source = new_database().await;
    let nodes = [stores(&source).await, stores(&source).await];
    (nodes, sqlx::PgPool::connect(&source.url).await.unwrap())
}

#[tokio::test]
async fn every_process_is_notified_once() {
    let ([one, other], _) = two_nodes().await;
    let (mut own, mut foreign) = (one.events.subscribe(), other.events.subscribe());
    let job = JobId::new(7).unwrap();
    let said = [
        Event::JobQueued,
        Event::JobCancelled(job),
        Event::JobEnded(job),
    ];
    for event in said {
        one.events.publish(event);
    }
    for event in said {
        assert_eq!(timeout(TIMEOUT, own.next()).await.unwrap(), event);
        assert_eq!(timeout(TIMEOUT, foreign.next()).await.unwrap(), event);
    }
    // What comes back from the database is known already.
    other.events.publish(Event::JobEnded(job));
    assert_eq!(
        timeout(TIMEOUT, own.next()).await.unwrap(),
        Event::JobEnded(job)
    );
}

#[tokio::test]
async fn a_flood_is_noticed_as_something_missed() {
    let ([one, other], _) = two_nodes().await;
    let mut foreign = other.events.subscribe();
    for number in 1..=5_000 {
        one.events
            .publish(Event::JobEnded(JobId::new(number).unwrap()));
    }
    let missed = async { while foreign.next().await != Event::Missed {} };
    timeout(TIMEOUT, missed).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_listens_comes_back() {
    let ([one, other], pool) = two_nodes().await;
    let mut foreign = other.events.subscribe();
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    query(kill).execute(&pool).await.unwrap();
    // What was sent meanwhile is lost, and that is known.
    assert_eq!(
        timeout(TIMEOUT, foreign.next()).await.unwrap(),
        Event::Missed
    );
    let heard = async {
        loop {
            one.events.publish(Event::JobQueued);
            let next = timeout(Duration::from_secs(1), foreign.next()).await;
            if next == Ok(Event::JobQueued) {
                break;
            }
        }
    };
    timeout(TIMEOUT, heard).await.unwrap();
}
