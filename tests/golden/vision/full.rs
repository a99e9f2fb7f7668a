//! The published networks' sizes, for a comparison by hand: see `python/full_faces.py`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor};
use facegen_vision::{
    FaceDetector, FaceEmbedder, OnnxEmbedder, ScrfdDetector, norm_crop, resize_bilinear,
};

use super::scrfd::filled;
use super::{cut, landmarks, photo};
use crate::support::{Golden, Measure, distance};

/// Of a network's outputs: scores, distances in cells, numbers of an embedding.
const NETWORK_TOLERANCE: f64 = 2e-4;
/// Of boxes and landmarks, in pixels of the photo.
const PIXEL_TOLERANCE: f64 = 1e-2;

#[test]
#[ignore = "needs the directory that tests/golden/python/full_faces.py makes, as FACEGEN_FULL_FACES"]
fn a_directory_of_full_networks_computes_what_onnxruntime_does() {
    let directory = directory();
    let results = directory.join("full_faces.safetensors");
    let results = candle_core::safetensors::load(results, &Device::Cpu).unwrap();
    detector(&directory, &results);
    embedder(&directory, &results);
}

fn detector(directory: &std::path::Path, results: &HashMap<String, Tensor>) {
    let photo = photo("astronaut.png");
    let detector = timed("loading det_10g.onnx", || {
        ScrfdDetector::load(directory.join("det_10g.onnx")).unwrap()
    });
    let canvases = [
        ("large", resize_bilinear(&photo, 640, 640)),
        ("odd", cut(&photo, [170, 40, 136, 104])),
    ];
    for (name, canvas) in canvases {
        let outputs = timed(&format!("the {name} canvas"), || {
            detector.predictions(&canvas).unwrap()
        });
        for (index, output) in outputs.into_iter().enumerate() {
            let output = Tensor::new(output, &Device::Cpu).unwrap();
            compare(
                &format!("{name}.{index}"),
                &output,
                results,
                NETWORK_TOLERANCE,
            );
        }
    }
    let faces = timed("detection", || detector.detect(&photo).unwrap());
    let (scores, faces) = filled(&faces);
    compare("scores", &scores, results, NETWORK_TOLERANCE);
    compare("faces", &faces, results, PIXEL_TOLERANCE);
}

fn embedder(directory: &std::path::Path, results: &HashMap<String, Tensor>) {
    let landmarks = landmarks(&Golden::load("vision_arcface").input("landmarks"));
    let crop = norm_crop(&photo("astronaut.png"), &landmarks, 112).unwrap();
    let embedder = timed("loading w600k_r50.onnx", || {
        OnnxEmbedder::load(directory.join("w600k_r50.onnx")).unwrap()
    });
    let embedding = timed("embedding", || embedder.embed(&crop).unwrap());
    let embedding = Tensor::new(embedding, &Device::Cpu).unwrap();
    compare("embedding", &embedding, results, NETWORK_TOLERANCE);
}

fn compare(name: &str, found: &Tensor, results: &HashMap<String, Tensor>, tolerance: f64) {
    let expected = results[name].reshape(found.shape()).unwrap();
    let distance = distance(Measure::MaxAbs, &expected, found);
    println!("{name:12} differs by at most {distance:.1e}, of {tolerance:.1e}");
    assert!(distance <= tolerance, "{name}");
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    println!("{what}: {:.3} s", started.elapsed().as_secs_f64());
    result
}

#[expect(clippy::disallowed_methods, reason = "a test has no config")]
fn directory() -> PathBuf {
    std::env::var_os("FACEGEN_FULL_FACES")
        .expect("FACEGEN_FULL_FACES names the directory")
        .into()
}
