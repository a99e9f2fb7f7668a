use half::bf16;

use super::*;

fn panels<E: Element>(inner: usize) {
    let value = |index: usize| E::narrow((index % 251) as f32);
    let weight: Vec<E> = (0..40 * inner).map(value).collect();
    let packed = PackedMatrix::from_linear(&weight, 40, inner);
    let layout = packed.layout();
    assert_eq!(
        (layout.panels(), layout.lanes(0), layout.lanes(1)),
        (2, 2, 1)
    );
    let mut left = packed.data().to_vec();
    for (n, k) in (0..40).flat_map(|n| (0..inner).map(move |k| (n, k))) {
        let (panel, width) = (n / PANEL, layout.lanes(n / PANEL) * LANE);
        let at = layout.offset(panel, 0) + PanelLayout::within::<E>(k, n % PANEL, width);
        assert_eq!(left[at], weight[n * inner + k]);
        left[at] = E::default();
    }
    assert!(left.iter().all(|left| *left == E::default()), "padding");
}

#[test]
fn panels_are_column_blocks_with_a_narrow_last_one() {
    panels::<f32>(3);
    panels::<bf16>(3);
    panels::<bf16>(64);
}

fn convolution<E: Element>() {
    // The second of the two blocks of channels is not full.
    let (outputs, channels, kernel) = (35, CHANNELS + 3, 3);
    let taps = kernel * kernel;
    let value = |index: usize| E::narrow((index % 251) as f32);
    let weight: Vec<E> = (0..outputs * channels * taps).map(value).collect();
    let packed = PackedMatrix::from_conv(&weight, outputs, channels, kernel);
    let layout = packed.layout();
    for (torch, value) in weight.iter().enumerate() {
        let (out, channel, tap) = (
            torch / taps / channels,
            torch / taps % channels,
            torch % taps,
        );
        let (panel, width) = (out / PANEL, layout.lanes(out / PANEL) * LANE);
        let row = layout.row(tap * channels + channel);
        let at = layout.offset(panel, 0) + PanelLayout::within::<E>(row, out % PANEL, width);
        assert_eq!(packed.data()[at], *value, "{out} {channel} {tap}");
    }
}

#[test]
fn convolution_weights_are_ordered_tap_then_channel() {
    convolution::<f32>();
    convolution::<bf16>();
}
