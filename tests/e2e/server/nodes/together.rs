//! What holds for all nodes on a database together: the limits of a key, the first key, and
//! which roles can be next to each other.

use std::thread::{JoinHandle, spawn};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::shared::Shared;
use crate::server::client::{Answer, Client, request_with};
use crate::server::process::{Server, Site};

/// How many requests come at once, half of them at each node.
const REQUESTS: usize = 16;

#[test]
fn limits_of_a_key_hold_over_two_nodes() -> Result<()> {
    let shared = Shared::start()?;
    let nodes = [shared.api()?.start()?, shared.api()?.start()?];
    // Without a worker all jobs wait.
    for (requests_per_minute, queue_share, allowed, words) in [
        ("6", "0", 6, "requests per minute"),
        ("0", "4", 4, "queued requests"),
    ] {
        let limits = [
            "--requests-per-minute",
            requests_per_minute,
            "--queue-share",
            queue_share,
        ];
        let key = new_key(&shared.site("api")?, &limits)?;
        let answers = all_at_once(&nodes, &key)?;
        let accepted = answers.iter().filter(|(status, _)| *status == 200).count();
        assert_eq!(accepted, allowed, "{answers:?}");
        for (status, answer) in answers {
            let message = answer["message"].as_str().unwrap_or_default();
            let is_refused = status == 429 && message.contains(words);
            ensure!(status == 200 || is_refused, "{status} {answer}");
        }
    }
    Ok(())
}

/// Creates a key with these limits, and returns its text.
fn new_key(site: &Site, limits: &[&str]) -> Result<String> {
    let words = [&["keys", "create", "app"], limits].concat();
    let output = site.command(&words)?.output()?;
    ensure!(output.status.success(), "no key is created");
    let text = String::from_utf8(output.stdout)?;
    let key = text.lines().find(|line| line.starts_with("fg_"));
    Ok(key.context("no key is printed")?.to_owned())
}

/// Sends all requests at the same time, to one node and the other in turn.
fn all_at_once(nodes: &[Server; 2], key: &str) -> Result<Vec<Answer>> {
    let ask = |number: usize| {
        let client: Client = nodes[number % 2].client.clone();
        let request = request_with("key", json!(key));
        spawn(move || client.make(&request))
    };
    let asked: Vec<_> = (0..REQUESTS).map(ask).collect();
    let answer = |asked: JoinHandle<Result<Answer>>| {
        let answered = asked.join();
        answered.map_err(|_| anyhow::anyhow!("panicked"))?
    };
    asked.into_iter().map(answer).collect()
}

#[test]
fn nodes_that_begin_at_once_print_one_first_key() -> Result<()> {
    let shared = Shared::start()?;
    let launch = || shared.site("api")?.with("FACEGEN_API_KEY", "").launch();
    let nodes = [launch()?, launch()?, launch()?];
    let mut printed = String::new();
    for node in nodes {
        node.wait_for("listening on ")?;
        printed += &node.printed()?;
    }
    assert_eq!(printed.matches("API key: fg_").count(), 1, "{printed}");
    Ok(())
}

#[test]
fn a_server_of_all_and_other_nodes_refuse_each_other() -> Result<()> {
    let shared = Shared::start()?;
    let refuses = |refused: Server, role: &str, words: &str| -> Result<()> {
        refused.wait_for(words)?;
        ensure!(!refused.end()?.success(), "{role} starts");
        Ok(())
    };
    let alone = shared.site("all")?.start()?;
    let roles = [
        ("all", "another server or node works on this database"),
        ("api", "a server of the role \"all\" works on this database"),
        (
            "worker",
            "a server of the role \"all\" works on this database",
        ),
    ];
    let launched = roles.map(|(role, _)| shared.site(role)?.launch());
    for (launched, (role, words)) in launched.into_iter().zip(roles) {
        refuses(launched?, role, words)?;
    }
    // Its place is free as soon as it is gone, in whatever way.
    alone.kill()?;
    let _api = shared.site("api")?.start()?;
    let (role, words) = roles[0];
    refuses(shared.site(role)?.launch()?, role, words)
}
