//! The convolution of an image that is enlarged twice before, of which only the image is read.
//!
//! Under a kernel of three by three pixels, the enlarged image has two by two pixels of the image,
//! of which some count more than once: their weights are summed at load. Which two by two pixels
//! depends on whether the output pixel's row and column are even or odd, its phase.

use std::mem::MaybeUninit;

use super::{
    super::{
        element::Element,
        epilogue::Epilogue,
        filled::filled,
        gemm::{Block, LeftSide, SharedOutput, compute_block, for_each_block},
        packed::PackedMatrix,
        scratch::with_scratch,
    },
    blocks::{Blocks, Part},
    shape::ConvShape,
};

/// Pixels on a side of what an output pixel sees, and phases of a side.
const SIDE: usize = 2;
/// The phases: both of the columns for an even row, then for an odd one.
pub const PHASES: usize = SIDE * SIDE;

/// Enlarges an image by repeating every pixel 2 × 2 times, convolves it with a kernel of 3 × 3 pixels
/// and a border of one zero, and adds `bias`. Each of `phases` is packed from the sums
/// `[outputs][inputs][2][2]` of a phase's weights.
///
/// `input` is `[batch][height][width][in_channels]`, the result
/// `[batch][2 height][2 width][outputs]`.
///
/// # Panics
/// Panics when a slice does not fit the shape.
pub fn conv2d_enlarged_nhwc<E: Element>(
    input: &[E],
    [batch, height, width, in_channels]: [usize; 4],
    phases: &[PackedMatrix<E>; PHASES],
    bias: Option<&[f32]>,
) -> Vec<E> {
    let shape = of_image([batch, height, width, in_channels]);
    let pixels = PHASES * batch * height * width;
    // SAFETY: every pixel of the image belongs to a block, which writes one pixel of each phase.
    unsafe {
        filled(pixels * phases[0].columns(), |out| {
            conv2d_enlarged_with(E::best(), input, &shape, phases, bias, out);
        })
    }
}

/// Returns the convolution whose input is under a pixel of the image in all phases.
fn of_image([batch, height, width, in_channels]: [usize; 4]) -> ConvShape {
    ConvShape {
        batch,
        height,
        width,
        in_channels,
        kernel: 3,
        stride: 1,
        padding: 1,
    }
}

fn conv2d_enlarged_with<E: Element>(
    kernel: E::Kernel,
    input: &[E],
    shape: &ConvShape,
    phases: &[PackedMatrix<E>; PHASES],
    bias: Option<&[f32]>,
    out: &mut [MaybeUninit<E>],
) {
    let (pixels, columns) = (
        shape.batch * shape.height * shape.width,
        phases[0].columns(),
    );
    assert_eq!(
        input.len(),
        pixels * shape.in_channels,
        "input of the convolution"
    );
    assert_eq!(
        out.len(),
        PHASES * pixels * columns,
        "output of the convolution"
    );
    let epilogue = Epilogue {
        bias,
        ..Epilogue::default()
    };
    epilogue.check(pixels, columns);
    let blocks = Blocks::new(kernel, input, shape);
    let output = SharedOutput::new(out, columns);
    let work = PHASES * blocks.pixels();
    for_each_block(blocks.count(), work, &phases[0], |index, groups| {
        blocks.with(index, |part| {
            with_scratch(part.pixels() * columns, |results| {
                for (phase, rhs) in phases.iter().enumerate() {
                    let phase = (phase / SIDE, phase % SIDE);
                    compute(kernel, part, phase, (rhs, &epilogue), groups, results);
                    // SAFETY: no two blocks have the same pixels of the image.
                    unsafe { write(part, phase, results, &output) };
                }
            });
        });
    });
}

/// Computes one phase of a block, its panels split into `groups` parallel tasks.
fn compute<E: Element>(
    kernel: E::Kernel,
    part: &Part<'_, E>,
    (row, column): (usize, usize),
    (rhs, epilogue): (&PackedMatrix<E>, &Epilogue<'_, E>),
    groups: usize,
    results: &mut [E],
) {
    let (segments, segment_length) = part.segments(row..row + SIDE, column..column + SIDE);
    let block = Block {
        kernel,
        left: LeftSide {
            data: part.slabs,
            segments: &segments,
            segment_length,
        },
        row_offsets: &part.row_offsets(),
        first_row: 0,
        rhs,
        epilogue,
        output: &SharedOutput::over(results, rhs.columns()),
        gated: false,
    };
    // SAFETY: the results are borrowed here alone.
    unsafe { compute_block(&block, groups) };
}

/// Writes one phase of a block to its places.
///
/// # Safety
/// Nothing else reads or writes the phase's pixels of the block meanwhile.
unsafe fn write<E: Element>(
    part: &Part<'_, E>,
    (row, column): (usize, usize),
    results: &[E],
    output: &SharedOutput<'_, E>,
) {
    let (height, width, columns) = (part.shape.height, part.shape.width, output.width());
    let lines = part.samples.clone().flat_map(|sample| {
        let line = move |y: usize| (sample * height + y) * SIDE + row;
        part.rows.clone().map(line)
    });
    for (line, results) in lines.zip(results.chunks_exact(width * columns)) {
        for (x, pixel) in results.chunks_exact(columns).enumerate() {
            let at = (line * width + x) * SIDE + column;
            // SAFETY: the caller's promise.
            unsafe { output.row(at, 0..columns) }.write_copy_of_slice(pixel);
        }
    }
}

#[cfg(test)]
mod tests;
