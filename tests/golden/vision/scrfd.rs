use candle_core::{Device, Tensor};
use facegen_core::preset::FaceChoice;
use facegen_image::RgbImage;
use facegen_vision::{
    Face, FaceAnalyzer, FaceDetector, FaceEmbedder, OnnxEmbedder, ScrfdDetector, VisionError,
    YuNetDetector, load_detector, norm_crop, resize_bilinear,
};

use super::{cut, landmarks, photo, repository};
use crate::support::{Golden, data};

/// How many rows a golden's list of faces has.
const ROWS: usize = 24;
/// The input side of the networks with fixed predictions.
const FIXED_SIDE: usize = 64;
/// Left, top, width and height of each part of the astronaut's photo, and the detection size.
const PARTS: [(&str, [usize; 4], usize); 4] = [
    ("square", [0, 0, 512, 512], 640),
    ("portrait", [100, 3, 201, 399], 640),
    ("landscape", [5, 40, 499, 203], 640),
    ("smaller", [100, 3, 201, 399], 320),
];

#[test]
fn the_network_computes_in_rten_what_it_does_in_torch() {
    let golden = Golden::load("vision_scrfd");
    let photo = photo("astronaut.png");
    // Grids of odd sides show how the average pools end.
    let canvases = [
        ("large", resize_bilinear(&photo, 640, 640), 32),
        ("odd", cut(&photo, [170, 40, 136, 104]), 1),
    ];
    for (name, canvas, step) in canvases {
        let outputs = scrfd("scrfd").predictions(&canvas).unwrap();
        for (kind, width, outputs) in [
            ("scores", 1, &outputs[..3]),
            ("boxes", 4, &outputs[3..6]),
            ("points", 10, &outputs[6..]),
        ] {
            golden.check(&format!("{kind}.{name}"), &rows(outputs, width, step));
        }
    }
}

#[test]
fn faces_of_a_photo_are_those_of_insightface() {
    let (golden, detector) = (Golden::load("vision_scrfd"), scrfd("scrfd"));
    for (name, part, size) in PARTS {
        let photo = cut(&photo("astronaut.png"), part);
        check(&golden, name, &detector.detect_at(&photo, size).unwrap());
    }
}

#[test]
fn given_predictions_are_read_as_insightface_reads_them() {
    let golden = Golden::load("vision_scrfd");
    for network in ["scrfd_crowd", "scrfd_crowd_batched"] {
        let detector = scrfd(network);
        for (name, width, height) in [("exact", 64, 64), ("tall", 61, 97), ("wide", 96, 37)] {
            let faces = detector
                .detect_at(&black(width, height), FIXED_SIDE)
                .unwrap();
            assert!(faces.len() > 4, "{name}");
            check(&golden, &format!("crowd.{name}"), &faces);
        }
    }
}

#[test]
fn the_chosen_face_is_that_of_insightface() {
    let golden = Golden::load("vision_scrfd");
    for (name, choice) in [
        ("largest", FaceChoice::Largest),
        ("center", FaceChoice::Center),
    ] {
        let embedder = OnnxEmbedder::load(data("iresnet.onnx")).unwrap();
        let analyzer = FaceAnalyzer::new(Box::new(scrfd("scrfd_crowd")), Box::new(embedder));
        let analysis = analyzer.choosing(choice).analyze(&black(64, 64)).unwrap();
        assert_eq!(analysis.faces_found, 7);
        check(&golden, &format!("chosen.{name}"), &[analysis.face]);
    }
}

#[test]
fn scores_below_the_threshold_are_no_faces() {
    let faces = scrfd("scrfd_nobody").detect(&black(64, 48)).unwrap();
    assert_eq!(faces, []);
    check(&Golden::load("vision_scrfd"), "nobody", &faces);
}

#[test]
fn a_fixed_input_size_is_used() {
    let detector = scrfd("scrfd_crowd");
    let whole = detector.detect_at(&black(64, 64), FIXED_SIDE).unwrap();
    assert_eq!(detector.detect(&black(64, 64)).unwrap(), whole);
    // On half of the canvas, a face is twice as large in the photo.
    let half = detector.detect_at(&black(64, 64), FIXED_SIDE / 2).unwrap();
    assert_eq!(
        half[0].bounding_box,
        whole[0].bounding_box.map(|value| value * 2.0)
    );
}

#[test]
fn extreme_photos_and_sizes_are_handled() {
    let detector = scrfd("scrfd");
    for (width, height) in [(1, 1), (1, 3000), (3000, 1), (33, 31)] {
        for size in [0, 1, 31, 100, 128] {
            detector.detect_at(&black(width, height), size).unwrap();
        }
    }
}

#[test]
fn the_outputs_of_a_file_identify_its_detector() {
    let yunet = repository().join("models/demo/face_detector/yunet_2023mar.onnx");
    let found = |path| format!("{:?}", load_detector(path).unwrap());
    assert!(found(yunet.clone()).starts_with("YuNetDetector"));
    assert!(found(data("scrfd.onnx")).starts_with("ScrfdDetector"));
    assert!(found(data("scrfd_crowd_batched.onnx")).starts_with("ScrfdDetector"));
    for (error, problem) in [
        (
            load_detector(data("iresnet.onnx")).unwrap_err(),
            "iresnet.onnx is not a face detector: its 1 outputs are neither those of SCRFD nor of YuNet",
        ),
        (
            ScrfdDetector::load(yunet).unwrap_err(),
            "is not a SCRFD face detector: it has 12 outputs instead of 9",
        ),
        (
            YuNetDetector::load(data("scrfd.onnx")).unwrap_err(),
            "is not a YuNet face detector: it has no output named cls_8",
        ),
    ] {
        assert!(error.to_string().contains(problem), "{error}");
    }
    let error = load_detector(data("absent.onnx")).unwrap_err();
    assert!(matches!(error, VisionError::Load { .. }), "{error}");
}

#[test]
fn an_embedding_of_iresnet_is_that_of_insightface() {
    let golden = Golden::load("vision_arcface");
    let embedder = OnnxEmbedder::load(data("iresnet.onnx")).unwrap();
    let landmarks = landmarks(&golden.input("landmarks"));
    let crop = norm_crop(&photo("astronaut.png"), &landmarks, 112).unwrap();
    let embedding = embedder.embed(&crop).unwrap();
    golden.check("embedding", &Tensor::new(embedding, &Device::Cpu).unwrap());
}

fn check(golden: &Golden, name: &str, faces: &[Face]) {
    let (scores, boxes_and_points) = filled(faces);
    golden.check(&format!("scores.{name}"), &scores);
    golden.check(&format!("faces.{name}"), &boxes_and_points);
}

/// Returns scores `[ROWS]`, and boxes with landmarks `[ROWS, 14]`.
pub(super) fn filled(faces: &[Face]) -> (Tensor, Tensor) {
    assert!(faces.len() <= ROWS, "{} faces", faces.len());
    let mut scores = vec![0.0_f32; ROWS];
    let mut boxes_and_points = vec![0.0_f32; ROWS * 14];
    for (index, face) in faces.iter().enumerate() {
        scores[index] = face.score;
        let row = &mut boxes_and_points[index * 14..][..14];
        row[..4].copy_from_slice(&face.bounding_box);
        row[4..].copy_from_slice(face.landmarks.0.as_flattened());
    }
    let rows = Tensor::from_vec(boxes_and_points, (ROWS, 14), &Device::Cpu);
    (Tensor::new(scores, &Device::Cpu).unwrap(), rows.unwrap())
}

/// Returns every `step`th row of each output, one output after another.
fn rows(outputs: &[Vec<f32>], width: usize, step: usize) -> Tensor {
    let kept: Vec<f32> = outputs
        .iter()
        .flat_map(|output| output.chunks_exact(width).step_by(step))
        .flatten()
        .copied()
        .collect();
    Tensor::from_vec(kept.clone(), (kept.len() / width, width), &Device::Cpu).unwrap()
}

fn scrfd(name: &str) -> ScrfdDetector {
    ScrfdDetector::load(data(&format!("{name}.onnx"))).unwrap()
}

fn black(width: usize, height: usize) -> RgbImage {
    RgbImage::new(width, height, vec![0; width * height * 3]).unwrap()
}
