//! Loading a checkpoint takes little more memory than the model keeps.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use candle_core::{DType, Device};
use facegen_nn::layers::Linear;
use facegen_nn::{Compute, Weights};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The model: `LAYERS` square matrices of side `SIDE`.
const LAYERS: usize = 16;
const SIDE: usize = 1024;
const MODEL_BYTES: u64 = (LAYERS * SIDE * SIDE * 4) as u64;

/// How a child reports its memory use.
const PEAK: &str = "peak of ";

#[test]
fn loading_takes_at_most_1_3_times_the_weights() {
    let directory = tempfile::tempdir().unwrap();
    let values: Vec<u8> = (0..SIDE * SIDE)
        .flat_map(|index| (index as f32).to_le_bytes())
        .collect();
    for (name, write) in [
        ("model.safetensors", safetensors as fn(&Path, &[u8])),
        ("model.bin", torch),
    ] {
        let path = directory.path().join(name);
        write(&path, &values);
        let peak = peak_of_child(&path);
        println!("{name}: {peak} bytes for {MODEL_BYTES}");
        // Without a measurement, it would be less than the model.
        let allowed = MODEL_BYTES..=MODEL_BYTES / 10 * 13;
        assert!(allowed.contains(&peak), "{name}: {peak} of {allowed:?}");
    }
}

/// Returns the peak anonymous memory of a process that only loads the
/// checkpoint, whose path it gets on its standard input.
fn peak_of_child(checkpoint: &Path) -> u64 {
    let mut child = Command::new("/proc/self/exe");
    child.args([
        "--ignored",
        "--nocapture",
        "--exact",
        "memory::a_checkpoint_is_loaded",
    ]);
    child.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(checkpoint.as_os_str().as_encoded_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, peak) = text
        .split_once(PEAK)
        .unwrap_or_else(|| panic!("{output:?}"));
    peak.lines().next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "run in a process of its own by the test above"]
fn a_checkpoint_is_loaded() {
    let path = io::read_to_string(io::stdin()).unwrap();
    let compute = Compute::new(Device::Cpu, DType::F32);
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let before = anonymous_memory();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous_memory(), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(1));
            }
        });
        let weights = Weights::open(Path::new(&path)).unwrap();
        let load = |layer| Linear::load_without_bias(&weights.pp(layer), SIDE, SIDE, &compute);
        let model: Vec<Linear> = (0..LAYERS).map(|layer| load(layer).unwrap()).collect();
        weights.finish().unwrap();
        peak.fetch_max(anonymous_memory(), Ordering::Relaxed);
        done.store(true, Ordering::Relaxed);
        drop(model);
    });
    println!("{PEAK}{}", peak.into_inner() - before);
}

/// Returns the bytes of this process that no file backs: the system can drop
/// what is mapped from one, so it does not count.
fn anonymous_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<u64>().unwrap() << 10
}

/// Writes a checkpoint whose matrices all have these values.
fn safetensors(path: &Path, values: &[u8]) {
    let view = || TensorView::new(Dtype::F32, vec![SIDE, SIDE], values).unwrap();
    let tensors = (0..LAYERS).map(|layer| (format!("{layer}.weight"), view()));
    safetensors::serialize_to_file(tensors, None, path).unwrap();
}

/// Writes the same in torch's format: a pickle, and a storage for each matrix.
fn torch(path: &Path, values: &[u8]) {
    let mut writer = ZipWriter::new(File::create(path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    writer.start_file("x/data.pkl", stored).unwrap();
    writer.write_all(&pickle()).unwrap();
    for layer in 0..LAYERS {
        writer
            .start_file(format!("x/data/{layer}"), stored)
            .unwrap();
        writer.write_all(values).unwrap();
    }
    writer.finish().unwrap();
}

/// Builds the pickle of `{"0.weight": tensor of storage "0", …}`.
fn pickle() -> Vec<u8> {
    let text = |text: &str| {
        let length = text.len() as u32;
        [b"X", &length.to_le_bytes()[..], text.as_bytes()].concat()
    };
    let number = |number: usize| [b"J", &(number as u32).to_le_bytes()[..]].concat();
    let mut pickle = b"\x80\x02}".to_vec();
    for layer in 0..LAYERS {
        pickle.extend(text(&format!("{layer}.weight")));
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        pickle.extend(text("storage"));
        pickle.extend(b"ctorch\nFloatStorage\n");
        pickle.extend([text(&layer.to_string()), text("cpu"), number(SIDE * SIDE)].concat());
        pickle.extend(b"tQK\0");
        pickle.extend([number(SIDE), number(SIDE)].concat());
        pickle.push(b'\x86');
        pickle.extend(number(SIDE));
        pickle.extend(b"K\x01\x86\x89NtRs");
    }
    pickle.push(b'.');
    pickle
}
