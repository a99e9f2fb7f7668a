//! Tensors as torch stores them.

use facegen_nn::layers::Linear;
use facegen_nn::{Weights, WeightsError};
use safetensors::SafeTensors;

use super::path;
use super::plain::bits;
use crate::support::native;

#[test]
fn views_of_storages_are_read_as_torch_reads_them() {
    let (torch, plain) = (path("views.pt"), path("views.safetensors"));
    let (torch, opened) = (
        Weights::open(&torch).unwrap(),
        Weights::open(&plain).unwrap(),
    );
    let bytes = std::fs::read(plain).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.len(), 11);
    for (name, tensor) in tensors.iter() {
        let found = torch.get(name, tensor.shape()).unwrap();
        let expected = opened.get(name, tensor.shape()).unwrap();
        assert_eq!(bits(&found), bits(&expected), "{name}");
    }
}

#[test]
fn other_tensors_than_weights_are_refused_by_name() {
    let weights = Weights::open(&path("views.pt")).unwrap();
    for (name, shape, reason) in [
        ("double", &[2][..], "has type f64"),
        ("long", &[2], "has type i64"),
        ("bool", &[2], "lies in a BoolStorage"),
        ("expanded", &[5], "elements overlap"),
        ("sparse", &[3, 3], "made by _rebuild_sparse_tensor"),
    ] {
        let error = weights.get(name, shape).unwrap_err().to_string();
        assert!(error.contains(&format!("tensor {name} of ")), "{error}");
        assert!(error.contains("views.pt"), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    // A tensor that no model takes of them is left over like any other.
    let error = weights.finish().unwrap_err().to_string();
    assert!(error.contains("a_list.0, base, bfloat16"), "{error}");
}

#[test]
fn the_format_before_torch_1_6_is_refused() {
    // It began with a pickled number, then a pickled version.
    let file = tempfile::NamedTempFile::new().unwrap();
    let magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
    std::fs::write(file.path(), magic).unwrap();
    let error = Weights::open(file.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Unreadable { .. }));
    let name = file.path().file_name().unwrap().to_str().unwrap();
    assert!(error.to_string().contains(name), "{error}");
    assert!(
        error.to_string().contains("the format before 1.6"),
        "{error}"
    );
}

fn linear(name: &str) -> Result<(), String> {
    let weights = Weights::open(&path(name)).map_err(|error| error.to_string())?;
    Linear::load(&weights, 3, 2, &native()).map_err(|error| error.to_string())?;
    weights.finish().map_err(|error| error.to_string())
}

#[test]
fn faults_of_a_torch_file_are_named() {
    linear("linear.bin").unwrap();
    linear("linear_sharded").unwrap();
    for (name, expected) in [
        (
            "linear_missing.bin",
            "linear_missing.bin has no tensor bias",
        ),
        (
            "linear_extra.bin",
            "linear_extra.bin has tensors that the model does not know: surplus",
        ),
        (
            "linear_shape.bin",
            "linear_shape.bin has shape [3], expected [2]",
        ),
    ] {
        let error = linear(name).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
