//! The metrics of the worker and the deliveries.
//!
//! | name | kind | what |
//! |---|---|---|
//! | `facegen_queue_depth` | gauge | jobs that wait |
//! | `facegen_queue_wait_seconds` | histogram | from the acceptance of a job to its first claim |
//! | `facegen_stage_seconds{stage}` | histogram | time of one stage of one job: `face_fetch`, `encoding`, `storing`; with the label `engine` also `face_analysis`, `text_encoding`, `conditioning`, `denoising`, `decoding`, `safety_checking` |
//! | `facegen_engine_ready{engine}` | gauge | 1 while an engine takes jobs, else 0 |
//! | `facegen_nodes{role}` | gauge | nodes on the same database that live, by their role: `all`, `api`, `worker` |
//! | `facegen_jobs_total{state}` | counter | jobs that ended: `succeeded`, `failed`, `cancelled` |
//! | `facegen_deliveries_total{kind,outcome}` | counter | attempts to deliver a `webhook` or a late `upload`: `delivered`, `retry`, `dead` |

use std::time::Duration;

use ::metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use facegen_core::store::NodeRole;
use facegen_core::{EngineName, GenerationTimings, JobState};

const QUEUE_DEPTH: &str = "facegen_queue_depth";
const QUEUE_WAIT: &str = "facegen_queue_wait_seconds";
const STAGE: &str = "facegen_stage_seconds";
const ENGINE_READY: &str = "facegen_engine_ready";
const NODES: &str = "facegen_nodes";
const JOBS: &str = "facegen_jobs_total";
const DELIVERIES: &str = "facegen_deliveries_total";

/// The stages that are timed here; the engine times the others itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    FaceFetch,
    Encoding,
    Storing,
}

/// Registers the descriptions of the metrics.
pub(crate) fn describe() {
    describe_gauge!(QUEUE_DEPTH, Unit::Count, "jobs that wait");
    describe_histogram!(
        QUEUE_WAIT,
        Unit::Seconds,
        "time from the acceptance of a job to its first claim"
    );
    describe_histogram!(STAGE, Unit::Seconds, "time of one stage of one job");
    describe_gauge!(
        ENGINE_READY,
        Unit::Count,
        "1 while an engine takes jobs, else 0"
    );
    describe_gauge!(NODES, Unit::Count, "nodes on the same database that live");
    describe_counter!(JOBS, Unit::Count, "jobs that ended");
    describe_counter!(
        DELIVERIES,
        Unit::Count,
        "attempts to deliver a webhook or to upload images later, by what came of them"
    );
}

pub(crate) fn queue_depth(depth: u32) {
    gauge!(QUEUE_DEPTH).set(depth);
}

pub(crate) fn queue_wait(time: Duration) {
    histogram!(QUEUE_WAIT).record(time);
}

pub(crate) fn stage(stage: Stage, time: Duration) {
    let name = match stage {
        Stage::FaceFetch => "face_fetch",
        Stage::Encoding => "encoding",
        Stage::Storing => "storing",
    };
    histogram!(STAGE, "stage" => name).record(time);
}

pub(crate) fn engine_ready(engine: &EngineName, ready: bool) {
    gauge!(ENGINE_READY, "engine" => engine.to_string()).set(u8::from(ready));
}

pub(crate) fn nodes(role: NodeRole, count: usize) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    gauge!(NODES, "role" => role.as_str()).set(count);
}

pub(crate) fn timings(timings: &GenerationTimings, engine: &EngineName) {
    for (name, time) in [
        ("face_analysis", timings.face_analysis),
        ("text_encoding", timings.text_encoding),
        ("conditioning", timings.conditioning),
        ("denoising", timings.denoising),
        ("decoding", timings.decoding),
        ("safety_checking", timings.safety_checking),
    ] {
        histogram!(STAGE, "stage" => name, "engine" => engine.to_string()).record(time);
    }
}

pub(crate) fn job_ended(state: JobState) {
    counter!(JOBS, "state" => state.as_str()).increment(1);
}

pub(crate) fn delivery(kind: &'static str, outcome: &'static str) {
    counter!(DELIVERIES, "kind" => kind, "outcome" => outcome).increment(1);
}
