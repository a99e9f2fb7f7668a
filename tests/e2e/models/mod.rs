//! `facegen models` and `facegen run` against a stand-in for the hub.

mod accepting;
mod answers;
mod compiled_in;
mod failures;
mod hub;
mod listing;
mod manner;
mod mirrors;
mod packs;
mod processes;
mod program;
mod removing;
mod running;

use std::fs;
use std::path::Path;

use anyhow::Result;

use hub::{COMMIT, Hub, SIGNATURE, sha256};
use program::Models;

const REPO: &str = "lab/faces";
const EMBEDDER: &str = "demo/face_embedder/portrait_embedder.onnx";

/// Returns the lines of a component that is `file` of the hub.
fn of_hub(file: &str, more: &str) -> String {
    format!("source = {{ hub = {{ repo = \"{REPO}\", file = \"{file}\" }} }}\n{more}")
}

/// Returns bytes that differ from place to place.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Starts a hub with the embedder of the demo preset, and a preset that takes
/// it from there.
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

/// Starts a hub with a file of four megabytes, and a preset that needs it.
fn large() -> Result<(Hub, Models, Vec<u8>)> {
    let (hub, bytes) = (Hub::start()?, noise(4 << 20));
    hub.add(&format!("{REPO}/unet.safetensors"), bytes.clone());
    let models = Models::new(&hub, &[("unet", &of_hub("unet.safetensors", ""))])?;
    Ok((hub, models, bytes))
}

#[test]
fn a_second_pull_sends_no_request() -> Result<()> {
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
    let list = models.run(&["list"])?.stdout;
    let row = list.lines().find(|line| line.starts_with("pulled "));
    assert!(row.is_some_and(|row| row.ends_with(" ready")), "{list}");
    Ok(())
}

#[test]
fn a_pulled_preset_makes_images_until_its_files_are_damaged() -> Result<()> {
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
fn a_file_with_another_hash_is_not_fetched() -> Result<()> {
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
fn offline_only_local_files_are_used() -> Result<()> {
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
fn missing_and_oversized_files_are_named() -> Result<()> {
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
fn a_revision_with_slashes_is_one_part_of_the_url() -> Result<()> {
    let (hub, _, bytes) = large()?;
    let revision = "revision = \"refs/pr/1\"";
    let source = format!(
        "source = {{ hub = {{ repo = \"{REPO}\", file = \"unet.safetensors\", {revision} }} }}"
    );
    let models = Models::new(&hub, &[("unet", &source)])?;
    models.run(&["pull", "pulled"])?.assert_success();
    assert!(fs::read(models.blob(REPO, &sha256(&bytes)))? == bytes);
    let first = hub.state().requests.first().cloned();
    let expected = format!("HEAD /{REPO}/resolve/refs%2Fpr%2F1/unet.safetensors");
    assert_eq!(first, Some(expected));
    Ok(())
}

#[test]
fn the_token_is_sent_to_the_hub_and_to_no_other_host() -> Result<()> {
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
fn a_small_file_with_one_wrong_byte_is_not_kept() -> Result<()> {
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
fn local_files_of_the_operator_are_not_fetched() -> Result<()> {
    let (hub, models, hash) = embedder("")?;
    let directory = tempfile::tempdir()?;
    let shelf = directory.path().display().to_string();
    let sha256 = format!("sha256 = \"{hash}\"");
    let models_with_hash = Models::new(
        &hub,
        &[("face_embedder", &of_hub("onnx/embedder.onnx", &sha256))],
    )?;
    fs::write(directory.path().join("embedder.onnx"), b"something else")?;
    let refused = models_with_hash.run(&["pull", "pulled", "--from", &shelf])?;
    refused.assert_refused(&["embedder.onnx", &hash]);

    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("models")
        .join(EMBEDDER);
    fs::copy(path, directory.path().join("embedder.onnx"))?;
    let taken = models_with_hash.run(&["pull", "pulled", "--from", &shelf])?;
    taken.assert_success();
    assert_eq!(hub.state().requests, [""; 0]);
    models_with_hash.generate(&[])?.assert_success();

    // Without a hash in the preset it would be unknown which file is right.
    models
        .run(&["pull", "pulled", "--from", &shelf])?
        .assert_success();
    assert!(!hub.state().requests.is_empty());
    Ok(())
}
