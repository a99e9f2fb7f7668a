//! Attacks from other addresses of this machine, while a regular client
//! requests images, and readers that read nothing. They take up to a minute
//! each: `cargo xtask verify attack`.
//!
//! Client, attackers and server share loopback: the tests measure who is
//! served, not how fast.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

use super::bucket::Bucket;
use super::client::keep_file_secret;
use super::process::{API_KEY, Server, Site};

const MAKE_GEN: &str = "/api/v1/enterprise/face_gen/make_gen";

/// How long each attack lasts.
const LASTS: Duration = Duration::from_secs(60);

/// How often the client sends a request.
const EVERY: Duration = Duration::from_millis(750);

/// How long it waits for a response.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Connections that send nothing, and bodies that stop.
const SILENT: usize = 1_100;
const HALF_SENT: usize = 16;

/// Readers that read nothing, and how much of the server's memory they may take.
const UNREAD: usize = 40;
const UNREAD_KB: u64 = 20_000;

/// Returns a photo of 5 MB: noise, without a face.
fn photo() -> Result<Vec<u8>> {
    let side = 1_300_u32;
    let mut state = 1_u32;
    let noise = (0..side * side * 3).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let image = facegen_core::RgbImage::new(side as usize, side as usize, noise.collect())?;
    let png = facegen_image::encode_png(&image)?;
    ensure!(png.len() > 5_000_000, "{} bytes", png.len());
    keep_file_secret(&png);
    Ok(png)
}

/// Returns the client's request, whose key comes after the photo.
fn request() -> Result<String> {
    let face = STANDARD.encode(photo()?);
    let body = json!({
        "face_image": face, "key": API_KEY, "prompt": "a person", "width": 64, "height": 64,
        "webhook": "https://receiver.invalid/hook",
    });
    let body = body.to_string();
    let key = body.find("\"key\"").context("no key")?;
    ensure!(key > 5_000_000, "the key comes early");
    let head = format!(
        "POST {MAKE_GEN} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Ok(head + &body)
}

/// Starts a server with room for all jobs of a test, and returns its address.
fn server() -> Result<(Site, Server, SocketAddr)> {
    let site = Site::new()?.with("FACEGEN__QUEUE__LIMIT", "1000");
    let server = site.start()?;
    let address = server.client.host().parse()?;
    Ok((site, server, address))
}

/// Opens a connection from the address 127.0.0.`last`.
async fn connect(last: u8, to: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let from = Ipv4Addr::new(127, 0, 0, last);
    socket.bind(SocketAddr::new(from.into(), 0))?;
    Ok(timeout(TIMEOUT, socket.connect(to)).await??)
}

/// Returns the status that the client gets; 0 when it gets no response.
async fn ask(request: &str, to: SocketAddr) -> u16 {
    let asking = async {
        let mut stream = connect(1, to).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        Ok::<_, anyhow::Error>(std::str::from_utf8(&answer[9..])?.parse()?)
    };
    timeout(TIMEOUT, asking)
        .await
        .map_or(0, |status| status.unwrap_or(0))
}

/// The outcomes of the client's requests.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    refused: usize,
    unhealthy: usize,
}

/// Requests images and the health until the attack is over.
async fn tally(site: &Site, to: SocketAddr) -> Result<Tally> {
    let request = request()?;
    let began = Instant::now();
    let mut tally = Tally::default();
    while began.elapsed() < LASTS {
        tally.asked += 1;
        tally.refused += usize::from(ask(&request, to).await != 200);
        let mut health = health(site, to)?;
        let health = tokio::task::spawn_blocking(move || health.status());
        tally.unhealthy += usize::from(!health.await??.success());
        sleep(EVERY).await;
    }
    ensure!(tally.asked >= 10, "{tally:?}");
    Ok(tally)
}

fn health(site: &Site, to: SocketAddr) -> Result<Command> {
    let mut command = site.command(&["health"])?;
    command.args(["--listen", &to.to_string()]);
    Ok(command)
}

/// Sends nearly all of a body and stops, until the server closes; then repeats.
async fn half_send(last: u8, to: SocketAddr) {
    let head = format!("POST {MAKE_GEN} HTTP/1.1\r\nhost: a\r\ncontent-length: 15900000\r\n\r\n");
    let body = vec![b' '; 15_850_000];
    loop {
        if let Ok(mut stream) = connect(last, to).await
            && stream.write_all(head.as_bytes()).await.is_ok()
            && stream.write_all(&body).await.is_ok()
        {
            let mut rest = Vec::new();
            let _ = timeout(Duration::from_secs(56), stream.read_to_end(&mut rest)).await;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Connects and sends nothing, until the server closes; then repeats.
async fn stay_silent(last: u8, to: SocketAddr) {
    loop {
        if let Ok(mut stream) = connect(last, to).await {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Raises the limit of open sockets to what the attack needs.
fn allow_sockets() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum.map_or(4_096, |most| most.min(4_096));
    let wanted = Rlimit {
        current: Some(current),
        ..limit
    };
    setrlimit(Resource::Nofile, wanted).context("the limit on open files")
}

/// Checks that at most 1 % of the requests are refused, and the server is always healthy.
fn holds(name: &str, tally: &Tally) -> Result<()> {
    let Tally {
        asked,
        refused,
        unhealthy,
    } = tally;
    println!("attack: {name}: {refused} of {asked} refused, {unhealthy} times unhealthy");
    ensure!(
        refused * 100 <= *asked && *unhealthy == 0,
        "{name}: {tally:?}"
    );
    Ok(())
}

fn run(name: &str, attack: impl FnOnce(&Runtime, SocketAddr)) -> Result<()> {
    allow_sockets()?;
    let (site, server, address) = server()?;
    let runtime = Runtime::new()?;
    let quiet = runtime.block_on(async {
        ask(&request()?, address)
            .await
            .checked_sub(200)
            .context("refused in peace")
    })?;
    ensure!(quiet == 0, "refused in peace");
    attack(&runtime, address);
    let tally = runtime.block_on(async {
        // Until the whole attack is running.
        sleep(Duration::from_secs(3)).await;
        tally(&site, address).await
    })?;
    runtime.shutdown_background();
    drop(server);
    holds(name, &tally)
}

#[test]
#[ignore = "takes minutes: cargo xtask verify attack"]
fn half_sent_bodies_refuse_no_other_client() -> Result<()> {
    run("16 half-sent bodies", |runtime, to| {
        for last in 2..2 + HALF_SENT as u8 {
            runtime.spawn(half_send(last, to));
        }
    })
}

#[test]
#[ignore = "takes minutes: cargo xtask verify attack"]
fn silent_connections_refuse_no_other_client() -> Result<()> {
    run("1,100 silent connections", |runtime, to| {
        for number in 0..SILENT {
            // From sixteen addresses.
            runtime.spawn(stay_silent(2 + (number % 16) as u8, to));
        }
    })
}

#[test]
#[ignore = "takes minutes: cargo xtask verify attack"]
fn unread_images_of_a_bucket_take_no_memory() -> Result<()> {
    let runtime = Runtime::new()?;
    let bucket = Bucket::default();
    let at = runtime.block_on(bucket.clone().start())?;
    let mut site = Site::new()?;
    for (name, value) in [
        ("BUCKET", "faces"),
        ("ENDPOINT_URL", &format!("http://{at}")),
        ("ACCESS_KEY_ID", "id"),
        ("SECRET_ACCESS_KEY", "a-secret-of-the-bucket"),
        ("PUBLIC_URL", &format!("http://{at}/faces")),
    ] {
        site.set(&format!("FACEGEN__STORAGE__S3__{name}"), value);
    }
    let server = site.start()?;
    let (_, made) = server.client.make(&super::client::request())?;
    let link = made["output"][0].as_str().context("no link")?;
    ensure!(
        link.starts_with(&format!("http://{at}/")),
        "{link} is not in the bucket"
    );
    let name = link
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .replace(".a1.", ".");
    let path = format!("/temp/{name}");
    ensure!(server.client.get(&path)?.0 == 200, "it cannot be read here");

    let mut results = Vec::new();
    // Longer than any image, and as long as the longest.
    for length in [31_000_000, 1_800_000] {
        bucket.answer_instead(length);
        let before = server.resident()?;
        let readers = runtime.block_on(unread(&path, server.client.host().parse()?))?;
        let more = server.resident()?.saturating_sub(before);
        results.push(format!("{more} kB for {length} bytes each"));
        ensure!(more < UNREAD_KB, "{results:?}");
        drop(readers);
    }
    println!("attack: {UNREAD} unread images: {}", results.join(", "));
    Ok(())
}

/// Opens readers that read nothing of their responses, after some seconds.
async fn unread(path: &str, to: SocketAddr) -> Result<Vec<TcpStream>> {
    let mut readers = Vec::new();
    for number in 0..UNREAD {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4_096)?;
        socket.bind(SocketAddr::new(
            Ipv4Addr::new(127, 0, 0, 2 + (number % 16) as u8).into(),
            0,
        ))?;
        let mut stream = socket.connect(to).await?;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes())
            .await?;
        readers.push(stream);
    }
    sleep(Duration::from_secs(8)).await;
    Ok(readers)
}
