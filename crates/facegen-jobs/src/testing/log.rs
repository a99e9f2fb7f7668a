//! Everything that any test of this crate logs.

use std::io::{self, Write};
use std::sync::OnceLock;

use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::TIMEOUT;

/// The log. Clones are the same.
#[derive(Clone)]
pub(crate) struct Log(watch::Sender<String>);

impl Log {
    /// Returns the one log of this process, at the finest level, of all threads.
    pub(crate) fn get() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self(watch::Sender::default());
            tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::new(
                    "facegen_jobs=trace,facegen_executor=trace,facegen_core=trace,sqlx=debug",
                ))
                .with_ansi(false)
                .with_writer(log.clone())
                .init();
            log
        })
    }

    /// Returns all lines so far.
    pub(crate) fn text(&self) -> String {
        self.0.borrow().clone()
    }

    /// Waits until some line contains this.
    pub(crate) async fn holds(&self, expected: &str) {
        let mut log = self.0.subscribe();
        let holds = log.wait_for(|text| text.contains(expected));
        let holds = tokio::time::timeout(TIMEOUT, holds).await.is_ok();
        assert!(holds, "not logged: {expected}\n{}", self.text());
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        self.0.send_modify(|text| text.push_str(&line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
