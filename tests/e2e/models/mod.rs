//! `facegen models` against a stand-in for the hub.

mod hub;
mod program;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use hub::{Break, COMMIT, Hub, SIGNATURE, sha256};
use program::Models;

const REPO: &str = "lab/faces";
const EMBEDDER: &str = "demo/face_embedder/tiny_embedder.onnx";

/// The lines of a component that is `file` of the hub.
fn of_hub(file: &str, more: &str) -> String {
    format!("source = {{ hub = {{ repo = \"{REPO}\", file = \"{file}\" }} }}\n{more}")
}

/// Bytes that differ from place to place.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A hub with the embedder of the demo preset, and a preset that wants it from
/// there.
fn embedder(more: &str) -> Result<(Hub, Models, String)> {
    let hub = Hub::start()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(EMBEDDER);
    let hash = hub.add(&format!("{REPO}/onnx/embedder.onnx"), fs::read(path)?);
    let models = Models::new(
        &hub,
        &[("face_embedder", &of_hub("onnx/embedder.onnx", more))],
    )?;
    Ok((hub, models, hash))
}

/// A hub with a file of four megabytes, and a preset that wants it.
fn large() -> Result<(Hub, Models, Vec<u8>)> {
    let (hub, bytes) = (Hub::start()?, noise(4 << 20));
    hub.add(&format!("{REPO}/unet.safetensors"), bytes.clone());
    let models = Models::new(&hub, &[("unet", &of_hub("unet.safetensors", ""))])?;
    Ok((hub, models, bytes))
}

/// Waits until a file has that size.
fn wait_for_size(file: &Path, size: u64) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::metadata(file).map_or(0, |file| file.len()) < size {
        ensure!(
            Instant::now() < deadline,
            "{} does not grow",
            file.display()
        );
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Kills a process when a file has that size.
fn kill_at(mut child: Child, file: &Path, size: u64) -> Result<()> {
    wait_for_size(file, size)?;
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Reads what a process logs up to a line with these words. It fails where the
/// process ends before.
fn wait_for_line(child: &mut Child, words: &str) -> Result<()> {
    let log = child.stderr.as_mut().context("the log is read")?;
    let (mut line, mut byte) = (Vec::new(), [0]);
    loop {
        ensure!(log.read(&mut byte)? == 1, "it ended without {words:?}");
        line.push(byte[0]);
        if byte == *b"\n" {
            if String::from_utf8_lossy(&line).contains(words) {
                return Ok(());
            }
            line.clear();
        }
    }
}

#[test]
fn ten_cuts_and_a_kill_cost_less_than_a_twentieth() -> Result<()> {
    let (hub, models, bytes) = large()?;
    let size = bytes.len() as u64;
    let number = |four: &[u8]| {
        four.iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let mut cuts: Vec<u64> = noise(40)
        .chunks(4)
        .map(|four| number(four) % size)
        .collect();
    cuts.sort_unstable();
    let blob = models.blob(REPO, &sha256(&bytes));
    let break_at = |cuts: &[u64]| {
        hub.state()
            .breaks
            .extend(cuts.iter().map(|cut| Break::Cut(*cut)))
    };

    let stall = cuts[4] + 1;
    break_at(&cuts[..5]);
    hub.state().breaks.push_back(Break::Stall(stall));
    let child = models.command(&["models", "pull", "pulled"])?.spawn()?;
    kill_at(child, &blob.with_extension("part"), stall)?;
    assert!(!blob.exists(), "half a file has no name yet");

    break_at(&cuts[5..]);
    models.run(&["pull", "pulled"])?.assert_success();
    assert!(fs::read(&blob)? == bytes);
    let state = hub.state();
    assert!(state.breaks.is_empty(), "all cuts were made");
    let sent = state.sent;
    assert!(sent * 20 <= size * 21, "{sent} bytes were sent for {size}");
    Ok(())
}

#[test]
fn a_second_pull_asks_for_nothing() -> Result<()> {
    let (hub, models, bytes) = large()?;
    models.run(&["pull", "pulled"])?.assert_success();
    let lock = fs::read_to_string(models.data_dir().join("models/models.lock"))?;
    let hash = sha256(&bytes);
    for said in [REPO, "unet.safetensors", COMMIT, &hash, "4194304", "main"] {
        assert!(lock.contains(said), "{said} in {lock}");
    }
    hub.state().requests.clear();
    let again = models.run(&["pull", "pulled"])?;
    again.assert_success();
    assert!(
        again.stdout.contains("0 files fetched, 1 were here"),
        "{again:?}"
    );
    assert_eq!(hub.state().requests, [""; 0]);
    let list = models.run(&["list"])?;
    assert!(list.stdout.starts_with("pulled\tready\t"), "{list:?}");
    Ok(())
}

#[test]
fn two_processes_fetch_once() -> Result<()> {
    let (hub, models, bytes) = large()?;
    // The first has the folder while bytes are held back.
    let held = 1 << 20;
    hub.state().breaks.push_back(Break::Hold(held));
    let pull = || models.command(&["models", "pull", "pulled"]);
    let first = pull()?.spawn()?;
    let part = models.blob(REPO, &sha256(&bytes)).with_extension("part");
    wait_for_size(&part, held)?;
    let mut second = pull()?.spawn()?;
    wait_for_line(&mut second, "another process fetches models")?;
    hub.state().released = true;
    for mut child in [first, second] {
        // What it has to say is not to fill the pipe.
        let said = child.stderr.take().map(std::io::read_to_string);
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "{said:?}");
    }
    assert!(fs::read(models.blob(REPO, &sha256(&bytes)))? == bytes);
    assert_eq!(hub.state().sent, bytes.len() as u64);
    Ok(())
}

#[test]
fn a_pulled_preset_makes_pictures_until_its_files_are_damaged() -> Result<()> {
    let (hub, models, hash) = embedder("")?;
    let file = "onnx/embedder.onnx";
    models
        .generate(&[])?
        .assert_refused(&[file, "run `facegen models pull pulled`"]);
    models.run(&["pull", "pulled"])?.assert_success();
    models.generate(&[])?.assert_success();
    models.run(&["verify"])?.assert_success();

    let blob = models.blob(REPO, &hash);
    let mut bytes = fs::read(&blob)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let modified = fs::metadata(&blob)?.modified()?;
    fs::write(&blob, bytes)?;
    fs::File::options()
        .write(true)
        .open(&blob)?
        .set_modified(modified)?;
    models
        .generate(&[])?
        .assert_refused(&[file, "is damaged", "models pull"]);
    models
        .run(&["verify"])?
        .assert_refused(&[file, "is damaged", &hash]);
    models
        .run(&["verify", "pulled"])?
        .assert_refused(&["1 files are missing or damaged"]);

    let sent = hub.state().sent;
    models.run(&["pull", "pulled"])?.assert_success();
    assert_eq!(hub.state().sent, sent * 2, "it is fetched again");
    models.generate(&[])?.assert_success();
    Ok(())
}

#[test]
fn bytes_that_are_not_the_announced_ones_are_not_kept() -> Result<()> {
    let (hub, models, _) = embedder("")?;
    let right = sha256(b"what was announced");
    hub.announce(
        &format!("{REPO}/onnx/embedder.onnx"),
        noise(1000),
        &right,
        None,
    );
    let found = sha256(&noise(1000));
    let refused = models.run(&["pull", "pulled"])?;
    refused.assert_refused(&["lab/faces/onnx/embedder.onnx", &right, &found]);
    let blob = models.blob(REPO, &right);
    assert!(!blob.exists() && !blob.with_extension("part").exists());
    Ok(())
}

#[test]
fn another_file_than_the_presets_is_not_even_fetched() -> Result<()> {
    let expected = "00".repeat(32);
    let (hub, models, hash) = embedder(&format!("sha256 = \"{expected}\""))?;
    models
        .run(&["pull", "pulled"])?
        .assert_refused(&["embedder.onnx", &hash, &expected]);
    assert_eq!(hub.state().sent, 0);
    let (hub, models, _) = embedder("bytes = 5")?;
    models
        .run(&["pull", "pulled"])?
        .assert_refused(&["embedder.onnx", "the preset expects 5"]);
    assert_eq!(hub.state().sent, 0);
    Ok(())
}

#[test]
fn weights_for_research_wait_for_the_operator() -> Result<()> {
    let (hub, models, _) = embedder("licence = \"Secret-Lab\"")?;
    let how = [
        "face_embedder (Secret-Lab)",
        "for research only",
        "`facegen models accept Secret-Lab`",
        "--accept-licence",
    ];
    models.run(&["pull", "pulled"])?.assert_refused(&how);
    assert_eq!(hub.state().requests, [""; 0], "nothing is asked for");
    let list = models.run(&["list"])?.stdout;
    assert!(list.contains("to be accepted: Secret-Lab"), "{list}");

    models
        .run(&["pull", "pulled", "--accept-licence", "Secret-Lab"])?
        .assert_success();
    models.generate(&[])?.assert_refused(&how);
    models
        .generate(&["--accept-licence", "Secret-Lab"])?
        .assert_success();
    let mut by_environment = models.generate_command(&[])?;
    by_environment.env("FACEGEN__MODELS__ACCEPT", "[\"Secret-Lab\"]");
    program::Outcome::try_from(by_environment.output()?)?.assert_success();
    let config = models.data_dir().join("accept.toml");
    fs::write(&config, "[models]\naccept = [\"Secret-Lab\"]")?;
    let config = config.display().to_string();
    models.generate(&["--config", &config])?.assert_success();
    models.generate(&[])?.assert_refused(&how);
    let mut by_config = models.command(&["models", "pull", "pulled"])?;
    by_config.env("FACEGEN__MODELS__ACCEPT", "[\"Secret-Lab\"]");
    assert!(by_config.output()?.status.success());

    let unknown = models.run(&["accept", "Secret-Labs"])?;
    unknown.assert_refused(&["no preset names a licence Secret-Labs", "Secret-Lab"]);
    let accepted = models.run(&["accept", "Secret-Lab"])?;
    accepted.assert_success();
    assert!(accepted.stdout.contains("for science"), "{accepted:?}");
    models.generate(&[])?.assert_success();
    Ok(())
}

#[test]
fn the_doctor_names_every_component_that_cannot_be_used() -> Result<()> {
    let (hub, _, _) = embedder("")?;
    let models = Models::new(
        &hub,
        &[
            ("face_embedder", &of_hub("onnx/embedder.onnx", "")),
            ("unet", &of_hub("unet.safetensors", "")),
            (
                "vae",
                "licence = \"Secret-Lab\"\nsource = { synthetic = 5 }",
            ),
            ("image_encoder", "source = { path = \"/missing.bin\" }"),
        ],
    )?;
    let mut command = models.command(&["doctor", "--preset", "pulled"])?;
    command.env("RUST_LOG", "info");
    let outcome = program::Outcome::try_from(command.output()?)?;
    let line = |component: &str| {
        let mut lines = outcome.stdout.lines();
        let line = lines.find(|line| line.split_whitespace().nth(1) == Some(component));
        line.unwrap_or_default().to_owned()
    };
    for (component, why) in [
        ("face_embedder", "run `facegen models pull pulled`"),
        ("unet", "lab/faces/unet.safetensors"),
        ("vae", "`facegen models accept Secret-Lab`"),
        ("image_encoder", "/missing.bin"),
    ] {
        let line = line(component);
        assert!(line.starts_with("FAILED"), "{component}: {outcome:?}");
        assert!(line.contains(why), "{line}");
    }
    for component in ["tokenizer", "text_encoder", "adapter", "face_detector"] {
        assert!(
            line(component).starts_with("ok"),
            "{component}: {outcome:?}"
        );
    }
    assert!(outcome.stderr.contains("4 checks failed"), "{outcome:?}");
    Ok(())
}

#[test]
fn offline_only_what_is_here_counts() -> Result<()> {
    let (hub, models, _) = embedder("")?;
    let offline = || -> Result<program::Outcome> {
        let mut command = models.command(&["models", "pull", "pulled"])?;
        command.env("HF_HUB_OFFLINE", "1").output()?.try_into()
    };
    offline()?.assert_refused(&["embedder.onnx", "HF_HUB_OFFLINE"]);
    assert_eq!(hub.state().requests, [""; 0]);
    models.run(&["pull", "pulled"])?.assert_success();
    offline()?.assert_success();
    Ok(())
}

#[test]
fn what_cannot_be_had_is_named() -> Result<()> {
    let (hub, models, hash) = embedder("")?;
    let refused = models.run(&["pull", "pushed"])?;
    refused.assert_refused(&["there is no preset pushed", "has: pulled"]);
    let name = format!("{REPO}/onnx/embedder.onnx");
    hub.announce(&name, Vec::new(), &hash, Some(1 << 60));
    let refused = models.run(&["pull", "pulled"])?;
    refused.assert_refused(&["1152921504606846976 bytes", "are free", "make room"]);
    assert_eq!(hub.state().sent, 0);
    let missing = Models::new(&hub, &[("unet", &of_hub("nothing.bin", ""))])?;
    let refused = missing.run(&["pull", "pulled"])?;
    refused.assert_refused(&["no file lab/faces/nothing.bin", "revision main"]);
    Ok(())
}

#[test]
fn the_token_opens_the_hub_and_is_told_to_nobody_else() -> Result<()> {
    let (hub, models, _) = embedder("")?;
    hub.state().token = Some("token-of-alice".to_owned());
    let refused = models.run(&["pull", "pulled"])?;
    refused.assert_refused(&["the hub refuses", "embedder.onnx", "HF_TOKEN"]);
    let mut command = models.command(&["models", "pull", "pulled"])?;
    let output = command.env("HF_TOKEN", "token-of-alice").output()?;
    let outcome: program::Outcome = output.try_into()?;
    outcome.assert_success();
    assert!(!hub.state().token_leaked, "the store needs no token");
    for secret in ["token-of-alice", SIGNATURE] {
        assert!(!outcome.stderr.contains(secret), "{secret} in the log");
    }
    Ok(())
}

#[test]
fn another_port_of_the_hubs_host_is_not_the_hub() -> Result<()> {
    let (hub, models, _) = embedder("")?;
    hub.move_store()?;
    hub.state().token = Some("token-of-alice".to_owned());
    let mut command = models.command(&["models", "pull", "pulled"])?;
    let output = command.env("HF_TOKEN", "token-of-alice").output()?;
    program::Outcome::try_from(output)?.assert_success();
    let state = hub.state();
    let asked = |path: &String| path.starts_with("GET /store/");
    assert!(state.requests.iter().any(asked), "{:?}", state.requests);
    assert!(!state.token_leaked, "the store needs no token");
    Ok(())
}

#[test]
fn a_small_file_with_one_other_byte_is_not_kept() -> Result<()> {
    let hub = Hub::start()?;
    let name = format!("{REPO}/unet/unet.bin.index.json");
    let (index, other) = (br#"{"weight_map": {}}"#, br#"{"weight_nap": {}}"#);
    hub.announce_small(&name, index, other.to_vec());
    let models = Models::new(&hub, &[("unet", &of_hub("unet/unet.bin.index.json", ""))])?;
    let refused = models.run(&["pull", "pulled"])?;
    refused.assert_refused(&["unet.bin.index.json", "git's hash", "it is not kept"]);
    let blobs = models.blob(REPO, "");
    assert_eq!(fs::read_dir(blobs)?.count(), 0);
    hub.announce_small(&name, index, index.to_vec());
    models.run(&["pull", "pulled"])?.assert_success();
    Ok(())
}

#[test]
fn a_checkpoint_in_parts_comes_with_all_of_them() -> Result<()> {
    let hub = Hub::start()?;
    let index = r#"{"weight_map": {"a": "unet-1.bin", "b": "unet-2.bin", "c": "unet-1.bin"}}"#;
    hub.add_small(
        &format!("{REPO}/unet/unet.bin.index.json"),
        index.as_bytes(),
    );
    let parts = [1000, 2000].map(noise);
    for (number, part) in (1..).zip(&parts) {
        hub.add(&format!("{REPO}/unet/unet-{number}.bin"), part.clone());
    }
    let models = Models::new(&hub, &[("unet", &of_hub("unet/unet.bin.index.json", ""))])?;
    let pulled = models.run(&["pull", "pulled"])?;
    pulled.assert_success();
    assert!(pulled.stdout.contains("3 files fetched"), "{pulled:?}");
    let snapshot = format!("models/models--lab--faces/snapshots/{COMMIT}/unet");
    for (number, part) in (1..).zip(&parts) {
        let path = models
            .data_dir()
            .join(&snapshot)
            .join(format!("unet-{number}.bin"));
        assert!(fs::read(path)? == *part);
    }
    fs::write(models.blob(REPO, &sha256(&parts[1])), b"gone")?;
    models
        .run(&["verify"])?
        .assert_refused(&["unet-2.bin", "is damaged"]);
    Ok(())
}

#[test]
fn files_that_the_operator_has_are_not_fetched() -> Result<()> {
    let (hub, models, hash) = embedder("")?;
    let folder = tempfile::tempdir()?;
    let shelf = folder.path().display().to_string();
    let sha256 = format!("sha256 = \"{hash}\"");
    let models_with_hash = Models::new(
        &hub,
        &[("face_embedder", &of_hub("onnx/embedder.onnx", &sha256))],
    )?;
    fs::write(folder.path().join("embedder.onnx"), b"something else")?;
    let refused = models_with_hash.run(&["pull", "pulled", "--from", &shelf])?;
    refused.assert_refused(&["embedder.onnx", &hash]);

    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(EMBEDDER);
    fs::copy(path, folder.path().join("embedder.onnx"))?;
    let taken = models_with_hash.run(&["pull", "pulled", "--from", &shelf])?;
    taken.assert_success();
    assert_eq!(hub.state().requests, [""; 0]);
    models_with_hash.generate(&[])?.assert_success();

    // Without a hash of the preset nobody could say that it is the right one.
    models
        .run(&["pull", "pulled", "--from", &shelf])?
        .assert_success();
    assert!(!hub.state().requests.is_empty());
    Ok(())
}
