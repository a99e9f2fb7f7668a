use super::{
    super::super::testing::{assert_close, bits, random, same_everywhere, unwritten},
    *,
};

fn normalise(
    isa: Isa,
    shape: GroupNormShape,
    input: &[f32],
    activation: Option<Activation>,
) -> Vec<f32> {
    let (weight, bias) = (random(shape.channels, 2), random(shape.channels, 3));
    let mut out = vec![f32::NAN; input.len()];
    let norm = GroupNorm {
        isa,
        shape,
        eps: 1e-5,
        weight: &weight,
        bias: &bias,
        activation,
    };
    norm.compute(input, unwritten(&mut out));
    out
}

/// Normalises in `f64`, with the same weight and bias.
fn plain(shape: GroupNormShape, input: &[f32]) -> Vec<f64> {
    let GroupNormShape {
        pixels,
        channels,
        groups,
        ..
    } = shape;
    let (weight, bias) = (random(channels, 2), random(channels, 3));
    let mut out = vec![0.0; input.len()];
    for (input, out) in input
        .chunks(pixels * channels)
        .zip(out.chunks_mut(pixels * channels))
    {
        for group in 0..groups {
            let members: Vec<usize> = (0..input.len())
                .filter(|at| at % channels / (channels / groups) == group)
                .collect();
            let count = members.len() as f64;
            let mean = members.iter().map(|at| f64::from(input[*at])).sum::<f64>() / count;
            let variance = members
                .iter()
                .map(|at| (f64::from(input[*at]) - mean).powi(2))
                .sum::<f64>()
                / count;
            for at in members {
                let normal = (f64::from(input[at]) - mean) / (variance + 1e-5).sqrt();
                out[at] =
                    normal * f64::from(weight[at % channels]) + f64::from(bias[at % channels]);
            }
        }
    }
    out
}

#[test]
fn agrees_with_exact_statistics() {
    for (batch, pixels, channels, groups) in [
        (1, 1, 4, 2),
        (2, 77, 320, 32),
        (1, 5000, 32, 32),
        (1, 3000, 64, 32),
        (2, 16, 1280, 32),
        (1, 9, 6, 1),
    ] {
        let shape = GroupNormShape {
            batch,
            pixels,
            channels,
            groups,
        };
        let input = random(batch * pixels * channels, 1);
        let actual = same_everywhere(|isa| normalise(isa, shape, &input, None));
        assert_close(&actual, &plain(shape, &input), 1e-6 * 4.0);
    }
}

#[test]
fn a_mean_far_from_zero_costs_no_precision_beyond_the_inputs() {
    let shape = GroupNormShape {
        batch: 1,
        pixels: 4096,
        channels: 32,
        groups: 8,
    };
    let input: Vec<f32> = random(4096 * 32, 1)
        .iter()
        .map(|value| value + 100.0)
        .collect();
    assert_close(
        &normalise(Isa::best(), shape, &input, None),
        &plain(shape, &input),
        2e-5,
    );
}

#[test]
fn the_activation_comes_last() {
    let shape = GroupNormShape {
        batch: 1,
        pixels: 100,
        channels: 40,
        groups: 8,
    };
    let input = random(4000, 1);
    let mut expected = normalise(Isa::best(), shape, &input, None);
    Activation::Silu.apply(&mut expected);
    let actual = same_everywhere(|isa| normalise(isa, shape, &input, Some(Activation::Silu)));
    assert_eq!(bits(&actual), bits(&expected));
}

#[test]
fn samples_do_not_depend_on_their_batch() {
    let shape = GroupNormShape {
        batch: 4,
        pixels: 3000,
        channels: 64,
        groups: 32,
    };
    let input = random(4 * 3000 * 64, 1);
    let all = normalise(Isa::best(), shape, &input, None);
    for (input, expected) in input.chunks(3000 * 64).zip(all.chunks(3000 * 64)) {
        let alone = normalise(
            Isa::best(),
            GroupNormShape { batch: 1, ..shape },
            input,
            None,
        );
        assert_eq!(bits(&alone), bits(expected));
    }
}
