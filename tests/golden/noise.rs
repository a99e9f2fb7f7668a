use candle_core::{Device, Tensor};
use facegen_nn::NoiseSource;

use crate::support::Golden;

#[test]
fn normal_values_are_those_of_torch() {
    let golden = Golden::load("noise");
    for seed in [0, 1234, u32::MAX] {
        for shape in ["1x4x8x8", "1x4x12x8", "1x4x5x5", "2x4x8x8", "5"] {
            let dims: Vec<usize> = shape.split('x').map(|side| side.parse().unwrap()).collect();
            let values = NoiseSource::new(seed).normal(dims.iter().product());
            let actual = Tensor::from_vec(values, dims, &Device::Cpu).unwrap();
            golden.check(&format!("randn.{seed}.{shape}"), &actual);
        }
    }
}

#[test]
fn uniform_values_are_torchs_own_bits() {
    let golden = Golden::load("noise");
    let actual = NoiseSource::new(1234).uniform(1000);
    assert_eq!(
        golden.expected("rand.1234.1000").to_vec1::<f32>().unwrap(),
        actual
    );
    golden.check(
        "rand.1234.1000",
        &Tensor::new(actual, &Device::Cpu).unwrap(),
    );
}
