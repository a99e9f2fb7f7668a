//! Real processes that are killed.
//!
//! The process that dies is this test program itself; a file in its working
//! directory makes it run [`the_process_that_dies`] alone and says where to abort.

use std::fs;
use std::path::Path;
use std::process::Command;

use facegen_core::GenerationRequest;
use facegen_core::job::JobId;
use facegen_store::SqliteStore;
use facegen_store::sqlite::testing::{Count, Rows};

use super::*;
use crate::testing::directory::DirectoryStore;
use crate::testing::{TIMEOUT, config, engine, ports};

const PLAN: &str = "scenario";

/// The content of that file: the prompts to submit, if they are not there yet,
/// and where to abort with the job `poison`.
struct Scenario {
    dies_at: String,
    prompts: Vec<String>,
}

fn observer(dies_at: &str) -> Observer {
    let dies_at = dies_at.to_owned();
    Arc::new(move |checkpoint, request: &GenerationRequest| {
        if request.spec.prompt() == "poison" && format!("{checkpoint:?}") == dies_at {
            std::process::abort();
        }
    })
}

async fn open(directory: &Path, dies_at: &str) -> JobService {
    let images = DirectoryStore(directory.join("pictures"));
    let ports = crate::ports::Ports {
        observer: observer(dies_at),
        ..ports(Arc::new(images))
    };
    let config = config();
    let store = SqliteStore::open_exclusive(&directory.join("jobs.sqlite")).await;
    let stores = store.unwrap().into_stores();
    JobService::open(config, ports, stores).await.unwrap()
}

/// Submits what is not there yet, and works until no job is left.
async fn work(directory: &Path, scenario: &Scenario) -> Vec<Job> {
    let service = open(directory, &scenario.dies_at).await;
    let key = new_key(&service).await;
    let mut jobs = Vec::new();
    for number in 1.. {
        match service
            .find(key, JobId::new(number).unwrap())
            .await
            .unwrap()
        {
            Some(job) => jobs.push(job),
            None => break,
        }
    }
    if jobs.is_empty() {
        for prompt in &scenario.prompts {
            let submission = submission(key, with_webhook(prompt));
            jobs.push(service.submit(submission).await.unwrap());
        }
    }
    let running = service.start();
    running.attach(engine(&FakeControl::new()));
    let mut ended = Vec::new();
    for job in jobs {
        ended.push(end_of(&service, job.id).await);
    }
    for job in &ended {
        let file = service.read(&first_file(job)).await.unwrap();
        assert_eq!(file.is_some(), job.state == JobState::Succeeded);
    }
    running.shutdown(TIMEOUT).await;
    ended
}

#[test]
#[ignore = "it is the process that the other tests of this file kill"]
fn the_process_that_dies() {
    let Ok(text) = fs::read_to_string(PLAN) else {
        return;
    };
    let mut lines = text.lines().map(str::to_owned);
    let scenario = Scenario {
        dies_at: lines.next().unwrap(),
        prompts: lines.collect(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(work(Path::new("."), &scenario));
}

/// Runs the process in this directory; returns false when it died.
fn survives(directory: &Path, scenario: &Scenario) -> bool {
    let text = format!("{}\n{}", scenario.dies_at, scenario.prompts.join("\n"));
    fs::write(directory.join(PLAN), text).unwrap();
    let name = concat!(module_path!(), "::the_process_that_dies");
    let name = name.split_once("::").unwrap().1;
    let output = Command::new("/proc/self/exe")
        .args(["--exact", name, "--ignored"])
        .current_dir(directory)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("running 1 test"), "{text}");
    output.status.success()
}

#[tokio::test]
async fn wherever_a_process_dies_the_job_ends_exactly_once() {
    for (dies_at, jobs, attempts) in [
        ("Accepted", 0, 0),
        ("Inserted", 1, 1),
        ("Enqueued", 1, 1),
        ("Claimed", 1, 2),
        ("Denoising", 1, 2),
        ("Encoded", 1, 2),
        ("Stored", 1, 2),
        ("Finishing", 1, 2),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut scenario = Scenario {
            dies_at: dies_at.into(),
            prompts: vec!["poison".into()],
        };
        assert!(
            !survives(directory.path(), &scenario),
            "it dies at {dies_at}"
        );
        scenario.dies_at.clear();
        scenario.prompts.clear();
        let ended = work(directory.path(), &scenario).await;
        assert_eq!(ended.len(), jobs, "{dies_at}");
        for job in ended {
            assert_eq!(
                (job.state, job.attempt),
                (JobState::Succeeded, attempts),
                "{dies_at}"
            );
        }
        let store = Rows::open(&directory.path().join("jobs.sqlite")).await;
        assert_eq!(count(&store, Count::Photos).await, 0);
        let webhooks = count(&store, Count::Deliveries).await;
        assert_eq!(
            webhooks,
            i64::try_from(jobs).unwrap(),
            "one webhook: {dies_at}"
        );
        let files = DirectoryStore(directory.path().join("pictures")).len();
        assert!(files <= 2, "{files} files: those of both attempts at most");
    }
}

#[tokio::test]
async fn poison_fails_after_three_attempts_and_its_neighbours_succeed() {
    for position in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let mut prompts: Vec<String> = (0..4).map(|index| format!("neighbour {index}")).collect();
        prompts.insert(position, "poison".into());
        let scenario = Scenario {
            dies_at: "Denoising".into(),
            prompts,
        };
        let mut deaths = 0;
        while !survives(directory.path(), &scenario) {
            deaths += 1;
            assert!(deaths <= 3, "poison at {position}");
        }
        assert_eq!(deaths, 3, "poison at {position}");
        for job in work(directory.path(), &scenario).await {
            if job.request.spec.prompt() == "poison" {
                assert_eq!((job.state, job.attempt), (JobState::Failed, 3));
                let message = job.failure.unwrap().message;
                assert_eq!(message, "the work on this request broke down 3 times");
            } else {
                assert_eq!(job.state, JobState::Succeeded, "poison at {position}");
                assert!(job.attempt <= 2);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_former_version_end() {
    let former = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../facegen-store/tests/assets/version_11.sqlite"
    );
    let harness = Harness::new();
    fs::create_dir_all(harness.database().parent().unwrap()).unwrap();
    fs::copy(former, harness.database()).unwrap();
    let service = harness.open().await;
    let running = service.start();
    running.attach(harness.engine());
    // They ran or waited when it was killed.
    for (id, attempt) in [(5, 2), (6, 2), (8, 1)] {
        let job = end_of(&service, JobId::new(id).unwrap()).await;
        assert_eq!((job.state, job.attempt), (JobState::Succeeded, attempt));
    }
    running.shutdown(TIMEOUT).await;
}
