//! Upsamples components to rows of the image.
//!
//! Samples that cover two pixels in a direction are interpolated with their
//! neighbours, three to one, as in the reference reader; those that cover more
//! are repeated.

use super::frame::{Component, Frame};

/// A band of the rows of one component.
#[derive(Debug)]
struct Plane {
    samples: (usize, usize),
    upsampling: (usize, usize),
    stride: usize,
    /// The number of rows of an MCU.
    height: usize,
    /// The number of the first row that is held.
    first: usize,
    rows: Vec<u8>,
}

/// A window of rows of all components around the next row of the image.
#[derive(Debug)]
pub(super) struct Planes {
    planes: Vec<Plane>,
    size: (usize, usize),
    /// The next row of the image.
    next: usize,
    /// One row of each component at the width of the image.
    lines: Vec<Vec<u8>>,
}

impl Planes {
    pub(super) fn new(frame: &Frame) -> Self {
        let components = frame.components.iter();
        Self {
            planes: components
                .map(|component| Plane::new(frame, component))
                .collect(),
            size: (frame.width, frame.height),
            next: 0,
            lines: vec![vec![0; frame.width]; frame.components.len()],
        }
    }

    /// Adds the rows of the next MCUs of every component, filled with grey.
    /// Returns them with their stride.
    pub(super) fn add_rows(&mut self) -> Vec<(&mut [u8], usize)> {
        let planes = self.planes.iter_mut();
        planes
            .map(|plane| {
                let start = plane.rows.len();
                plane.rows.resize(start + plane.height * plane.stride, 128);
                (&mut plane.rows[start..], plane.stride)
            })
            .collect()
    }

    /// Passes every complete row of the image to `write`, and drops the samples
    /// that no later row needs.
    pub(super) fn write_rows(&mut self, mut write: impl FnMut(&[Vec<u8>])) {
        while self.next < self.size.1 && self.planes.iter().all(|plane| plane.reaches(self.next)) {
            for (plane, line) in self.planes.iter().zip(&mut self.lines) {
                plane.upsample(self.next, line);
            }
            write(&self.lines);
            self.next += 1;
        }
        let next = self.next;
        self.planes.iter_mut().for_each(|plane| plane.forget(next));
    }
}

impl Plane {
    fn new(frame: &Frame, component: &Component) -> Self {
        let stride = frame.stride(component) * 8;
        let height = component.sampling.1 * 8;
        Self {
            samples: component.samples,
            upsampling: component.upsampling,
            stride,
            height,
            first: 0,
            // A row of MCUs leaves less than one more for the next.
            rows: Vec::with_capacity(2 * stride * height),
        }
    }

    /// Returns the row of samples nearest to a row of the image, and the next
    /// nearest.
    fn nearest(&self, y: usize) -> (usize, usize) {
        let last = self.samples.1 - 1;
        let near = (y / self.upsampling.1).min(last);
        if self.upsampling.1 != 2 || self.repeats() {
            (near, near)
        } else if y.is_multiple_of(2) {
            (near, near.saturating_sub(1))
        } else {
            (near, (near + 1).min(last))
        }
    }

    /// Returns whether samples are repeated, not interpolated. Very narrow ones
    /// are.
    fn repeats(&self) -> bool {
        match self.upsampling {
            (1, 1 | 2) => false,
            (2, 1 | 2) => self.samples.0 <= 2,
            _ => true,
        }
    }

    fn reaches(&self, y: usize) -> bool {
        let (near, far) = self.nearest(y);
        near.max(far) < self.first + self.rows.len() / self.stride
    }

    fn forget(&mut self, next: usize) {
        let (near, far) = self.nearest(next);
        let end = self.first + self.rows.len() / self.stride;
        let unneeded = near.min(far).min(end) - self.first;
        self.rows.drain(..unneeded * self.stride);
        self.first += unneeded;
    }

    fn row(&self, number: usize) -> &[u8] {
        &self.rows[(number - self.first) * self.stride..][..self.samples.0]
    }

    fn upsample(&self, y: usize, line: &mut [u8]) {
        let (near, far) = self.nearest(y);
        let (near, far) = (self.row(near), self.row(far));
        let odd = u16::from(!y.is_multiple_of(2));
        match self.upsampling {
            _ if self.repeats() => repeat(near, self.upsampling.0, line),
            (1, 1) => line.copy_from_slice(near),
            (1, _) => mix_down(near, far, odd, line),
            (_, 1) => mix_across(near, line),
            _ => mix_both(near, far, line),
        }
    }
}

fn repeat(row: &[u8], times: usize, line: &mut [u8]) {
    for (pixels, sample) in line.chunks_mut(times).zip(row) {
        pixels.fill(*sample);
    }
}

fn mix_down(near: &[u8], far: &[u8], odd: u16, line: &mut [u8]) {
    for ((pixel, near), far) in line.iter_mut().zip(near).zip(far) {
        *pixel = ((3 * u16::from(*near) + u16::from(*far) + 1 + odd) >> 2) as u8;
    }
}

fn mix_across(row: &[u8], line: &mut [u8]) {
    let last = row.len() - 1;
    for (at, pixels) in line.chunks_mut(2).enumerate() {
        let [left, here, right] =
            [at.saturating_sub(1), at, (at + 1).min(last)].map(|at| u16::from(row[at]));
        pixels[0] = ((3 * here + left + 1) >> 2) as u8;
        if let Some(pixel) = pixels.get_mut(1) {
            *pixel = ((3 * here + right + 2) >> 2) as u8;
        }
    }
}

fn mix_both(near: &[u8], far: &[u8], line: &mut [u8]) {
    let last = near.len() - 1;
    let sum = |at: usize| 3 * u16::from(near[at]) + u16::from(far[at]);
    let (mut left, mut here) = (sum(0), sum(0));
    for (at, pixels) in line.chunks_mut(2).enumerate() {
        let right = sum((at + 1).min(last));
        pixels[0] = ((3 * here + left + 8) >> 4) as u8;
        if let Some(pixel) = pixels.get_mut(1) {
            *pixel = ((3 * here + right + 7) >> 4) as u8;
        }
        (left, here) = (here, right);
    }
}
