//! Keeps private data out of the log, whatever the settings.
//!
//! At low levels libraries log private data: prompts letter by letter, signed
//! URLs, names of objects in a bucket. A list of such libraries would soon be
//! incomplete. So every crate but our own logs only warnings and errors.

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterFn, filter_fn};

/// The prefix of our own crates' names.
const PREFIX: &str = "facegen";

/// Returns the filter of what can be logged, whatever `RUST_LOG` says.
pub(super) fn filter() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    filter_fn(may_be_logged)
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let name = target.split("::").next().unwrap_or(target);
    let is_own = name == PREFIX || name.starts_with("facegen_");
    is_own || *metadata.level() <= Level::WARN
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{EnvFilter, Layer};

    use super::*;
    use crate::config::sections::LogFormat;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// Returns what is logged of some events with this `RUST_LOG`.
    fn logged(setting: &str) -> String {
        let written = Written::default();
        let lines = super::super::lines(LogFormat::Text, false, written.clone());
        let lines = lines.with_filter(EnvFilter::new(setting));
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!(target: "facegen_jobs", "job", id = 7);
            let _inside = span.enter();
            tracing::trace!(target: "tokenizers::tokenizer", "a prompt");
            tracing::debug!(target: "aws_smithy_runtime::client", "an access key");
            tracing::info!(target: "aws_sigv4", "a signed url");
            tracing::trace!(target: "facegenerator", "a crate of others");
            tracing::warn!(target: "aws_config", "a warning");
            tracing::trace!(target: "facegen_jobs::worker", "ours");
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_setting_lets_a_library_log_more_than_warnings() {
        for setting in [
            "trace",
            "trace,tokenizers::tokenizer=trace,aws_smithy_runtime=trace,aws_sigv4=trace",
            "tokenizers=trace,aws_smithy_runtime::client=trace,facegen_jobs=trace,aws_config=warn",
            "[job]=trace",
            "[job{id=7}]=trace,trace",
        ] {
            let text = logged(setting);
            for private in ["a prompt", "an access key", "a signed url", "others"] {
                assert!(!text.contains(private), "{setting}: {text}");
            }
            for expected in ["a warning", "ours"] {
                assert!(text.contains(expected), "{setting}: {text}");
            }
        }
    }

    #[test]
    fn a_setting_can_reduce_the_log() {
        assert_eq!(logged("off"), "");
        assert!(!logged("warn").contains("ours"));
    }
}
