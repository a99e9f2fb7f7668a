//! The seeds of the fuzzer, sent to the server that it tests.

#[path = "../fuzz/targets/server.rs"]
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use server::Server;

#[test]
fn the_seeds_of_the_fuzzer_reach_a_job_and_refusals() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds/request_body");
    let server = Server::start();
    let seeds = fs::read_dir(directory).unwrap();
    let statuses: BTreeSet<u16> = seeds
        .map(|seed| server.ask(&fs::read(seed.unwrap().path()).unwrap()))
        .collect();
    // One job fits into the queue, the next finds it full.
    assert_eq!(statuses, BTreeSet::from([200, 400, 401, 429]));
}
