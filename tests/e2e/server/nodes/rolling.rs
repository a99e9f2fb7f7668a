//! An earlier version of the program next to this one, on one database.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::faults::results;
use super::shared::{Shared, id};
use crate::server::client::request;
use crate::server::process::{Server, Site};

/// The variable with the path of the program of the earlier version.
const FORMER: &str = "FACEGEN_FORMER";

/// Jobs that each `api` node accepts while all nodes live.
const JOBS: usize = 20;

/// The latest migration.
const APPLIED: &str = include_str!("applied.sql");

/// Which worker claimed which job last.
const CLAIMS: &str = include_str!("claims.sql");

impl Shared {
    /// Returns which worker claimed each job last.
    fn claims(&self) -> Result<HashMap<u64, String>> {
        let claims = self.ask(CLAIMS)?;
        let claim = |line: &str| -> Result<(u64, String)> {
            let (job, worker) = line.split_once(' ').context("one column")?;
            Ok((job.parse()?, worker.to_owned()))
        };
        claims.lines().map(claim).collect()
    }
}

fn submit(api: &Server, jobs: usize) -> Result<Vec<u64>> {
    (0..jobs)
        .map(|_| id(&api.client.make(&request())?.1))
        .collect()
}

fn wait_for_all(api: &Server, jobs: &[u64]) -> Result<()> {
    jobs.iter().try_for_each(|job| {
        let result = api.client.result(*job)?;
        ensure!(result["status"] == "success", "{result}");
        Ok(())
    })
}

#[expect(clippy::disallowed_methods, reason = "a test has no config")]
fn former() -> Result<PathBuf> {
    std::env::var_os(FORMER).map(PathBuf::from).context(FORMER)
}

#[test]
#[ignore = "needs the program of an earlier version: `cargo xtask verify rolling`"]
fn jobs_of_two_versions_all_end() -> Result<()> {
    let former = former()?;
    let shared = Shared::start()?;
    let quiet = |site: Site| site.with("RUST_LOG", "info");
    let old = |site: Site| quiet(site).run_by(&former).start();
    let new = |site: Site| quiet(site).start();

    let (old_api, old_worker) = (old(shared.api()?)?, old(shared.site("worker")?)?);
    let before: i64 = shared.ask(APPLIED)?.parse()?;
    let mut jobs = submit(&old_api, 2)?;
    wait_for_all(&old_api, &jobs)?;
    let old_name = shared.claims()?.remove(&jobs[0]).context("no worker")?;

    // The new version starts next to the old one, and migrates under it while jobs wait.
    let mut of_old = submit(&old_api, JOBS / 2)?;
    let new_api = new(shared.api()?)?;
    let after: i64 = shared.ask(APPLIED)?.parse()?;
    ensure!(
        after > before,
        "no migration lies between {before} and {after}"
    );
    let new_worker = new(shared.site("worker")?)?;
    let mut of_new = Vec::new();
    for _ in 0..JOBS / 2 {
        of_old.extend(submit(&old_api, 1)?);
        of_new.extend(submit(&new_api, 2)?);
    }
    wait_for_all(&old_api, &of_new)?;
    wait_for_all(&new_api, &of_old)?;
    let claims = shared.claims()?;
    let made = |jobs: &[u64], by_old: bool| {
        let is_by = |job: &&u64| (claims.get(*job) == Some(&old_name)) == by_old;
        jobs.iter().filter(is_by).count()
    };
    let (old_made, new_made) = (made(&of_new, true), made(&of_old, false));
    ensure!(
        old_made > 0 && new_made > 0,
        "the former version made {old_made} of the jobs of this one, this one {new_made} of its"
    );
    jobs.extend(of_old.iter().chain(&of_new));

    // The old nodes are stopped with work at hand.
    let last = submit(&old_api, 6)?;
    ensure!(old_worker.terminate()?.success(), "it does not stop");
    ensure!(old_api.terminate()?.success(), "it does not stop");
    wait_for_all(&new_api, &last)?;
    jobs.extend(last);

    // And the new version is taken back: the migrated tables serve the old one alone.
    ensure!(new_worker.terminate()?.success(), "it does not stop");
    let (old_api, _old_worker) = (old(shared.api()?)?, old(shared.site("worker")?)?);
    ensure!(new_api.terminate()?.success(), "it does not stop");
    let back = submit(&old_api, 3)?;
    wait_for_all(&old_api, &back)?;
    jobs.extend(back);

    let attempts = results(&old_api.client, &jobs)?;
    println!(
        "rolling: {} jobs by two versions, migrated from {before} to {after} meanwhile: all end \
         once, by attempts {attempts:?}; the former version made {old_made} of {JOBS} jobs of the \
         later one's node, that one {new_made} of {JOBS} of the former's",
        jobs.len()
    );
    Ok(())
}
