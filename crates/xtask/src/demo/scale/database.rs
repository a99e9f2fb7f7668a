//! The database of the demo.

#[path = "../../../../facegen-testkit/src/postgres.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "a file of the tests, which use all of it and are another crate"
)]
mod postgres;

use anyhow::{Result, bail};

use self::postgres::{FAST, Postgres};
use crate::report;

/// The variable with the URL of a database that is used instead.
const OTHER: &str = "FACEGEN_TEST_POSTGRES";

/// A PostgreSQL database until this is dropped.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) url: String,
    _server: Option<Postgres>,
}

impl Database {
    /// Starts a server of Debian's package, unless the environment names a database.
    pub(super) fn start() -> Result<Self> {
        if let Some(url) = other() {
            report::line(format_args!("the database is that of {OTHER}"));
            return Ok(Self { url, _server: None });
        }
        if !Postgres::is_installed() {
            bail!(
                "the demo of many machines needs PostgreSQL. On Debian and Ubuntu\n\n    \
                 sudo apt-get install --no-install-recommends postgresql\n\n\
                 has its programs; the demo starts a server of its own. Without root, set {OTHER} to \
                 the URL of an empty database of any server, \
                 postgres://USER@HOST/DATABASE?sslmode=..., which stays as the demo leaves it"
            );
        }
        let server = Postgres::start(FAST);
        let url = server.tcp_url("postgres", &server.create());
        report::line(format_args!("PostgreSQL listens: {url}"));
        Ok(Self {
            url,
            _server: Some(server),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a developer command may be given a database"
)]
fn other() -> Option<String> {
    std::env::var(OTHER).ok().filter(|url| !url.is_empty())
}
