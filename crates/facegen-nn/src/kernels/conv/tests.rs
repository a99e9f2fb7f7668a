use half::bf16;
use proptest::prelude::*;

use super::{
    super::{
        bfloat16::HalfKernel,
        isa::Isa,
        testing::{
            Guarded, bits, each_half_kernel, half_bits, random, same_everywhere,
            same_with_any_threads, sum_of_chains, sum_of_half, unwritten,
        },
    },
    *,
};

struct Convolution {
    shape: ConvShape,
    out_channels: usize,
    input: Vec<f32>,
    weight: Vec<f32>,
}

impl Convolution {
    fn new(shape: ConvShape, out_channels: usize) -> Self {
        let ConvShape {
            batch,
            height,
            width,
            in_channels,
            kernel,
            ..
        } = shape;
        Self {
            shape,
            out_channels,
            input: random(batch * height * width * in_channels, 1),
            weight: random(out_channels * in_channels * kernel * kernel, 2),
        }
    }

    fn convolve(&self, isa: Isa, epilogue: &Epilogue<'_>) -> Vec<f32> {
        let ConvShape {
            batch,
            in_channels,
            kernel,
            ..
        } = self.shape;
        let rhs = PackedMatrix::from_conv(&self.weight, self.out_channels, in_channels, kernel);
        let pixels = batch * self.shape.out_height() * self.shape.out_width();
        let mut out = vec![f32::NAN; pixels * self.out_channels];
        conv2d_with(
            isa,
            &self.input,
            &self.shape,
            &rhs,
            epilogue,
            unwritten(&mut out),
        );
        out
    }

    /// Sums every element over (kernel row, kernel column, input channel).
    fn plain(&self) -> Vec<f32> {
        let ConvShape {
            batch,
            in_channels,
            kernel,
            ..
        } = self.shape;
        let mut out = Vec::new();
        for sample in 0..batch {
            for (y, x) in grid(self.shape.out_height(), self.shape.out_width()) {
                for channel in 0..self.out_channels {
                    let terms = (0..kernel * kernel * in_channels).map(|k| {
                        let (tap, input) = (k / in_channels, k % in_channels);
                        let (ky, kx) = (tap / kernel, tap % kernel);
                        let weight = self.weight
                            [((channel * in_channels + input) * kernel + ky) * kernel + kx];
                        let (y, x) = (y * self.shape.stride + ky, x * self.shape.stride + kx);
                        (self.pixel(sample, y, x, input), weight)
                    });
                    out.push(sum_of_chains(terms));
                }
            }
        }
        out
    }

    /// Returns an element of the bordered input.
    fn pixel(&self, sample: usize, y: usize, x: usize, channel: usize) -> f32 {
        let ConvShape {
            height,
            width,
            in_channels,
            padding,
            ..
        } = self.shape;
        let inside = |position: usize, extent: usize| {
            let position = position.checked_sub(padding)?;
            (position < extent).then_some(position)
        };
        match (inside(y, height), inside(x, width)) {
            (Some(y), Some(x)) => {
                self.input[((sample * height + y) * width + x) * in_channels + channel]
            }
            _ => 0.0,
        }
    }
}

fn grid(height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (y, x)))
}

fn shape(height: usize, width: usize, in_channels: usize, kernel: usize) -> ConvShape {
    let (batch, stride, padding) = (1, 1, kernel / 2);
    ConvShape {
        batch,
        height,
        width,
        in_channels,
        kernel,
        stride,
        padding,
    }
}

fn check(shape: ConvShape, out_channels: usize) {
    let convolution = Convolution::new(shape, out_channels);
    let actual = same_everywhere(|isa| convolution.convolve(isa, &Epilogue::default()));
    assert_eq!(bits(&actual), bits(&convolution.plain()), "{shape:?}");
}

#[test]
fn every_element_is_a_sum_of_chains_of_multiply_adds() {
    check(
        ConvShape {
            batch: 2,
            ..shape(9, 7, 4, 3)
        },
        40,
    );
    check(
        ConvShape {
            stride: 2,
            ..shape(9, 12, 5, 3)
        },
        33,
    );
    check(
        ConvShape {
            padding: 0,
            ..shape(6, 8, 3, 3)
        },
        3,
    );
    check(
        ConvShape {
            batch: 2,
            ..shape(5, 7, 33, 1)
        },
        20,
    );
    check(
        ConvShape {
            stride: 2,
            ..shape(5, 7, 6, 1)
        },
        20,
    );
    check(
        ConvShape {
            stride: 14,
            padding: 0,
            ..shape(56, 42, 3, 14)
        },
        17,
    );
    check(shape(40, 33, 64, 3), 48);
}

#[test]
fn the_output_size_is_torchs() {
    let even = ConvShape {
        stride: 2,
        ..shape(64, 48, 4, 3)
    };
    assert_eq!((even.out_height(), even.out_width()), (32, 24));
    let patches = ConvShape {
        stride: 14,
        padding: 0,
        ..shape(224, 225, 3, 14)
    };
    assert_eq!((patches.out_height(), patches.out_width()), (16, 16));
    assert_eq!(
        ConvShape {
            padding: 0,
            ..shape(2, 2, 1, 3)
        }
        .out_height(),
        0
    );
}

#[test]
fn samples_do_not_depend_on_their_batch() {
    let all = Convolution::new(
        ConvShape {
            batch: 4,
            ..shape(16, 11, 10, 3)
        },
        24,
    );
    let (bias, per_sample) = (random(24, 3), random(4 * 24, 4));
    let epilogue = Epilogue {
        bias: Some(&bias),
        per_sample: Some(&per_sample),
        ..Epilogue::default()
    };
    let together = all.convolve(Isa::best(), &epilogue);
    for (sample, expected) in together.chunks_exact(16 * 11 * 24).enumerate() {
        let alone = Convolution {
            shape: ConvShape {
                batch: 1,
                ..all.shape
            },
            input: all.input[sample * 16 * 11 * 10..][..16 * 11 * 10].to_vec(),
            weight: all.weight.clone(),
            ..all
        };
        let epilogue = Epilogue {
            per_sample: Some(&per_sample[sample * 24..][..24]),
            ..epilogue
        };
        assert_eq!(
            bits(&alone.convolve(Isa::best(), &epilogue)),
            bits(expected)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_shape_is_right(
        batch in 1usize..3, height in 3usize..12, width in 3usize..30, in_channels in 1usize..20,
        out_channels in 1usize..40, kernel in 1usize..4, stride in 1usize..3, padding in 0usize..2,
    ) {
        let shape = ConvShape { batch, height, width, in_channels, kernel, stride, padding };
        let convolution = Convolution::new(shape, out_channels);
        let actual = convolution.convolve(Isa::best(), &Epilogue::default());
        prop_assert_eq!(bits(&actual), bits(&convolution.plain()));
    }
}

/// Rounds the sums of a bf16 convolution, in the kernel's order.
fn half_plain(kernel: HalfKernel, convolution: &Convolution) -> Vec<bf16> {
    let ConvShape {
        batch,
        in_channels,
        kernel: extent,
        stride,
        ..
    } = convolution.shape;
    let mut out = Vec::new();
    for sample in 0..batch {
        for (y, x) in grid(
            convolution.shape.out_height(),
            convolution.shape.out_width(),
        ) {
            for channel in 0..convolution.out_channels {
                let term = |ky: usize, kx: usize, input: usize| {
                    let weight = ((channel * in_channels + input) * extent + ky) * extent + kx;
                    let pixel = convolution.pixel(sample, y * stride + ky, x * stride + kx, input);
                    (
                        bf16::narrow(pixel),
                        bf16::narrow(convolution.weight[weight]),
                    )
                };
                let segment = |ky: usize| -> Vec<_> {
                    let columns = (0..extent).flat_map(|kx| (0..in_channels).map(move |c| (kx, c)));
                    columns.map(|(kx, input)| term(ky, kx, input)).collect()
                };
                let segments: Vec<_> = (0..extent).map(segment).collect();
                out.push(bf16::narrow(sum_of_half(kernel, &segments, None)));
            }
        }
    }
    out
}

fn half_convolve(kernel: HalfKernel, convolution: &Convolution) -> Vec<bf16> {
    let shape = convolution.shape;
    let narrow =
        |values: &[f32]| -> Vec<bf16> { values.iter().copied().map(bf16::narrow).collect() };
    let (channels, extent) = (shape.in_channels, shape.kernel);
    let weight = narrow(&convolution.weight);
    let rhs = PackedMatrix::from_conv(&weight, convolution.out_channels, channels, extent);
    let input = Guarded::new(&narrow(&convolution.input));
    let pixels = shape.batch * shape.out_height() * shape.out_width();
    let mut out = Guarded::new(&vec![bf16::NAN; pixels * convolution.out_channels]);
    let epilogue = Epilogue::default();
    conv2d_with(
        kernel,
        input.values(),
        &shape,
        &rhs,
        &epilogue,
        unwritten(out.values_mut()),
    );
    out.values().to_vec()
}

#[test]
fn every_kernel_of_bf16_convolves_in_its_order() {
    let two = |shape: ConvShape| ConvShape { batch: 2, ..shape };
    let strided = |stride, padding, shape: ConvShape| ConvShape {
        stride,
        padding,
        ..shape
    };
    let shapes = [
        (two(shape(1, 1, 7, 3)), 5),
        (two(shape(9, 7, 4, 3)), 40),
        (strided(2, 1, shape(9, 12, 5, 3)), 33),
        (strided(1, 0, shape(6, 8, 3, 3)), 3),
        (two(shape(5, 7, 33, 1)), 20),
        (strided(2, 0, shape(5, 7, 6, 1)), 20),
        (strided(14, 0, shape(56, 42, 3, 14)), 17),
        (two(shape(8, 8, 96, 3)), 33),
        (
            ConvShape {
                batch: 5,
                ..shape(3, 3, 32, 3)
            },
            33,
        ),
        (strided(1, 0, shape(6, 9, 64, 3)), 3),
        (strided(1, 1, shape(4, 5, 32, 2)), 7),
        (shape(20, 33, 64, 3), 48),
        (shape(96, 64, 3, 3), 4),
    ];
    each_half_kernel(|kernel| {
        for (shape, out_channels) in shapes {
            let convolution = Convolution::new(shape, out_channels);
            let actual = same_with_any_threads(|| half_convolve(kernel, &convolution));
            let expected = half_plain(kernel, &convolution);
            assert_eq!(
                half_bits(&actual),
                half_bits(&expected),
                "{kernel:?}, {shape:?}"
            );
        }
    });
}

#[test]
fn samples_of_bf16_do_not_depend_on_their_batch() {
    each_half_kernel(|kernel| {
        for (height, width) in [(16, 11), (8, 8), (40, 32)] {
            let all = Convolution::new(
                ConvShape {
                    batch: 4,
                    ..shape(height, width, 10, 3)
                },
                24,
            );
            let together = half_convolve(kernel, &all);
            let sample_length = height * width * 10;
            for (sample, expected) in together.chunks_exact(height * width * 24).enumerate() {
                let alone = Convolution {
                    shape: ConvShape {
                        batch: 1,
                        ..all.shape
                    },
                    input: all.input[sample * sample_length..][..sample_length].to_vec(),
                    weight: all.weight.clone(),
                    ..all
                };
                assert_eq!(
                    half_bits(&half_convolve(kernel, &alone)),
                    half_bits(expected)
                );
            }
        }
    });
}
