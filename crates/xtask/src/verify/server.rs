//! Checks of the built server by its ignored tests.

use std::path::Path;

use anyhow::Result;

use super::long_tests::run_ignored;
use crate::process;
use crate::workspace::Workspace;

/// The test of [`kill`].
const KILL_TEST: &str = "server::kills::no_job_is_lost_three_times_over";

/// The tests of [`nodes`].
const NODES_TESTS: [&str; 3] = [
    "server::nodes::answers::callers_are_answered_soon_after_the_end_of_their_jobs",
    "server::nodes::faults::no_job_is_lost_wherever_a_node_is_killed",
    "server::nodes::faults::every_job_ends_once_while_nodes_database_and_connections_fail",
];

/// The tests of [`attack`].
const ATTACK_TESTS: [&str; 3] = [
    "server::attacks::unread_images_of_a_bucket_take_no_memory",
    "server::attacks::half_sent_bodies_refuse_no_other_client",
    "server::attacks::silent_connections_refuse_no_other_client",
];

/// Runs the long form of the test that kills the server.
pub(super) fn kill(workspace: &Workspace) -> Result<String> {
    of_the_built_server(workspace, &[KILL_TEST], "kill: ", &[])?;
    Ok("24 kills: nothing lost, nothing twice".to_owned())
}

/// Lets nodes, the database and connections fail.
pub(super) fn nodes(workspace: &Workspace) -> Result<String> {
    of_the_built_server(workspace, &NODES_TESTS, "nodes: ", &[])
}

/// Attacks the built server in each way.
pub(super) fn attack(workspace: &Workspace) -> Result<String> {
    of_the_built_server(workspace, &ATTACK_TESTS, "attack: ", &[])
}

/// Builds the server and runs ignored tests of it, with these variables; returns what they print
/// after `prefix`.
pub(super) fn of_the_built_server(
    workspace: &Workspace,
    tests: &[&str],
    prefix: &str,
    variables: &[(&str, &Path)],
) -> Result<String> {
    let mut build = process::cargo();
    build.args(["build", "--workspace", "--bins"]);
    process::run(build.current_dir(&workspace.root))?;
    let mut results = Vec::new();
    for test in tests {
        let mut command = process::cargo();
        command.args(["test", "--workspace", "--test", "e2e", "--"]);
        command.arg("--nocapture").envs(variables.iter().copied());
        run_ignored(workspace, &mut command, test, |line| {
            if let Some((_, result)) = line.split_once(prefix) {
                results.push(result.to_owned());
            }
        })?;
    }
    Ok(results.join("; "))
}
