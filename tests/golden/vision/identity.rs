use std::path::{Path, PathBuf};

use facegen_image::RgbImage;
use facegen_vision::{
    FaceAnalyzer, FaceEmbedder, OnnxEmbedder, cosine_similarity, resize_bilinear,
};

use super::{photo, read_photo, yunet};

/// Two photos of one person score above this, photos of two people below it.
const SAME_PERSON: f32 = 0.4;
const COMMITTED: [(&str, &str); 4] = [
    ("a", "person_a_2.jpg"),
    ("b", "person_b_2.jpg"),
    ("impostor", "impostor_1.jpg"),
    ("astronaut", "astronaut.png"),
];
const FETCHED: [(&str, &str); 2] = [("a", "person_a_1.jpg"), ("b", "person_b_1.jpg")];

#[test]
fn a_real_recogniser_distinguishes_people_by_our_crops() {
    let analyzer = FaceAnalyzer::new(Box::new(yunet()), Box::new(recogniser()));
    let embed = |photo: &RgbImage| analyzer.analyze(photo).unwrap().id_embedding.unwrap();
    people_are_distinguished(&embedded(embed)).unwrap();
}

/// Checks that the test above can fail.
#[test]
fn a_real_recogniser_fails_without_alignment() {
    let recogniser = recogniser();
    let embed = |photo: &RgbImage| recogniser.embed(&resize_bilinear(photo, 112, 112)).unwrap();
    people_are_distinguished(&embedded(embed)).unwrap_err();
}

/// Checks that [`SAME_PERSON`] lies between the pairs of one person and all others.
fn people_are_distinguished(embeddings: &[(&str, Vec<f32>)]) -> Result<(), String> {
    let (mut least_same, mut most_different) = (1.0_f32, -1.0_f32);
    for (index, (person, embedding)) in embeddings.iter().enumerate() {
        for (other_person, other) in &embeddings[..index] {
            let similarity = cosine_similarity(embedding, other);
            if person == other_person {
                least_same = least_same.min(similarity);
            } else {
                most_different = most_different.max(similarity);
            }
        }
    }
    let outcome =
        format!("same person from {least_same:.3}, different people up to {most_different:.3}");
    println!("{outcome}");
    (least_same > SAME_PERSON && most_different < SAME_PERSON)
        .then_some(())
        .ok_or(outcome)
}

fn embedded(embed: impl Fn(&RgbImage) -> Vec<f32>) -> Vec<(&'static str, Vec<f32>)> {
    let committed = COMMITTED.map(|(person, file)| (person, photo(file)));
    let fetched = FETCHED.map(|(person, file)| {
        (
            person,
            read_photo(&test_asset(&format!("photographs/{file}"))),
        )
    });
    let photos = committed.into_iter().chain(fetched);
    photos
        .map(|(person, photo)| (person, embed(&photo)))
        .collect()
}

fn recogniser() -> OnnxEmbedder {
    OnnxEmbedder::load(test_asset("fr_feature.onnx")).unwrap()
}

/// Returns a file that may not be committed: its licence forbids it, or is unknown.
fn test_asset(name: &str) -> PathBuf {
    let path = test_assets().join(name);
    assert!(
        path.is_file(),
        "{} is missing: `cargo xtask test` fetches it",
        path.display()
    );
    path
}

#[expect(clippy::disallowed_methods, reason = "a test has no config")]
fn test_assets() -> PathBuf {
    let default = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-assets");
    std::env::var_os("FACEGEN_TEST_ASSETS").map_or_else(default, PathBuf::from)
}
