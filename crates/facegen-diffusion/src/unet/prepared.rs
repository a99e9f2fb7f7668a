use facegen_nn::layers::{DecoupledRow, KeyValue};

/// Keys and values of every cross-attention for one [`Conditioning`], computed
/// once for a request instead of at every step.
///
/// [`Conditioning`]: crate::Conditioning
#[derive(Clone, Debug)]
pub struct PreparedConditioning {
    /// One for each cross-attention, in the order of their slots.
    pub(super) layers: Vec<PreparedKeysValues>,
}

/// The keys and values of one cross-attention.
#[derive(Clone, Debug)]
pub(super) struct PreparedKeysValues {
    pub(super) text: KeyValue,
    /// The image tokens, and the weight of the image branch.
    pub(super) image: Option<(KeyValue, f64)>,
}

impl PreparedKeysValues {
    pub(super) fn row(&self) -> DecoupledRow<'_> {
        DecoupledRow {
            text: &self.text,
            image: self.image.as_ref().map(|(image, scale)| (image, *scale)),
        }
    }
}
