//! The weights of a convolution of an image that is enlarged twice before, as they are when only the
//! image is read.

use candle_core::{Result, Tensor};

/// Sums the weights that see the same pixel once the image is enlarged: `(output, input, 3, 3)` to
/// `(row phase, column phase, output, row tap, column tap, input)`.
pub(crate) fn fold(weight: &Tensor) -> Result<Tensor> {
    let columns = fold_axis(&fold_axis(weight, 2)?, 4)?;
    // Now (output, input, row phase, row tap, column phase, column tap).
    columns.permute((2, 4, 0, 3, 5, 1))?.contiguous()
}

/// Replaces an axis of three weights by two: the phases, even and odd pixels of the result, and
/// the two pixels that each reads.
fn fold_axis(weight: &Tensor, axis: usize) -> Result<Tensor> {
    let at = |index| weight.narrow(axis, index, 1);
    let (before, here, after) = (at(0)?, at(1)?, at(2)?);
    let even = Tensor::cat(&[&before, &(&here + &after)?], axis)?;
    let odd = Tensor::cat(&[&(&before + &here)?, &after], axis)?;
    Tensor::stack(&[even, odd], axis)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::NoiseSource;

    fn noise(seed: u32, shape: &[usize]) -> Tensor {
        let values = NoiseSource::new(seed).uniform(shape.iter().product());
        let values: Vec<f32> = values.into_iter().map(|value| value - 0.5).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Computes a phase as the kernel does: by two by two pixels, from the one
    /// before on for an even row or column, and from the same on for an odd one.
    fn phase(input: &Tensor, folded: &Tensor, row: usize, column: usize) -> Tensor {
        let (_, _, height, width) = input.dims4().unwrap();
        let weight = folded.get(row).unwrap().get(column).unwrap();
        let weight = weight.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let all = input.conv2d(&weight, 1, 1, 1, 1).unwrap();
        let rows = all.narrow(2, row, height).unwrap();
        rows.narrow(3, column, width).unwrap()
    }

    #[test]
    fn the_phases_of_a_folded_weight_are_the_convolution_of_the_enlarged_image() {
        let (height, width) = (5, 4);
        let input = noise(1, &[2, 3, height, width]);
        let weight = noise(2, &[6, 3, 3, 3]);
        let enlarged = input.upsample_nearest2d(2 * height, 2 * width).unwrap();
        let expected = enlarged.conv2d(&weight, 1, 1, 1, 1).unwrap();

        let folded = fold(&weight).unwrap();
        let rows = [0, 1].map(|row| {
            let columns = [0, 1].map(|column| phase(&input, &folded, row, column));
            Tensor::stack(&columns, 4).unwrap()
        });
        let found = Tensor::stack(&rows, 3).unwrap();
        let found = found.reshape(expected.shape()).unwrap();
        let difference = (found - expected).unwrap().abs().unwrap();
        let largest = difference.max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(largest < 1e-6, "{largest}");
    }
}
