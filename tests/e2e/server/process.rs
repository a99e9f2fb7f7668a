//! One server process, and its log.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use facegen_testkit::memory::resident_kilobytes;
use tempfile::TempDir;

use super::client::{Client, SECRETS};
use crate::program::{PRESETS, executable, shared_data};

/// The key of every server here, unless a test needs none.
pub(super) const API_KEY: &str = "e2e-key-that-no-log-shows";

/// The filter that logs everything from every library.
const EVERYTHING: &str = "trace,tokenizers::tokenizer=trace,aws_smithy_runtime=trace,\
                          aws_sdk_s3=trace,aws_sigv4=trace,ureq=trace,sqlx=trace";

/// How long a test waits for what must happen anyway.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A data directory, and the environment of its servers.
#[derive(Debug)]
pub(super) struct Site {
    /// Lives as long as the site or a server on it.
    directory: Arc<TempDir>,
    variables: Vec<(String, String)>,
    preset: &'static str,
    /// The program of another version, if that is to serve.
    program: Option<PathBuf>,
}

impl Site {
    /// Creates an empty directory. Synthetic weights are shared, so that they are made once.
    pub(super) fn new() -> Result<Self> {
        let directory = Arc::new(TempDir::new()?);
        let shared = shared_data().join("synthetic");
        fs::create_dir_all(&shared)?;
        symlink(shared, directory.path().join("synthetic"))?;
        let site = Self {
            directory,
            variables: Vec::new(),
            preset: "random",
            program: None,
        };
        Ok(site
            .with("FACEGEN_API_KEY", API_KEY)
            .with("FACEGEN__ENGINE__MODELS_DIR", PRESETS))
    }

    /// Sets the demo preset for its servers.
    pub(super) fn of_demo(self) -> Self {
        let site = self.with("FACEGEN__ENGINE__MODELS_DIR", "models");
        Self {
            preset: "demo",
            ..site
        }
    }

    /// Sets the program for its servers.
    pub(super) fn run_by(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Sets an environment variable for the servers started from now on.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets an environment variable for the servers started from now on.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Returns a command of the program that uses this directory.
    pub(super) fn command(&self, words: &[&str]) -> Result<Command> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => executable()?,
        };
        let mut command = Command::new(program);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(words);
        command.arg("--data-dir").arg(self.directory.path());
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.env("RUST_LOG", EVERYTHING).envs(variables);
        Ok(command)
    }

    /// Returns a command of the program that finds this directory by its
    /// environment alone.
    pub(super) fn bare_command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(executable()?);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(words);
        command.env("FACEGEN__STORAGE__DATA_DIR", self.directory.path());
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.envs(variables);
        Ok(command)
    }

    /// Returns the data directory.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns all files that servers have written into the directory, by path.
    pub(super) fn files(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut directories = vec![self.directory.path().to_owned()];
        let mut files = Vec::new();
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let (path, kind) = (entry.path(), entry.file_type()?);
                // The synthetic weights are a link.
                if kind.is_dir() {
                    directories.push(path);
                } else if kind.is_file() {
                    let bytes = fs::read(&path)?;
                    files.push((path, bytes));
                }
            }
        }
        Ok(files)
    }

    /// Starts a server and waits until it is ready.
    pub(super) fn start(&self) -> Result<Server> {
        let mut server = self.launch()?;
        let line = server.wait_for("listening on ")?;
        let (_, address) = line.split_once("listening on ").context("no address")?;
        server.client = Client::new(address.trim());
        Ok(server)
    }

    /// Starts a server without waiting for it.
    pub(super) fn launch(&self) -> Result<Server> {
        let mut command =
            self.command(&["serve", "--preset", self.preset, "--listen", "127.0.0.1:0"])?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take().context("the server has no log")?;
        let log = Log::default();
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                writer.push(line);
            }
            writer.close();
        });
        Ok(Server {
            child,
            stdout,
            log,
            client: Client::new(""),
            _directory: Arc::clone(&self.directory),
        })
    }
}

/// A running server, killed when it is dropped. Its log is then searched for
/// secrets.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    stdout: Option<ChildStdout>,
    log: Log,
    pub(super) client: Client,
    _directory: Arc<TempDir>,
}

impl Server {
    /// Waits for the first log line that contains `text`.
    pub(super) fn wait_for(&self, text: &str) -> Result<String> {
        self.log.wait_for(text)
    }

    /// Returns how many log lines so far contain `text`.
    pub(super) fn count(&self, text: &str) -> usize {
        self.log.count(text)
    }

    /// Returns the server's resident memory, in kB.
    pub(super) fn resident(&self) -> Result<u64> {
        Ok(resident_kilobytes(self.child.id())?)
    }

    /// Kills the server as a power cut would.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks the server to stop, and waits until it has.
    pub(super) fn terminate(mut self) -> Result<ExitStatus> {
        self.send("TERM")?;
        Ok(self.child.wait()?)
    }

    /// Sends the server a signal.
    pub(super) fn send(&self, signal: &str) -> Result<()> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status()?;
        ensure!(sent.success(), "the signal was not sent");
        Ok(())
    }

    /// Waits until the server exits by itself.
    pub(super) fn end(mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Stops the server and returns what it printed apart from its log.
    pub(super) fn printed(mut self) -> Result<String> {
        let mut text = String::new();
        let mut stdout = self.stdout.take().context("read already")?;
        self.terminate()?;
        stdout.read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.log.wait_for_end();
        if thread::panicking() {
            // Printed only for failed tests.
            println!("{}", self.log.readable());
        } else {
            self.log.assert_clean();
        }
    }
}

/// The lines of a log, as they are written.
#[derive(Debug, Clone, Default)]
struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    fn push(&self, line: String) {
        self.change(|log| log.lines.push(line));
    }

    fn close(&self) {
        self.change(|log| log.ended = true);
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    fn wait_for(&self, text: &str) -> Result<String> {
        let log = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |log: &Lines| log.lines.iter().find(|line| line.contains(text)).cloned();
        let waited = self
            .0
            .1
            .wait_timeout_while(log, TIMEOUT, |log| !log.ended && find(log).is_none());
        let log = waited.unwrap_or_else(PoisonError::into_inner).0;
        find(&log).with_context(|| format!("no line of the log has {text:?}"))
    }

    fn count(&self, text: &str) -> usize {
        let log = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = log.lines.iter();
        lines.filter(|line| line.contains(text)).count()
    }

    /// Returns the lines that help a reader of a failed test.
    fn readable(&self) -> String {
        let log = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = log.lines.iter().filter(|line| !line.contains(" TRACE "));
        lines.cloned().collect::<Vec<_>>().join("\n")
    }

    fn wait_for_end(&self) {
        let log = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_timeout_while(log, TIMEOUT, |log| !log.ended));
    }

    /// Checks that the log contains no key, photo, prompt or link.
    fn assert_clean(&self) {
        let log = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
        for line in &log.lines {
            // It would spell prompts, letter by letter.
            assert!(!line.contains("tokenizers::"), "{line:?}");
            for secret in secrets.iter() {
                assert!(!line.contains(secret.as_str()), "{secret:?} is in {line:?}");
            }
        }
    }
}
