//! Photos behind hosts that are slow.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use facegen_core::job::JobId;
use facegen_core::key::KeyId;
use facegen_core::redact::{FaceImage, SafeUrl};
use facegen_core::{FaceError, FaceReader, FaceSource, JobState, Photo, RgbImage};
use tokio::sync::watch;
use tokio::time::timeout;

use super::submit;
use crate::service::JobService;
use crate::testing::{Harness, TIMEOUT, end_of, new_key, request, submission};

const SLOW: &str = "http://slow.example/a.jpg";
const QUICK: &str = "http://quick.example/a.jpg";

/// Returns the photos of one host when the test lets it, and counts.
#[derive(Debug, Clone, Default)]
struct Hosts {
    open: watch::Sender<bool>,
    fetching: watch::Sender<usize>,
    decoded: watch::Sender<usize>,
}

#[async_trait]
impl FaceReader for Hosts {
    async fn fetch(&self, url: &SafeUrl) -> Result<FaceImage, FaceError> {
        if url.expose() == SLOW {
            self.fetching.send_modify(|count| *count += 1);
            let _ = self.open.subscribe().wait_for(|open| *open).await;
            self.fetching.send_modify(|count| *count -= 1);
        }
        Ok(FaceImage::from(b"face".to_vec()))
    }

    fn decode(&self, _: &FaceImage) -> Result<Photo, FaceError> {
        self.decoded.send_modify(|count| *count += 1);
        let grey = RgbImage::new(32, 32, vec![0; 32 * 32 * 3]);
        let grey = grey.map(Photo::from);
        grey.map_err(|error| FaceError::new(error.to_string()))
    }
}

impl Hosts {
    async fn until_fetching(&self, wanted: usize) {
        until(&self.fetching, wanted).await;
    }
}

/// Waits until the count is reached, and a little longer.
async fn until(count: &watch::Sender<usize>, wanted: usize) {
    let mut counted = count.subscribe();
    let reached = counted.wait_for(|count| *count == wanted);
    let _ = timeout(TIMEOUT, reached).await.expect("it comes to that");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn open(harness: &Harness, hosts: &Hosts) -> (JobService, KeyId) {
    let mut ports = harness.ports();
    ports.faces = Arc::new(hosts.clone());
    let service = harness.open_with(harness.config(), ports).await;
    let key = new_key(&service).await;
    (service, key)
}

async fn submit_url(service: &JobService, key: KeyId, url: &str) -> JobId {
    let mut submission = submission(key, request("by url"));
    submission.face = FaceSource::Url(url.into());
    service.submit(submission).await.unwrap().id
}

#[tokio::test]
async fn slow_hosts_delay_neither_other_hosts_nor_inline_photos() {
    let (harness, hosts) = (Harness::new(), Hosts::default());
    let (service, key) = open(&harness, &hosts).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        slow.push(submit_url(&service, key, SLOW).await);
    }
    let running = service.start();
    running.attach(harness.engine());
    for _ in 0..5 {
        let quick = submit_url(&service, key, QUICK).await;
        assert_eq!(end_of(&service, quick).await.state, JobState::Succeeded);
        let inline = submit(&service, key, "inline").await.id;
        assert_eq!(end_of(&service, inline).await.state, JobState::Succeeded);
    }
    hosts.until_fetching(3).await;
    hosts.open.send_replace(true);
    for job in slow {
        assert_eq!(end_of(&service, job).await.state, JobState::Succeeded);
    }
    assert_eq!(harness.control.counts().admitted, 13, "each was made once");
    running.shutdown(TIMEOUT).await;
}

#[tokio::test]
async fn four_are_fetched_at_once_and_delay_no_inline_photo() {
    let (harness, hosts) = (Harness::new(), Hosts::default());
    let (service, key) = open(&harness, &hosts).await;
    let mut jobs = Vec::new();
    for _ in 0..9 {
        jobs.push(submit_url(&service, key, SLOW).await);
    }
    let running = service.start();
    running.attach(harness.engine());
    hosts.until_fetching(4).await;
    assert_eq!(*hosts.fetching.borrow(), 4);
    for _ in 0..3 {
        let inline = submit(&service, key, "inline").await.id;
        assert_eq!(end_of(&service, inline).await.state, JobState::Succeeded);
    }
    assert_eq!(*hosts.fetching.borrow(), 4);
    hosts.open.send_replace(true);
    for job in jobs {
        assert_eq!(end_of(&service, job).await.state, JobState::Succeeded);
    }
    running.shutdown(TIMEOUT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_photos_are_decoded_ahead_of_the_engine_and_no_more() {
    let (harness, hosts) = (Harness::new(), Hosts::default());
    harness.control.close();
    let (service, key) = open(&harness, &hosts).await;
    let mut jobs = Vec::new();
    for url in [SLOW, SLOW, SLOW, SLOW, QUICK, QUICK, QUICK] {
        jobs.push(submit_url(&service, key, url).await);
    }
    let running = service.start();
    running.attach(harness.engine());
    hosts.until_fetching(4).await;
    hosts.open.send_replace(true);
    assert!(harness.control.wait_until(|counts| counts.ticks == 1));
    until(&hosts.decoded, 2).await;
    assert_eq!(*hosts.decoded.borrow(), 2);
    harness.control.open();
    for job in jobs {
        assert_eq!(end_of(&service, job).await.state, JobState::Succeeded);
    }
    running.shutdown(TIMEOUT).await;
}

#[tokio::test]
async fn jobs_that_wait_for_their_photos_are_requeued_at_shutdown() {
    let (harness, hosts) = (Harness::new(), Hosts::default());
    let (service, key) = open(&harness, &hosts).await;
    let job = submit_url(&service, key, SLOW).await;
    let running = service.start();
    running.attach(harness.engine());
    hosts.until_fetching(1).await;
    running.shutdown(Duration::ZERO).await;
    let job = service.find(key, job).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Queued);
}
