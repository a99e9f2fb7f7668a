//! The goldens on an NVIDIA GPU, by the kernels that serve there.

use candle_core::{DType, Device, Tensor};
use facegen_engine::{DeviceChoice, LoadOptions};
use facegen_nn::Compute;

use crate::half_precision::every_network;
use crate::support::{Golden, Measure, distance};
use crate::trained::portrait;

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn goldens_stay_near_in_f16_on_a_gpu() {
    on_a_gpu(DType::F16);
}

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn goldens_stay_near_in_bf16_on_a_gpu() {
    on_a_gpu(DType::BF16);
}

fn on_a_gpu(dtype: DType) {
    let compute = Compute::fastest(Device::new_cuda(0).unwrap(), dtype).unwrap();
    every_network(&compute);
    let ledger = compute.ledger().unwrap();
    println!("{dtype:?}: {ledger:?}");
    assert!(ledger.launches > 0, "the kernels were not used");
}

#[test]
#[ignore = "needs an NVIDIA GPU"]
fn the_portrait_of_a_gpu_is_near_the_reference() {
    let options = LoadOptions {
        device: DeviceChoice::Cuda(0),
        ..LoadOptions::default()
    };
    let golden = Golden::load("trained");
    let (expected, actual) = (golden.expected("image"), portrait(&options));
    let most = distance(Measure::MaxAbs, &expected, &actual);
    let mean = mean_difference(&expected, &actual);
    println!("at most {most} levels, {mean:.3} on average");
    assert!(mean < 2.0, "{mean} levels on average");
}

/// Returns the mean distance of two images in levels.
fn mean_difference(expected: &Tensor, actual: &Tensor) -> f64 {
    let wide = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    let difference = (wide(expected) - wide(actual)).unwrap().abs().unwrap();
    difference.mean_all().unwrap().to_scalar().unwrap()
}
