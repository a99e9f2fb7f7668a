//! Analyses the face in a photo.

use std::fmt;

use facegen_core::preset::FaceChoice;
use facegen_image::RgbImage;

use crate::alignment::norm_crop;
use crate::choice::choose;
use crate::embedding::normalized;
use crate::error::VisionError;
use crate::face::{EMBEDDER_CROP, Face, FaceDetector, FaceEmbedder};
use crate::square_crop::square_crop;

/// The side of the crop from which CLIP reads the face's structure, in pixels.
const STRUCTURE_CROP: usize = 224;

/// A detector and, if an identity is needed, an embedder that analyse one photo
/// together.
#[derive(Debug)]
pub struct FaceAnalyzer {
    detector: Box<dyn FaceDetector>,
    embedder: Option<Box<dyn FaceEmbedder>>,
    choice: FaceChoice,
}

/// The result of analysing a photo's chosen face.
#[derive(Clone)]
pub struct FaceAnalysis {
    /// The chosen face.
    pub face: Face,
    /// How many faces the photo shows.
    pub faces_found: usize,
    /// How the face was chosen.
    pub choice: FaceChoice,
    /// The identity: the embedder's vector, normalised to length 1. `None`
    /// without an embedder.
    pub id_embedding: Option<Vec<f32>>,
    /// With an embedder the aligned face, 224×224 pixels; without one the
    /// square around the face, see [`square_crop()`].
    pub crop: RgbImage,
}

impl FaceAnalyzer {
    /// Combines the two networks; of several faces the one with the highest
    /// score is chosen, as in the reference.
    #[must_use]
    pub fn new(detector: Box<dyn FaceDetector>, embedder: Box<dyn FaceEmbedder>) -> Self {
        Self {
            embedder: Some(embedder),
            ..Self::without_embedder(detector)
        }
    }

    /// Builds an analyzer without an identity.
    #[must_use]
    pub fn without_embedder(detector: Box<dyn FaceDetector>) -> Self {
        Self {
            detector,
            embedder: None,
            choice: FaceChoice::default(),
        }
    }

    /// Sets how one of several faces is chosen.
    #[must_use]
    pub fn choosing(self, choice: FaceChoice) -> Self {
        Self { choice, ..self }
    }

    /// Finds the faces of a photo: the one that [`FaceAnalyzer::analyze`] chooses
    /// first, then the others by their score.
    ///
    /// # Errors
    /// Fails when the network fails.
    pub fn find(&self, photo: &RgbImage) -> Result<Vec<Face>, VisionError> {
        let mut faces = self.detector.detect(photo)?;
        if let Some(chosen) = choose(self.choice, &faces, photo).copied() {
            // A stable sort keeps the order of the others.
            faces.sort_by_key(|face| *face != chosen);
        }
        Ok(faces)
    }

    /// Finds the faces of a photo, chooses one and analyses it.
    ///
    /// # Errors
    /// Fails with [`VisionError::NoFace`] when the photo shows none, or when a
    /// network fails or its output is unusable.
    pub fn analyze(&self, photo: &RgbImage) -> Result<FaceAnalysis, VisionError> {
        let faces = self.detector.detect(photo)?;
        let face = *choose(self.choice, &faces, photo).ok_or(VisionError::NoFace)?;
        let (id_embedding, crop) = match &self.embedder {
            Some(embedder) => {
                let crop = norm_crop(photo, &face.landmarks, EMBEDDER_CROP)?;
                let id_embedding = normalized(&embedder.embed(&crop)?)?;
                let crop = norm_crop(photo, &face.landmarks, STRUCTURE_CROP)?;
                (Some(id_embedding), crop)
            }
            None => (None, square_crop(photo, &face)),
        };
        Ok(FaceAnalysis {
            face,
            faces_found: faces.len(),
            choice: self.choice,
            id_embedding,
            crop,
        })
    }
}

/// Omits the embedding: it identifies a person.
impl fmt::Debug for FaceAnalysis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FaceAnalysis")
            .field("face", &self.face)
            .field("faces_found", &self.faces_found)
            .field("crop", &self.crop)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::Landmarks;

    /// Finds the faces that it was created with.
    #[derive(Debug)]
    struct Scripted(Vec<Face>);

    impl FaceDetector for Scripted {
        fn detect_at(&self, _photo: &RgbImage, _size: usize) -> Result<Vec<Face>, VisionError> {
            Ok(self.0.clone())
        }
    }

    /// Embeds a crop as its mean colour.
    #[derive(Debug)]
    struct MeanColour;

    impl FaceEmbedder for MeanColour {
        fn embed(&self, crop: &RgbImage) -> Result<Vec<f32>, VisionError> {
            assert_eq!((crop.width(), crop.height()), (112, 112));
            let sum = |channel| {
                crop.pixels()
                    .iter()
                    .skip(channel)
                    .step_by(3)
                    .map(|&b| f32::from(b))
                    .sum()
            };
            Ok((0..3).map(sum).collect())
        }
    }

    fn face(score: f32) -> Face {
        Face {
            score,
            bounding_box: [10.0, 10.0, 50.0, 60.0],
            landmarks: Landmarks([
                [20.0, 25.0],
                [40.0, 25.0],
                [30.0, 35.0],
                [22.0, 48.0],
                [38.0, 48.0],
            ]),
        }
    }

    fn photo(colour: [u8; 3]) -> RgbImage {
        RgbImage::new(64, 64, colour.repeat(64 * 64)).unwrap()
    }

    #[test]
    fn the_first_face_is_analysed_and_all_are_counted() {
        let detector = Scripted(vec![face(0.9), face(0.7)]);
        let analyzer = FaceAnalyzer::new(Box::new(detector), Box::new(MeanColour));
        let analysis = analyzer.analyze(&photo([200, 0, 0])).unwrap();
        assert_eq!(analysis.face, face(0.9));
        assert_eq!(analysis.faces_found, 2);
        assert_eq!(
            analysis.id_embedding.as_deref(),
            Some([1.0, 0.0, 0.0].as_slice())
        );
        assert_eq!((analysis.crop.width(), analysis.crop.height()), (224, 224));
        assert!(!format!("{analysis:?}").contains("embedding"));
    }

    #[test]
    fn another_choice_analyses_another_face() {
        let mut large = face(0.7);
        large.bounding_box[2] += 5.0;
        let detector = Scripted(vec![face(0.9), large]);
        let analyzer = FaceAnalyzer::new(Box::new(detector), Box::new(MeanColour))
            .choosing(FaceChoice::Largest);
        let analysis = analyzer.analyze(&photo([200, 0, 0])).unwrap();
        assert_eq!((analysis.face, analysis.faces_found), (large, 2));
    }

    #[test]
    fn the_chosen_face_is_found_first() {
        let (certain, other, mut large) = (face(0.9), face(0.8), face(0.7));
        large.bounding_box[2] += 5.0;
        let faces = vec![certain, other, large];
        let analyzer = FaceAnalyzer::without_embedder(Box::new(Scripted(faces.clone())));
        let photo = photo([200, 0, 0]);
        assert_eq!(analyzer.find(&photo).unwrap(), faces);
        let analyzer = analyzer.choosing(FaceChoice::Largest);
        assert_eq!(analyzer.find(&photo).unwrap(), [large, certain, other]);
        let blind = FaceAnalyzer::without_embedder(Box::new(Scripted(Vec::new())));
        assert_eq!(blind.find(&photo).unwrap(), []);
    }

    #[test]
    fn without_an_embedder_there_is_no_identity_and_the_crop_is_square() {
        let analyzer = FaceAnalyzer::without_embedder(Box::new(Scripted(vec![face(0.9)])));
        let analysis = analyzer.analyze(&photo([0; 3])).unwrap();
        assert_eq!(analysis.id_embedding, None);
        assert_eq!((analysis.crop.width(), analysis.crop.height()), (75, 75));
    }

    #[test]
    fn no_face_has_its_own_error() {
        let analyzer = FaceAnalyzer::new(Box::new(Scripted(Vec::new())), Box::new(MeanColour));
        let error = analyzer.analyze(&photo([1, 2, 3])).unwrap_err();
        assert_eq!(error.to_string(), "no face found in the photo");
    }

    #[test]
    fn an_embedding_without_direction_is_an_error() {
        let analyzer = FaceAnalyzer::new(Box::new(Scripted(vec![face(0.9)])), Box::new(MeanColour));
        let error = analyzer.analyze(&photo([0; 3])).unwrap_err();
        assert!(matches!(error, VisionError::EmbeddingWithoutDirection));
    }
}
