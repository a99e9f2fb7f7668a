//! The response of the host of a photo or a webhook.

#![no_main]

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use facegen_core::redact::SafeUrl;
use facegen_outbound::{Guard, Networks};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The longest body that is read.
const LIMIT: usize = 100;

/// How long a response may take, which is there at once.
const DEADLINE: Duration = Duration::from_secs(2);

/// A host that answers each connection with the same bytes, and its clients. No
/// other address is permitted, so that redirects are refused.
struct Harness {
    runtime: Runtime,
    guard: Guard,
    url: SafeUrl,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Harness {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.2:0")).unwrap();
        let url = format!("http://{}/a", listener.local_addr().unwrap());
        runtime.spawn(serve(listener, Arc::clone(&answer)));
        let networks = Networks::public_and(vec!["127.0.0.2/32".parse().unwrap()]);
        Self {
            runtime,
            guard: Guard::new(networks).unwrap(),
            url: SafeUrl::from(url),
            answer,
        }
    }
}

async fn serve(listener: TcpListener, answer: Arc<Mutex<Vec<u8>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let bytes = answer.lock().unwrap().clone();
        tokio::spawn(async move {
            // A client that closes early is part of it.
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        });
    }
}

static WORLD: LazyLock<Harness> = LazyLock::new(Harness::new);

fuzz_target!(|answer: &[u8]| {
    let Harness {
        runtime,
        guard,
        url,
        answer: current,
    } = &*WORLD;
    *current.lock().unwrap() = answer.to_owned();
    runtime.block_on(async {
        let head = guard.post_json(url, Vec::new(), "{}".to_owned(), DEADLINE);
        let Ok(head) = head.await else {
            return;
        };
        // A second attempt waits for a pause, which would be most of the time.
        if matches!(head.status, 200..=399) {
            let body = guard.get(url, LIMIT, DEADLINE).await;
            assert!(body.map_or(0, |body| body.len()) <= LIMIT);
        }
    });
});
