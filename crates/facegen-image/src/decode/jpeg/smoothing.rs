//! Estimates of missing coefficients (ITU-T T.81, K.8).
//!
//! A truncated progressive file has the mean of every block, and little more of
//! some. Decoders estimate the lowest frequencies from the means around a
//! block, so that the image is blurred there instead of blocky.

use super::idct::{Block, ZIGZAG};

/// The number of coefficients, in zigzag order: the mean, and those that are
/// estimated.
const LOOKED_AT: usize = 6;

/// The lowest known bit of each of these coefficients, if any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Accuracy([Option<u8>; LOOKED_AT]);

impl Accuracy {
    /// Records a scan of this band, down to this bit.
    pub(super) fn note(&mut self, first: usize, last: usize, low: u8) {
        let known = self.0.iter_mut().skip(first);
        known
            .take((last + 1).saturating_sub(first))
            .for_each(|known| *known = Some(low));
    }

    /// Returns whether the means of blocks are known.
    pub(super) fn has_means(&self) -> bool {
        self.0[0].is_some()
    }

    /// Returns whether an estimate would help.
    pub(super) fn is_partial(&self) -> bool {
        self.0.iter().skip(1).any(|known| *known != Some(0))
    }

    /// Estimates the unknown coefficients of a block. `means` are its own and
    /// those around it, in rows.
    pub(super) fn estimate(
        &self,
        block: &Block,
        quantization: &[u16; 64],
        means: [i16; 9],
    ) -> Block {
        let [nw, n, ne, w, own, e, sw, s, se] = means.map(i64::from);
        let differences = [
            36 * (w - e),
            36 * (n - s),
            9 * (n + s - 2 * own),
            5 * (nw - ne - sw + se),
            9 * (w + e - 2 * own),
        ];
        let mut estimated = *block;
        for (index, difference) in (1..).zip(differences) {
            let place = usize::from(ZIGZAG[index]);
            let step = i64::from(quantization[place]);
            if self.0[index] == Some(0) || block[place] != 0 || step == 0 {
                continue;
            }
            let difference = difference * i64::from(quantization[0]);
            let mut size = (step * 128 + difference.abs()) / (step * 256);
            if let Some(low) = self.0[index] {
                // A larger value would have had known upper bits.
                size = size.min((1 << low) - 1);
            }
            estimated[place] = (size * difference.signum()).clamp(-1023, 1023) as i16;
        }
        estimated
    }
}
