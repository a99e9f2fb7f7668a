//! The header of a frame: the size and the components of the image.

use crate::decode::error::InputImageError;

/// The marker of a progressive frame.
const PROGRESSIVE: u8 = 0xC2;
/// The largest sampling factor.
const LARGEST_FACTOR: u8 = 4;

/// The size and the components of an image.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) is_progressive: bool,
    pub(super) components: Vec<Component>,
    /// The largest sampling factors of all components.
    max_sampling: (usize, usize),
}

/// One colour component.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) name: u8,
    /// The sampling factors: its blocks in an MCU, horizontally and vertically.
    pub(super) sampling: (usize, usize),
    /// The number of its quantization table.
    pub(super) quantization: usize,
    /// The numbers of samples horizontally and vertically.
    pub(super) samples: (usize, usize),
    /// How many pixels a sample covers horizontally and vertically.
    pub(super) upsampling: (usize, usize),
}

impl Component {
    /// Returns the numbers of blocks that hold samples, across and down.
    pub(super) fn blocks(&self) -> (usize, usize) {
        (self.samples.0.div_ceil(8), self.samples.1.div_ceil(8))
    }
}

impl Frame {
    /// Reads the header that follows `marker`.
    ///
    /// # Errors
    /// Fails when its process is not supported, or it is inconsistent.
    pub(super) fn read(marker: u8, content: &[u8]) -> Result<Self, InputImageError> {
        let damaged = || InputImageError::Damaged(None);
        let unsupported = || InputImageError::Unsupported(None);
        let (head, specifications) = content.split_first_chunk().ok_or_else(damaged)?;
        let [precision, y0, y1, x0, x1, count] = *head;
        if !matches!(marker, 0xC0..=PROGRESSIVE) || precision != 8 || !matches!(count, 1 | 3 | 4) {
            return Err(unsupported());
        }
        let (specifications, _) = specifications.as_chunks::<3>();
        let specifications = specifications
            .get(..usize::from(count))
            .ok_or_else(damaged)?;
        let factors = |packed: u8| (packed >> 4, packed & 0xF);
        let mut max_sampling = (1, 1);
        for [_, packed, table] in specifications {
            let (x, y) = factors(*packed);
            let is_factor = |factor| (1..=LARGEST_FACTOR).contains(&factor);
            if !is_factor(x) || !is_factor(y) || *table > 3 {
                return Err(damaged());
            }
            max_sampling = (max_sampling.0.max(x), max_sampling.1.max(y));
        }
        // The reference reader refuses samples that cover parts of pixels as well.
        let is_whole = |[_, packed, _]: &[u8; 3]| {
            let (x, y) = factors(*packed);
            max_sampling.0.is_multiple_of(x) && max_sampling.1.is_multiple_of(y)
        };
        if !specifications.iter().all(is_whole) {
            return Err(unsupported());
        }
        let (width, height) = (u16::from_be_bytes([x0, x1]), u16::from_be_bytes([y0, y1]));
        if width == 0 || height == 0 {
            return Err(damaged());
        }
        let mut frame = Self {
            width: usize::from(width),
            height: usize::from(height),
            is_progressive: marker == PROGRESSIVE,
            components: Vec::new(),
            max_sampling: (usize::from(max_sampling.0), usize::from(max_sampling.1)),
        };
        if count == 1 {
            // The factors of a single component have no effect.
            frame.max_sampling = (1, 1);
            frame.components =
                vec![frame.component(&[specifications[0][0], 0x11, specifications[0][2]])];
            return Ok(frame);
        }
        frame.components = specifications
            .iter()
            .map(|specification| frame.component(specification))
            .collect();
        Ok(frame)
    }

    fn component(&self, [name, sampling, table]: &[u8; 3]) -> Component {
        let sampling = (usize::from(sampling >> 4), usize::from(sampling & 0xF));
        let upsampling = (
            self.max_sampling.0 / sampling.0,
            self.max_sampling.1 / sampling.1,
        );
        Component {
            name: *name,
            sampling,
            quantization: usize::from(*table),
            samples: (
                self.width.div_ceil(upsampling.0),
                self.height.div_ceil(upsampling.1),
            ),
            upsampling,
        }
    }

    /// Returns the numbers of MCUs, across and down.
    pub(super) fn mcus(&self) -> (usize, usize) {
        (
            self.width.div_ceil(8 * self.max_sampling.0),
            self.height.div_ceil(8 * self.max_sampling.1),
        )
    }

    /// Returns the blocks in a row of the component, including padding of MCUs.
    pub(super) fn stride(&self, component: &Component) -> usize {
        self.mcus().0 * component.sampling.0
    }

    /// Returns how many samples of all components there are per how many
    /// pixels.
    pub(super) fn samples(&self) -> (u64, u64) {
        let samples = self
            .components
            .iter()
            .map(|component| component.sampling.0 * component.sampling.1);
        (
            samples.sum::<usize>() as u64,
            (self.max_sampling.0 * self.max_sampling.1) as u64,
        )
    }
}
