//! Nodes whose roles of the database have the rights that they need and no others.

use anyhow::{Result, ensure};

use super::shared::{Shared, wait_for_metric};
use crate::server::process::Site;

/// Makes a role for the tables and one for each kind of node.
const ROLES: &str = include_str!("roles.sql");

/// Reads the hashes of keys.
const HASHES: &str = include_str!("hashes.sql");

impl Shared {
    /// Returns a directory for a node that connects as this role of the database.
    fn site_as(&self, role: &str, name: &str) -> Result<Site> {
        let url = self.database_as(name);
        Ok(self.site(role)?.with("FACEGEN__DATABASE__URL", &url))
    }

    /// Returns the URL of the database for a role of it.
    fn database_as(&self, name: &str) -> String {
        self.postgres.tcp_url(name, &self.database)
    }
}

#[test]
fn nodes_work_with_database_roles_of_their_own() -> Result<()> {
    let shared = Shared::start()?;
    shared.postgres.ask(&shared.database, ROLES);
    let migrate = [
        "migrate",
        "--api-role",
        "facegen_api",
        "--worker-role",
        "facegen_worker",
    ];
    let mut migrate = shared
        .site_as("api", "facegen_owner")?
        .bare_command(&migrate)?;
    ensure!(migrate.status()?.success(), "the roles get no rights");

    let api = shared.site_as("api", "facegen_api")?.start()?;
    let worker = [shared.site_as("worker", "facegen_worker")?.start()?];
    super::a_caller_waits_for_another_node(&shared, &api)?;
    super::an_uploaded_photo_reaches_the_worker(&api)?;
    super::progress_and_cancel_cross_nodes(&api, &worker)?;

    let [worker] = worker;
    worker.send("TERM")?;
    wait_for_metric(&api, r#"facegen_nodes{role="worker"} 0"#)?;
    for node in [&api, &worker] {
        assert_eq!(node.count("permission denied"), 0, "something is refused");
    }
    let doctor = shared.site_as("worker", "facegen_worker")?;
    let looked = doctor.bare_command(&["doctor"])?.output()?;
    let looked = String::from_utf8(looked.stdout)?;
    ensure!(looked.contains("database        works\n"), "{looked}");
    for (name, may_read) in [("facegen_api", true), ("facegen_worker", false)] {
        let asked = shared.ask_as(&shared.database_as(name), HASHES);
        assert_eq!(asked.is_ok(), may_read, "{name}: {asked:?}");
        let denied = "permission denied for table keys";
        let is_denied = asked.is_err_and(|error| error.to_string().contains(denied));
        assert_eq!(is_denied, !may_read, "{name}");
    }
    Ok(())
}
