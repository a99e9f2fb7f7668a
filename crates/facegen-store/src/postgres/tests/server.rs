//! A PostgreSQL server for the tests of this process, which ends with it.

#[path = "../../../../facegen-testkit/src/postgres.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a file of a crate that cannot be used here, since it uses this one"
)]
mod starter;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use facegen_core::store::Stores;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use self::starter::{Postgres, as_user, run};
use crate::postgres::database::Database;
use crate::postgres::{PostgresSource, PostgresStore};

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The URL of a database of a server that the tests are to use, whose role may
/// create databases, as of the compilation. Tests that need a server of their
/// own start one.
const OTHER: Option<&str> = option_env!("FACEGEN_TEST_POSTGRES");

/// What is set: nothing has to outlast the tests but a crash of the server, which each
/// connection asks for, and both kinds of connection are open.
const SETTINGS: &str = "
max_connections = 400
shared_buffers = 64MB
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
ssl = on
";

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// The one server.
pub(crate) struct Server(Postgres);

impl Server {
    pub(crate) fn get() -> &'static Self {
        &SERVER
    }

    /// Another server than that of the other tests.
    pub(super) fn start() -> Self {
        Self(Postgres::start_prepared(SETTINGS, certify))
    }

    /// Lets the server crash and begin again.
    pub(super) fn crash(&self) {
        self.0.crash();
    }

    /// The certificate that it shows.
    pub(super) fn certificate(&self) -> PathBuf {
        self.0.data().join("server.crt")
    }

    /// Its port of this host.
    pub(super) fn port(&self) -> u16 {
        self.0.port()
    }

    /// The URL of a database over the socket.
    pub(super) fn url(&self, database: &str) -> String {
        self.0.url(database)
    }

    /// A new database, without tables.
    pub(crate) async fn create(&self) -> PostgresSource {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("tests_{}", LAST.fetch_add(1, Ordering::Relaxed));
        create(&self.url("postgres"), &name).await;
        PostgresSource {
            url: self.url(&name),
            password_file: None,
        }
    }
}

async fn create(server: &str, name: &str) {
    let mut connection = connect(server).await;
    let create = format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0");
    connection.execute(AssertSqlSafe(create)).await.unwrap();
    connection.close().await.unwrap();
}

/// A new database without tables, on the server that the environment names or
/// else on that of the tests.
pub(in crate::postgres) async fn new_database() -> PostgresSource {
    let Some(server) = OTHER else {
        return Server::get().create().await;
    };
    let name = format!("facegen_{}", uuid::Uuid::new_v4().simple());
    create(server, &name).await;
    let (rest, parameters) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = rest.rsplit_once('/').unwrap();
    let url = match parameters {
        "" => format!("{host}/{name}"),
        parameters => format!("{host}/{name}?{parameters}"),
    };
    PostgresSource {
        url,
        password_file: None,
    }
}

/// A connection of its own.
async fn connect(url: &str) -> PgConnection {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match PgConnection::connect(url).await {
            Ok(connection) => return connection,
            // It has only just begun.
            Err(_) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("the server does not answer: {error}"),
        }
    }
}

/// Makes a certificate for this host that no authority has signed.
fn certify(data: &Path, user: Option<u32>) {
    run(as_user("openssl", user)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        // An authority is no server.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(data.join("server.key"))
        .arg("-out")
        .arg(data.join("server.crt")));
    run(as_user("chmod", user)
        .arg("600")
        .arg(data.join("server.key")));
}

/// A new database with tables.
pub(crate) async fn database() -> (PostgresSource, Database) {
    let source = new_database().await;
    let database = Database::connect(source.options().unwrap()).await;
    (source, database.unwrap())
}

/// The stores in a database.
pub(crate) async fn stores(source: &PostgresSource) -> Stores {
    PostgresStore::open(source).await.unwrap().into_stores()
}
