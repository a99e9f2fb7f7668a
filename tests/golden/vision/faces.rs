use candle_core::{Device, Tensor};
use facegen_image::RgbImage;
use facegen_vision::{
    FaceAnalyzer, FaceDetector, FaceEmbedder, OnnxEmbedder, VisionError, YuNetDetector,
    cosine_similarity, norm_crop,
};

use super::{cut, landmarks, photo, repository, yunet};
use crate::support::Golden;

const PHOTOS: [&str; 4] = [
    "astronaut.png",
    "person_a_2.jpg",
    "person_b_2.jpg",
    "impostor_1.jpg",
];
#[test]
fn yunet_finds_the_one_face_of_each_photo_where_onnxruntime_does() {
    let (golden, yunet) = (Golden::load("vision_faces"), yunet());
    for file in PHOTOS {
        let suffix = format!("landmarks.{}", &file[..file.len() - 4]);
        let faces = yunet.detect(&photo(file)).unwrap();
        assert_eq!(faces.len(), 1, "{file}");
        golden.check(&suffix, &numbers(faces[0].landmarks.0.as_flattened()));
    }
}

#[test]
fn the_score_and_box_of_a_face_are_those_of_onnxruntime() {
    let golden = Golden::load("vision_faces");
    let face = yunet().detect(&photo("astronaut.png")).unwrap()[0];
    golden.check("score.astronaut", &numbers(&[face.score]));
    golden.check("bounding_box.astronaut", &numbers(&face.bounding_box));
}

#[test]
fn a_photo_without_a_face_is_refused() {
    let analyzer = FaceAnalyzer::new(Box::new(yunet()), Box::new(embedder()));
    // The astronaut's suit, on which the detector is unsure (0.41), and the empty background.
    let photo = photo("astronaut.png");
    for part in [[0, 256, 512, 256], [0, 0, 160, 256]] {
        let error = analyzer.analyze(&cut(&photo, part)).unwrap_err();
        assert!(matches!(error, VisionError::NoFace), "{error}");
    }
}

#[test]
fn small_and_extreme_photos_are_handled() {
    let yunet = yunet();
    for (width, height) in [(1, 1), (2, 1), (1, 3000), (3000, 1), (7, 5), (641, 639)] {
        let grey = RgbImage::new(width, height, vec![128; width * height * 3]).unwrap();
        assert_eq!(yunet.detect(&grey).unwrap(), [], "{width}x{height}");
    }
}

#[test]
fn the_random_embedder_computes_in_rten_what_it_does_in_onnxruntime() {
    let golden = Golden::load("vision_faces");
    let landmarks = landmarks(&golden.input("landmarks.astronaut"));
    let crop = norm_crop(&photo("astronaut.png"), &landmarks, 112).unwrap();
    golden.check(
        "embedding.astronaut",
        &numbers(&embedder().embed(&crop).unwrap()),
    );
}

#[test]
fn the_random_embedder_distinguishes_photos() {
    let analyzer = FaceAnalyzer::new(Box::new(yunet()), Box::new(embedder()));
    let embeddings = PHOTOS.map(|file| {
        let analysis = analyzer.analyze(&photo(file)).unwrap();
        analysis.id_embedding.unwrap()
    });
    for (index, embedding) in embeddings.iter().enumerate() {
        let square: f32 = embedding.iter().map(|value| value * value).sum();
        assert!((square - 1.0).abs() < 1e-5, "length² {square}");
        for other in &embeddings[..index] {
            let similarity = cosine_similarity(embedding, other);
            println!("similarity {similarity:.3}");
            assert!(similarity < 0.95, "{similarity}");
        }
    }
}

#[test]
fn the_same_photo_gives_the_same_analysis() {
    let analyzer = FaceAnalyzer::new(Box::new(yunet()), Box::new(embedder()));
    let photo = photo("person_b_2.jpg");
    let (first, second) = (
        analyzer.analyze(&photo).unwrap(),
        analyzer.analyze(&photo).unwrap(),
    );
    assert_eq!(first.face, second.face);
    assert_eq!(first.id_embedding, second.id_embedding);
    assert_eq!(first.crop, second.crop);
}

#[test]
fn networks_of_another_role_are_refused_at_load() {
    let detector = repository().join("models/demo/face_detector/yunet_2023mar.onnx");
    let models = repository().join("tests/assets/presets/random");
    let error = OnnxEmbedder::load(&detector).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("yunet_2023mar.onnx is not a face embedder: its input is"),
        "{error}"
    );
    let error = YuNetDetector::load(models.join("face_embedder/tiny_embedder.onnx")).unwrap_err();
    assert!(matches!(error, VisionError::Interface { .. }), "{error}");
    for path in ["absent.onnx", "face_embedder/README.md"] {
        let error = OnnxEmbedder::load(models.join(path)).unwrap_err();
        assert!(matches!(error, VisionError::Load { .. }), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

fn embedder() -> OnnxEmbedder {
    OnnxEmbedder::load(
        repository().join("tests/assets/presets/random/face_embedder/tiny_embedder.onnx"),
    )
    .unwrap()
}

fn numbers(values: &[f32]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}
