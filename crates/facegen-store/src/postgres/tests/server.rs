//! A PostgreSQL server for the tests of this process, which ends with it.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use facegen_core::store::Stores;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::postgres::database::Database;
use crate::postgres::{PostgresSource, PostgresStore};

/// The URL of a database of a server that the tests are to use, whose role may
/// create databases, as of the compilation. Tests that need a server of their
/// own start one.
const OTHER: Option<&str> = option_env!("FACEGEN_TEST_POSTGRES");

/// Where Debian has the programs of every version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Whom the server runs as when the tests run as root, which it refuses.
const UNPRIVILEGED: u32 = 65534;

/// How long the server may take to begin.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the server until this process is gone, in whatever way: then the input ends. The
/// directory goes with it. Until then each line lets the server crash and begin again.
const RUN: &str = r#"
serve() {
    "$1/postgres" -D "$2/data" -k "$2" -p "$3" </dev/null >>"$2/log" 2>&1 &
}
serve "$@"
while read -r _; do
    kill -QUIT $!
    wait
    serve "$@"
done
kill -INT $!
wait
rm -rf "$2"
"#;

/// What is set: nothing has to outlast the tests but a crash of the server, which each
/// connection asks for, and both kinds of connection are open.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
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
pub(crate) struct Server {
    pub(super) directory: PathBuf,
    pub(super) port: u16,
    databases: AtomicU32,
    /// Its input ends with this process.
    running: Mutex<Child>,
}

impl Server {
    pub(crate) fn get() -> &'static Self {
        &SERVER
    }

    /// Another server than that of the other tests.
    pub(super) fn start() -> Self {
        let programs = programs();
        let directory = tempfile::tempdir().unwrap().keep();
        let user = user();
        let own = |path: &Path| {
            if let Some(user) = user {
                chown(path, Some(user), Some(user)).unwrap();
            }
        };
        own(&directory);
        run(as_user(programs.join("initdb"), user)
            .args([
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ])
            .args(["--username=postgres", "-D"])
            .arg(directory.join("data")));
        let data = directory.join("data");
        certify(&data, user);
        fs::write(data.join("postgresql.auto.conf"), SETTINGS).unwrap();
        own(&data.join("postgresql.auto.conf"));
        let port = free_port();
        let mut server = as_user("sh", user);
        server.args(["-c", RUN, "sh"]).arg(programs);
        server.arg(&directory).arg(port.to_string());
        // Signals for the tests are none for the server.
        let running = server
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for(&directory.join(format!(".s.PGSQL.{port}")), &directory);
        Self {
            directory,
            port,
            databases: AtomicU32::new(0),
            running: Mutex::new(running),
        }
    }

    /// Lets the server crash and begin again.
    pub(super) fn crash(&self) {
        let mut running = self.running.lock().unwrap();
        running.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// The URL of a database over the socket.
    pub(super) fn url(&self, database: &str) -> String {
        let directory = self.directory.display();
        format!(
            "postgres://postgres@localhost:{}/{database}?host={directory}",
            self.port
        )
    }

    /// A new database, without tables.
    pub(crate) async fn create(&self) -> PostgresSource {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("facegen_{number}");
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

/// A port that is free again.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
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

/// The programs of the latest version.
fn programs() -> PathBuf {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten();
    let programs = versions.map(|version| version.unwrap().path().join("bin"));
    let mut programs: Vec<PathBuf> = programs
        .filter(|path| path.join("initdb").exists())
        .collect();
    programs.sort();
    programs.pop().expect(
        "tests of PostgreSQL need Debian's package postgresql; those that need no server of \
             their own use the one whose URL is in FACEGEN_TEST_POSTGRES",
    )
}

fn user() -> Option<u32> {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    is_root.then_some(UNPRIVILEGED)
}

fn as_user(program: impl AsRef<std::ffi::OsStr>, user: Option<u32>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let (out, error) = (&output.stdout, &output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(error)
    );
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

fn wait_for(socket: &Path, directory: &Path) {
    let deadline = Instant::now() + TIMEOUT;
    while !socket.exists() {
        let log = || fs::read_to_string(directory.join("log")).unwrap_or_default();
        assert!(
            Instant::now() < deadline,
            "the server does not begin: {}",
            log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
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
