use half::bf16;

use super::{
    super::{
        super::testing::{Guarded, each_half_kernel, random, unwritten, with_threads},
        conv2d_with,
    },
    *,
};
use crate::kernels::isa::Isa;

/// Sizes of images with numbers of output channels: odd ones, ones whose samples share a block, and
/// ones of several blocks, with and without whole steps of channels.
const SHAPES: [([usize; 4], usize); 7] = [
    ([1, 1, 1, 5], 3),
    ([2, 5, 6, 4], 8),
    ([2, 5, 7, 32], 33),
    ([5, 3, 3, 64], 16),
    ([1, 9, 16, 48], 40),
    ([2, 40, 33, 64], 20),
    ([1, 3, 300, 160], 17),
];

/// Packs random weights of four phases and computes each as a convolution by a kernel of two by two
/// pixels with a border, of whose result it has a part.
fn each_phase<E: Element>(
    kernel: E::Kernel,
    input: &[E],
    [batch, height, width, in_channels]: [usize; 4],
    phases: &[PackedMatrix<E>; PHASES],
    bias: &[f32],
) -> Vec<E> {
    let shape = ConvShape {
        kernel: 2,
        ..of_image([batch, height, width, in_channels])
    };
    let columns = phases[0].columns();
    let epilogue = Epilogue {
        bias: Some(bias),
        ..Epilogue::default()
    };
    let mut expected = vec![E::default(); PHASES * batch * height * width * columns];
    for (phase, rhs) in phases.iter().enumerate() {
        let (row, column) = (phase / 2, phase % 2);
        let mut all = vec![E::default(); batch * (height + 1) * (width + 1) * columns];
        conv2d_with(kernel, input, &shape, rhs, &epilogue, unwritten(&mut all));
        for (sample, y, x) in pixels(batch, height, width) {
            let from = (sample * (height + 1) + y + row) * (width + 1) + x + column;
            let to = ((sample * height + y) * 2 + row) * 2 * width + 2 * x + column;
            expected[to * columns..][..columns].copy_from_slice(&all[from * columns..][..columns]);
        }
    }
    expected
}

fn pixels(
    batch: usize,
    height: usize,
    width: usize,
) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..batch).flat_map(move |sample| {
        (0..height).flat_map(move |y| (0..width).map(move |x| (sample, y, x)))
    })
}

fn enlarged<E: Element>(
    kernel: E::Kernel,
    input: &[E],
    [batch, height, width, in_channels]: [usize; 4],
    phases: &[PackedMatrix<E>; PHASES],
    bias: &[f32],
) -> Vec<E> {
    let shape = of_image([batch, height, width, in_channels]);
    let pixels = PHASES * batch * height * width;
    let mut out = Guarded::new(&vec![E::narrow(f32::NAN); pixels * phases[0].columns()]);
    let written = unwritten(out.values_mut());
    conv2d_enlarged_with(kernel, input, &shape, phases, Some(bias), written);
    out.values().to_vec()
}

fn check<E: Element>(kernel: E::Kernel) {
    for (shape, outputs) in SHAPES {
        let narrow = |values: Vec<f32>| -> Vec<E> { values.into_iter().map(E::narrow).collect() };
        let input = Guarded::new(&narrow(random(shape.iter().product(), 1)));
        let input = input.values();
        let phases = [2, 3, 4, 5].map(|seed| {
            let weight = narrow(random(outputs * shape[3] * 4, seed));
            PackedMatrix::from_conv(&weight, outputs, shape[3], 2)
        });
        let bias = random(outputs, 6);
        let expected = each_phase(kernel, input, shape, &phases, &bias);
        for threads in [1, 3] {
            let actual = with_threads(threads, || enlarged(kernel, input, shape, &phases, &bias));
            assert!(actual == expected, "{shape:?} with {threads} threads");
        }
    }
}

#[test]
fn each_phase_is_a_part_of_a_convolution() {
    Isa::available().for_each(check::<f32>);
}

#[test]
fn each_phase_of_bf16_is_a_part_of_a_convolution() {
    each_half_kernel(check::<bf16>);
}
