//! `facegen db check`: whether this program can work on the database.

use anyhow::{Context, Result, anyhow, bail, ensure};
use facegen_core::store::{Node, Stores};
use facegen_core::{Clock as _, SystemClock, Timestamp};
use facegen_store::{PostgresSource, PostgresStore, Schema};

use crate::config::Config;
use crate::config::environment::Environment;
use crate::config::sections::seconds;
use crate::doctor::Report;
use crate::failure::Failure;
use crate::serve::known_master_key;
use crate::stores;

/// Prints a line for each check. Fails when one of them fails.
pub(super) async fn run(config: &Config, environment: &Environment) -> Result<(), Failure> {
    let mut report = Report::default();
    let is_open = match config.postgres() {
        Some(source) => check_tables(&source, &mut report).await?,
        None => {
            let exists = config.database().is_file();
            let found = exists.then_some(()).context("there is no database yet");
            report
                .check("tables", found, |()| "SQLite".to_owned())?
                .is_some()
        }
    };
    if is_open {
        // The tables are as they should be, so that this changes none.
        let (stores, clock) = stores::open_with_clock(config).await?;
        let written = writes(&stores).await;
        report.check("writes", written, |()| "work".to_owned())?;
        let master_key = master_key(&stores, config, environment).await;
        report.check("master key", master_key, |words| (*words).to_owned())?;
        report.line("ok", "clock", difference(clock.now(), SystemClock.now()))?;
        print_nodes(&stores, config, clock.now(), &mut report).await?;
        stores.health.close().await;
    }
    report.end()
}

async fn check_tables(source: &PostgresSource, report: &mut Report) -> Result<bool> {
    let schema = PostgresStore::schema(source).await.map_err(Into::into);
    let schema = schema.and_then(|schema| usable(&schema).map(|()| schema));
    let tables = report.check("tables", schema, |schema| match schema.applied {
        applied if applied > schema.known => format!(
            "migration {applied}, this version knows {} and can work on them",
            schema.known
        ),
        applied => format!("migration {applied}"),
    })?;
    Ok(tables.is_some())
}

fn usable(schema: &Schema) -> Result<()> {
    let Schema {
        applied,
        known,
        required,
        ..
    } = schema;
    ensure!(
        required <= known,
        "a later version has changed them: migration {required} has to be known, this version knows {known}"
    );
    ensure!(
        schema.is_complete,
        "migration {applied} of {known}: run `facegen migrate`"
    );
    Ok(())
}

async fn writes(stores: &Stores) -> Result<()> {
    match stores.health.check(true).await {
        None => Ok(()),
        Some(fault) => Err(anyhow!(fault)),
    }
}

async fn master_key(
    stores: &Stores,
    config: &Config,
    environment: &Environment,
) -> Result<&'static str> {
    let recorded = stores.nodes.fingerprint().await?;
    let own = known_master_key(config, environment)?;
    let Some(recorded) = recorded else {
        return Ok("none is recorded, the first node on PostgreSQL records its own");
    };
    let Some(own) = own else {
        bail!("this host has none, and the nodes share one: set FACEGEN_MASTER_KEY_FILE");
    };
    ensure!(
        recorded == own.fingerprint(),
        "it is not the one that the nodes share"
    );
    Ok("the one that the nodes share")
}

fn difference(database: Timestamp, machine: Timestamp) -> String {
    let ahead = machine.since(database).max(database.since(machine));
    let seconds = ahead.as_secs_f64();
    format!("{seconds:.1} s between this machine and the database, whose time counts")
}

async fn print_nodes(
    stores: &Stores,
    config: &Config,
    now: Timestamp,
    report: &mut Report,
) -> Result<()> {
    let lease = seconds(config.queue.lease_seconds);
    for node in stores.nodes.list(now - lease).await? {
        report.line(
            "ok",
            &format!("node {}", node.role.as_str()),
            describe(&node, now),
        )?;
    }
    Ok(())
}

fn describe(node: &Node, now: Timestamp) -> String {
    let engines: Vec<String> = node
        .engines
        .iter()
        .map(|engine| match engine.ready {
            true => format!("{} for {}", engine.name, engine.requests),
            false => format!("{} not ready", engine.name),
        })
        .collect();
    let engines = match engines.is_empty() {
        true => String::new(),
        false => format!(", {}", engines.join(" and ")),
    };
    let Node {
        name,
        preset,
        version,
        ..
    } = node;
    let state = if node.draining { ", stopping" } else { "" };
    let seen = now.since(node.seen_at).as_secs();
    format!("{name}: {preset}{engines}, version {version}, seen {seen} s ago{state}")
}
