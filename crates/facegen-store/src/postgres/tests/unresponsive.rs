//! A database that does not answer any more, and closes no connection.

use std::time::{Duration, Instant};

use facegen_core::store::{ClaimScope, Event, JobStore as _, WorkerId};
use sqlx::query;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::nodes::{LEASE, START, insert};
use super::proxy::Proxy;
use super::server::stores;
use crate::postgres::PostgresStore;
use crate::postgres::database::Database;
use crate::postgres::jobs::PostgresJobs;
use crate::sqlite::tests::new_key;

const TIMEOUT: Duration = Duration::from_secs(30);

/// How long the tests wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_claim_without_an_answer_is_given_up() {
    let proxy = Proxy::start().await;
    let source = proxy.create().await;
    let node = stores(&source).await;
    let key = node.keys.insert(&new_key("a")).await.unwrap().id;
    insert(&node, key, 9).await.unwrap();

    let database = Database::connect(source.options().unwrap()).await.unwrap();
    let jobs = PostgresJobs::new(database.in_background(ANSWER_TIMEOUT));
    let worker = WorkerId::new("one");
    let claim = || jobs.claim(ClaimScope::Any, &worker, START, START + LEASE);
    proxy.swallow(Some("SET state = 'running', attempt = attempt + 1"));
    let begin = Instant::now();
    let claimed = timeout(TIMEOUT, claim()).await.unwrap();
    claimed.unwrap_err();
    assert!(
        begin.elapsed() < 2 * ANSWER_TIMEOUT,
        "{:?}",
        begin.elapsed()
    );

    // What it held is given up by the server, too.
    proxy.swallow(None);
    let claimed = async {
        loop {
            if let Ok(claimed) = claim().await {
                break claimed;
            }
        }
    };
    let claimed = timeout(TIMEOUT, claimed).await.unwrap();
    assert_eq!(claimed.unwrap().fence.attempt, 1);
}

#[tokio::test]
async fn events_go_on_after_one_that_was_not_taken() {
    let proxy = Proxy::start().await;
    let source = proxy.create().await;
    let [one, other] = [stores(&source).await, stores(&source).await];
    let mut heard = other.events.subscribe();
    proxy.swallow(Some("pg_notify"));
    one.events.publish(Event::JobQueued);
    tokio::time::sleep(Duration::from_millis(500)).await;
    proxy.swallow(None);
    one.events.publish(Event::Ordered);
    let mut heard_of = Vec::new();
    while heard_of.last() != Some(&Event::Ordered) {
        heard_of.push(timeout(TIMEOUT, heard.next()).await.unwrap());
    }
    assert!(!heard_of.contains(&Event::JobQueued), "{heard_of:?}");
    // That one is lost is said with the next one.
    while heard_of.last() != Some(&Event::Missed) {
        heard_of.push(timeout(TIMEOUT, heard.next()).await.unwrap());
    }
}

#[tokio::test]
async fn connections_without_an_answer_are_replaced() {
    let proxy = Proxy::start().await;
    let source = proxy.create().await;
    PostgresStore::migrate(&source).await.unwrap();
    let database = Database::connect(source.options().unwrap()).await.unwrap();
    proxy.swallow(Some("SELECT 'swallowed'"));
    let mut asked = JoinSet::new();
    for number in 0..9 {
        let database = database.in_background(ANSWER_TIMEOUT);
        asked.spawn(async move {
            let question = query("SELECT 'swallowed'");
            // Some are given up by a deadline of their own, others by their caller.
            match number % 2 {
                0 => database.execute(question).await.unwrap_err(),
                _ => {
                    return timeout(ANSWER_TIMEOUT / 2, database.execute(question))
                        .await
                        .is_ok();
                }
            };
            false
        });
    }
    assert!(asked.join_all().await.iter().all(|answered| !answered));
    let database = database.in_background(TIMEOUT / 2);
    let mut asked = JoinSet::new();
    for _ in 0..9 {
        let database = database.clone();
        asked.spawn(async move { database.execute(query("SELECT 'answered'")).await });
    }
    for answered in asked.join_all().await {
        answered.unwrap();
    }
}
