use candle_core::{Device, Tensor};
use facegen_core::SafetyVerdict;
use facegen_image::RgbImage;
use facegen_nn::{Compute, Weights};
use facegen_vision::{SafetyChecker, VisionError};

use super::{checkpoint, photo, write};
use crate::support::{Golden, config, gpu_path, native};

fn load(tensors: Vec<(String, Tensor)>, compute: &Compute) -> Result<SafetyChecker, VisionError> {
    let directory = tempfile::tempdir().unwrap();
    let weights = Weights::open(&write(directory.path(), tensors)).unwrap();
    let checker = SafetyChecker::load(&config("safety"), &weights, compute)?;
    weights.finish().unwrap();
    Ok(checker)
}

/// Cuts a part out of the photo, as `python/safety.py` does.
fn cut(whole: &RgbImage, [left, top, width, height]: [usize; 4], inverted: bool) -> RgbImage {
    let stride = whole.width() * 3;
    let rows = (top..top + height).map(|y| &whole.pixels()[y * stride + left * 3..][..width * 3]);
    let bytes = rows
        .flatten()
        .map(|byte| if inverted { 255 - byte } else { *byte });
    RgbImage::new(width, height, bytes.collect()).unwrap()
}

/// Returns the four images of `python/safety.py`.
pub(crate) fn images() -> [RgbImage; 4] {
    let whole = photo();
    [
        cut(&whole, [0, 0, 512, 512], false),
        cut(&whole, [150, 40, 140, 210], false),
        cut(&whole, [100, 250, 360, 240], true),
        cut(&whole, [300, 10, 150, 400], false),
    ]
}

fn tensor(rows: &[Vec<f32>]) -> Tensor {
    Tensor::new(rows.to_vec(), &Device::Cpu).unwrap()
}

fn scores(verdicts: &[SafetyVerdict]) -> Tensor {
    let row = |verdict: &SafetyVerdict| [&verdict.special_care[..], &verdict.concepts].concat();
    tensor(&verdicts.iter().map(row).collect::<Vec<_>>())
}

fn flags(verdicts: &[SafetyVerdict]) -> Tensor {
    let flags = verdicts.iter().map(|verdict| u8::from(verdict.flagged));
    Tensor::new(flags.collect::<Vec<_>>(), &Device::Cpu).unwrap()
}

/// Computes the golden's cosines.
pub(crate) fn safety_cosines(compute: &Compute) -> Tensor {
    let checker = load(checkpoint(&Golden::load("safety")), compute).unwrap();
    tensor(&checker.cosines(&images()).unwrap())
}

#[test]
fn every_score_is_that_of_diffusers() {
    let golden = Golden::load("safety");
    for compute in [native(), gpu_path()] {
        let checker = load(checkpoint(&golden), &compute).unwrap();
        golden.check("cosines", &tensor(&checker.cosines(&images()).unwrap()));
        let verdicts = checker.check(&images()).unwrap();
        golden.check("scores", &scores(&verdicts));
        golden.check("flag_bytes", &flags(&verdicts));
    }
}

#[test]
fn a_verdict_does_not_depend_on_other_images() {
    let checker = load(checkpoint(&Golden::load("safety")), &native()).unwrap();
    let together = checker.cosines(&images()).unwrap();
    let alone: Vec<_> = images()
        .into_iter()
        .flat_map(|image| checker.cosines(&[image]).unwrap())
        .collect();
    assert_eq!(together, alone);
    assert!(checker.check(&[]).unwrap().is_empty());
}

#[test]
fn the_names_of_transformers_5_are_read_too() {
    let golden = Golden::load("safety");
    let rename = |(name, tensor): (String, Tensor)| {
        (
            name.replace("vision_model.vision_model.", "vision_model."),
            tensor,
        )
    };
    let saved = checkpoint(&golden).into_iter().map(rename).collect();
    let verdicts = load(saved, &native()).unwrap().check(&images()).unwrap();
    golden.check("scores", &scores(&verdicts));
}

#[test]
fn the_position_ids_of_old_files_are_not_needed() {
    let golden = Golden::load("safety");
    let ids = Tensor::zeros((1, 257), candle_core::DType::I64, &Device::Cpu).unwrap();
    let name = "vision_model.vision_model.embeddings.position_ids".to_owned();
    let old = checkpoint(&golden).into_iter().chain([(name, ids)]);
    load(old.collect(), &native()).unwrap();
}

#[test]
fn a_checkpoint_without_thresholds_is_refused() {
    let mut lacking = checkpoint(&Golden::load("safety"));
    lacking.retain(|(name, _)| name != "concept_embeds_weights");
    let error = load(lacking, &native()).unwrap_err().to_string();
    assert!(
        error.ends_with("has no tensor concept_embeds_weights"),
        "{error}"
    );
}

#[test]
fn values_that_are_not_finite_do_not_pass_as_safe() {
    let mut broken = checkpoint(&Golden::load("safety"));
    for (name, tensor) in &mut broken {
        if name == "visual_projection.weight" {
            *tensor = (tensor.clone() * f64::NAN).unwrap();
        }
    }
    let error = load(broken, &native())
        .unwrap()
        .check(&images())
        .unwrap_err();
    assert!(matches!(error, VisionError::SafetyScore), "{error}");
}
