//! What the server costs around a generation: `cargo bench --bench server`.
//!
//! The whole server runs in this process, with its real store, photos and PNG files,
//! and gets its requests over a socket. Only the engine is replaced: it returns the
//! same image of 512×512 pixels for every request, at once. So the time of a request
//! is everything but the engine.
//!
//! - one client, request by request, with a photo as JPEG and with one as PNG,
//!   which is several times as large: the overhead
//! - many concurrent clients, against a short queue: how they are answered, and
//!   what that does to the memory
//! - 200 clients that submit continuously, against a long queue and without waiting
//!   for images: how long a job takes to be accepted, and how many are each second

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use facegen_api::{ApiConfig, ApiSettings, ApiState, Readiness, router};
use facegen_core::fake::{AnyUrl, FakeServer};
use facegen_core::{Current, KeyRole, SystemClock};
use facegen_executor::EngineHandle;
use facegen_image::ImageLimits;
use facegen_jobs::{JobService, JobsConfig, KeyBuckets, Ports};
use facegen_outbound::{DirectoryStore, Faces, Guard, GuardedBuckets, HttpWebhooks, Networks};
use facegen_testkit::engine::ReadyImage;
use facegen_testkit::memory::resident_kilobytes;
use facegen_testkit::{capabilities, jobs_config, stores};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const PATH: &str = "/api/v1/enterprise/face_gen/make_gen";
const PHOTOS: [&str; 2] = ["impostor_1.jpg", "astronaut.png"];
/// The image that the engine returns, 512×512.
const IMAGE: &str = "astronaut.png";

/// Requests of the first measurement, after a tenth as many to warm up.
const REQUESTS: usize = 200;
/// Clients of the second one.
const CLIENTS: [usize; 2] = [64, 200];
/// How many jobs may wait in its queue.
const QUEUE_LIMIT: u32 = 32;
/// Clients of the third one, and how many requests each sends, one after the
/// other on its connection.
const SUBMITTERS: usize = 200;
const SUBMISSIONS: usize = 10;

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let server = start(directory.path().join("short"), QUEUE_LIMIT, TIMEOUT);
    let (url, key) = runtime.block_on(server)?;
    for photo in PHOTOS {
        let body = body(&key, photo)?;
        let words = format!(
            "overhead at 512×512, {photo}, body of {} kB",
            body.len() / 1000
        );
        overhead(&url, &body, &words)?;
    }
    stages(&metrics)?;
    let body = body(&key, PHOTOS[0])?;
    CLIENTS
        .iter()
        .try_for_each(|clients| crowd(&url, &body, *clients))?;
    let queue_limit = u32::try_from(SUBMITTERS * SUBMISSIONS)?;
    let server = start(directory.path().join("long"), queue_limit, Duration::ZERO);
    let (url, key) = runtime.block_on(server)?;
    submissions(&url, &self::body(&key, PHOTOS[0])?)
}

/// How long the server waits for images in the first two measurements.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Returns the body of a request. It is written once: the time that clients
/// take to write it is their own.
fn body(key: &str, photo: &str) -> Result<String> {
    let body = json!({
        "key": key,
        "prompt": "pretty woman",
        "face_image": STANDARD.encode(fs::read(path(photo))?),
        "width": "512",
        "height": "512",
    });
    Ok(body.to_string())
}

fn path(photo: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/assets/photographs");
    directory.join(photo)
}

/// Sends one request after the other.
fn overhead(url: &str, body: &str, words: &str) -> Result<()> {
    let agent = agent();
    let mut times = Vec::new();
    for round in 0..REQUESTS + REQUESTS / 10 {
        let started = Instant::now();
        let (status, answer) = post(&agent, url, body)?;
        ensure!(status == 200 && answer["status"] == "success", "{answer}");
        if round >= REQUESTS / 10 {
            times.push(started.elapsed());
        }
    }
    report(words, &mut times)
}

/// Prints the mean time of each stage so far.
fn stages(metrics: &PrometheusHandle) -> Result<()> {
    let text = metrics.render();
    let value = |kind: &str, stage: &str| -> Option<f64> {
        let name = format!("facegen_stage_seconds_{kind}{{stage=\"{stage}\"}} ");
        text.lines()
            .find_map(|line| line.strip_prefix(&name)?.parse().ok())
    };
    for stage in ["face_fetch", "encoding", "storing"] {
        if let (Some(sum), Some(count)) = (value("sum", stage), value("count", stage)) {
            writeln!(
                std::io::stdout(),
                "  of both, {stage}: {:.1} ms",
                sum / count * 1e3
            )?;
        }
    }
    Ok(())
}

/// Sends many requests concurrently.
fn crowd(url: &str, body: &str, clients: usize) -> Result<()> {
    let before = resident()?;
    let started = Instant::now();
    let asked = (0..clients).map(|_| {
        let (url, body) = (url.to_owned(), body.to_owned());
        thread::spawn(move || -> Result<(u16, Duration)> {
            let started = Instant::now();
            let (status, _) = post(&agent(), &url, &body)?;
            Ok((status, started.elapsed()))
        })
    });
    let mut by_status: BTreeMap<u16, Vec<Duration>> = BTreeMap::new();
    for client in asked.collect::<Vec<_>>() {
        let answer = client
            .join()
            .map_err(|_| anyhow::anyhow!("a client panicked"))?;
        let (status, time) = answer?;
        by_status.entry(status).or_default().push(time);
    }
    let seconds = started.elapsed().as_secs_f64();
    writeln!(
        std::io::stdout(),
        "{clients} clients at idempotency, at most {QUEUE_LIMIT} waiting: {:.0} answers a second, \
         resident memory (with the clients) {before} MB before, {} MB after",
        f64::from(u32::try_from(clients)?) / seconds,
        resident()?
    )?;
    for (status, times) in &mut by_status {
        let words = format!("  {} × {status}", times.len());
        report(&words, times)?;
    }
    Ok(())
}

/// Runs clients that submit jobs as fast as they are accepted.
fn submissions(url: &str, body: &str) -> Result<()> {
    let before = resident()?;
    let started = Instant::now();
    let clients = (0..SUBMITTERS).map(|_| {
        let (url, body) = (url.to_owned(), body.to_owned());
        thread::spawn(move || submit(&url, &body))
    });
    let mut times = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        let client = client.join();
        times.extend(client.map_err(|_| anyhow::anyhow!("a client panicked"))??);
    }
    let a_second = times.len() as f64 / started.elapsed().as_secs_f64();
    let words = format!("{SUBMITTERS} clients, {SUBMISSIONS} jobs each, accepted");
    report(&words, &mut times)?;
    writeln!(
        std::io::stdout(),
        "  {a_second:.0} a second, resident memory (with the clients) {before} MB before, {} MB after",
        resident()?
    )?;
    Ok(())
}

/// Returns how long each of one client's jobs took to be accepted.
fn submit(url: &str, body: &str) -> Result<Vec<Duration>> {
    let agent = agent();
    let accepted = (0..SUBMISSIONS).map(|_| {
        let started = Instant::now();
        let (status, answer) = post(&agent, url, body)?;
        let is_accepted = answer["status"] == "processing" || answer["status"] == "success";
        ensure!(status == 200 && is_accepted, "{answer}");
        Ok(started.elapsed())
    });
    accepted.collect()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.build().into()
}

fn post(agent: &ureq::Agent, url: &str, body: &str) -> Result<(u16, Value)> {
    let mut response = agent.post(url).send(body)?;
    let status = response.status().as_u16();
    ensure!(
        status != 429 || response.headers().contains_key("retry-after"),
        "429 without Retry-After"
    );
    let text = response.body_mut().read_to_string()?;
    Ok((status, serde_json::from_str(&text)?))
}

fn report(words: &str, times: &mut [Duration]) -> Result<()> {
    times.sort_unstable();
    let at = |hundredths: usize| {
        let place = (times.len() * hundredths / 100).min(times.len() - 1);
        times[place].as_secs_f64() * 1e3
    };
    let (median, slowest) = (at(50), at(99));
    writeln!(
        std::io::stdout(),
        "{words}: median {median:.1} ms, 99 % within {slowest:.1} ms"
    )?;
    Ok(())
}

/// Returns the resident memory of this process, in megabytes.
fn resident() -> Result<u64> {
    Ok(resident_kilobytes(std::process::id())? / 1000)
}

/// The server as the program wires it, but for the engine: the address of its
/// endpoint, and a key.
async fn start(
    directory: PathBuf,
    queue_limit: u32,
    sync_wait: Duration,
) -> Result<(String, String)> {
    fs::create_dir_all(&directory)?;
    let capabilities = capabilities();
    let ports = ports(&directory)?;
    let config = JobsConfig {
        queue_limit,
        ..jobs_config()
    };
    let stores = stores(&directory).await?;
    let jobs = JobService::open(config, ports, stores).await?;
    let (_, key) = jobs.keys().create("bench", KeyRole::Plain).await?;
    let running = jobs.start();
    running.attach(Arc::new(engine()?));
    let api = router(ApiState {
        jobs,
        page_tokens: Arc::default(),
        settings: Current::new(ApiSettings {
            config: ApiConfig {
                sync_wait,
                ..ApiConfig::default()
            },
            capabilities,
        }),
        readiness: Arc::new(|| Readiness::Ready),
        metrics: Arc::new(String::new),
        control: Arc::new(FakeServer::default()),
        urls: Arc::new(AnyUrl),
        clock: Arc::new(SystemClock),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}{PATH}", listener.local_addr()?);
    tokio::spawn(async move {
        let _running = running;
        axum::serve(listener, api).await
    });
    Ok((url, key.expose().clone()))
}

fn ports(directory: &Path) -> Result<Ports> {
    let clock = Arc::new(SystemClock);
    let guard = Guard::new(Networks::public_and(Vec::new()))?;
    let deadline = Duration::from_secs(10);
    Ok(Ports {
        faces: Arc::new(Faces::new(guard.clone(), ImageLimits::default(), deadline)),
        images: Arc::new(DirectoryStore::open(directory.join("pictures"))?),
        key_buckets: KeyBuckets {
            opener: Arc::new(GuardedBuckets::new(guard.clone())),
            patience: deadline,
        },
        webhooks: Arc::new(HttpWebhooks::new(guard, clock.clone(), deadline)),
        encoder: Arc::new(|image, provenance| {
            facegen_image::encode_generated(&image.pixels, provenance)
                .map_err(|error| error.to_string())
        }),
        upload_encoder: Arc::new(|image| {
            facegen_image::encode_png(image).map_err(|error| error.to_string())
        }),
        ..facegen_testkit::ports(clock)
    })
}

fn engine() -> Result<EngineHandle> {
    let image = facegen_image::read_image(&fs::read(path(IMAGE))?, &ImageLimits::default())?;
    let engine = EngineHandle::spawn("engine", move || {
        Ok(Box::new(ReadyImage::new(image.image.clone(), || ())) as _)
    })?;
    Ok(engine)
}
