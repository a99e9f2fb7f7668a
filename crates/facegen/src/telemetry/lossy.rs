//! A log writer that drops lines instead of blocking.
//!
//! A thread writes the lines. While they cannot be written, e.g. because the
//! disk is full, some megabytes are buffered; further lines are dropped and
//! counted. Once writing works again, their number is logged.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// The most lines in the buffer.
const MOST_LINES: usize = 16_384;

/// The most bytes in the buffer.
const MOST_BYTES: usize = 8 << 20;

/// The timeout of a sink that would block.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How long the end of the program waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

enum Message {
    Line(Vec<u8>),
    /// Answered once all lines before it are written.
    Flush(SyncSender<()>),
}

/// The number of buffered bytes and of lost lines.
#[derive(Debug, Default)]
struct Counts {
    waiting_bytes: AtomicUsize,
    lost: AtomicU64,
}

/// The number of lines lost since the start. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LostLines(Arc<Counts>);

impl LostLines {
    /// Returns the number.
    pub(crate) fn count(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

/// A writer into the buffer.
#[derive(Debug, Clone)]
pub(super) struct LossyWriter {
    messages: SyncSender<Message>,
    counts: Arc<Counts>,
}

/// The log of a server; dropping it writes the buffered lines.
#[derive(Debug)]
pub(crate) struct ServerLog {
    messages: SyncSender<Message>,
    counts: Arc<Counts>,
}

/// Starts the thread that writes lines to `sink`.
///
/// # Errors
/// Fails when the system cannot start a thread.
pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<(LossyWriter, ServerLog)> {
    let (messages, received) = sync_channel(MOST_LINES);
    let counts = Arc::<Counts>::default();
    let own = Arc::clone(&counts);
    Builder::new()
        .name("log".into())
        .spawn(move || write_all(&received, sink, &own))?;
    let writer = LossyWriter {
        messages: messages.clone(),
        counts: Arc::clone(&counts),
    };
    Ok((writer, ServerLog { messages, counts }))
}

/// Writes lines until all senders are dropped.
fn write_all(messages: &Receiver<Message>, mut sink: impl Write, counts: &Counts) {
    let (mut works, mut logged) = (true, 0);
    loop {
        let message = match messages.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Empty) => {
                if works {
                    log_lost(counts, &mut logged);
                }
                match messages.recv() {
                    Ok(message) => message,
                    Err(_) => return,
                }
            }
            Err(TryRecvError::Disconnected) => return,
        };
        match message {
            Message::Line(line) => {
                works = write_line(&mut sink, &line).is_ok();
                counts.lost.fetch_add(u64::from(!works), Ordering::Relaxed);
                counts
                    .waiting_bytes
                    .fetch_sub(line.len(), Ordering::Relaxed);
            }
            // The receiver may have timed out.
            Message::Flush(done) => drop(done.try_send(())),
        }
    }
}

/// Logs how many lines were lost in all, if the number has grown.
fn log_lost(counts: &Counts, logged: &mut u64) {
    let lost = counts.lost.load(Ordering::Relaxed);
    if lost > *logged {
        *logged = lost;
        tracing::warn!(lost, "log lines lost, output not writable");
    }
}

/// Writes a line to a sink that may be busy.
fn write_line(sink: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    let until = Instant::now() + TIMEOUT;
    while !line.is_empty() {
        match sink.write(line) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => line = line.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
                sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Write for LossyWriter {
    /// Accepts a whole line. Never blocks and never fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let counts = &self.counts;
        let waiting = counts
            .waiting_bytes
            .fetch_add(line.len(), Ordering::Relaxed);
        let fits = waiting + line.len() <= MOST_BYTES;
        if !fits
            || self
                .messages
                .try_send(Message::Line(line.to_vec()))
                .is_err()
        {
            counts
                .waiting_bytes
                .fetch_sub(line.len(), Ordering::Relaxed);
            counts.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LossyWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl ServerLog {
    /// Returns the counter of lost lines.
    pub(crate) fn lost_lines(&self) -> LostLines {
        LostLines(Arc::clone(&self.counts))
    }
}

impl Drop for ServerLog {
    fn drop(&mut self) {
        let (done, flushed) = sync_channel(1);
        if self.messages.try_send(Message::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(LAST_LINES);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};
    use std::thread;

    use tracing_subscriber::Layer;
    use tracing_subscriber::filter::filter_fn;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::config::sections::LogFormat;

    /// A sink that can fail like a full disk, or block like an unread pipe.
    #[derive(Clone, Default)]
    struct Sink(Arc<(Mutex<State>, Condvar)>);

    #[derive(Default)]
    struct State {
        fails: bool,
        blocks: bool,
        text: Vec<u8>,
    }

    impl Sink {
        fn set(&self, fails: bool, blocks: bool) {
            let mut state = self.0.0.lock().unwrap();
            (state.fails, state.blocks) = (fails, blocks);
            self.0.1.notify_all();
        }

        /// Waits until this text is written.
        fn wait_for(&self, text: &str) {
            let lacks = |state: &mut State| !String::from_utf8_lossy(&state.text).contains(text);
            let state = self.0.0.lock().unwrap();
            let patience = Duration::from_secs(30);
            let waited = self.0.1.wait_timeout_while(state, patience, lacks).unwrap();
            assert!(!waited.1.timed_out(), "not written: {text}");
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let state = self.0.0.lock().unwrap();
            let mut state = self.0.1.wait_while(state, |state| state.blocks).unwrap();
            if state.fails {
                return Err(ErrorKind::StorageFull.into());
            }
            state.text.extend_from_slice(bytes);
            self.0.1.notify_all();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lost_lines_are_counted_and_logged_once_writing_works_again() {
        let sink = Sink::default();
        let (writer, log) = start(sink.clone()).unwrap();
        let lines = super::super::lines(LogFormat::Text, false, writer);
        // From all threads: the writing thread logs what was lost.
        let own = filter_fn(|event| event.target().starts_with("facegen::telemetry::lossy"));
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(own));
        tracing::subscriber::set_global_default(subscriber).unwrap();
        tracing::info!("first");
        sink.wait_for("first");
        sink.set(true, false);
        for _ in 0..10 {
            tracing::info!("is lost");
        }
        // Logging a panic must not panic again.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| tracing::error!("panicked")));
        assert!(thread::spawn(|| panic!("on purpose")).join().is_err());
        std::panic::set_hook(hook);
        let lost = log.lost_lines();
        while lost.count() < 11 {
            thread::yield_now();
        }
        sink.set(false, false);
        tracing::info!("is written again");
        sink.wait_for("log lines lost");
        tracing::info!("last");
        drop(log);
        assert_eq!(lost.count(), 11);
        let text = String::from_utf8(sink.0.0.lock().unwrap().text.clone()).unwrap();
        assert!(text.contains("last") && !text.contains("is lost"), "{text}");
        assert_eq!(text.matches("log lines lost").count(), 1, "{text}");
    }

    #[test]
    fn an_unread_log_blocks_no_writer_and_takes_little_memory() {
        let sink = Sink::default();
        sink.set(false, true);
        let (mut writer, log) = start(sink.clone()).unwrap();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..100 {
            assert_eq!(writer.write(&line).unwrap(), line.len());
        }
        assert!(log.counts.waiting_bytes.load(Ordering::Relaxed) <= MOST_BYTES);
        assert_eq!(log.lost_lines().count(), 92);
    }

    #[test]
    fn many_short_lines_are_bounded_as_well() {
        let sink = Sink::default();
        sink.set(false, true);
        let (mut writer, log) = start(sink).unwrap();
        for _ in 0..2 * MOST_LINES {
            writer.write_all(b"x").unwrap();
        }
        let lost = log.lost_lines().count();
        let most = MOST_LINES as u64;
        assert!((most - 1..=most).contains(&lost), "{lost}");
    }
}
