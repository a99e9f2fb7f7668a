use std::collections::BTreeSet;

use crate::support::{Golden, Manifest};

/// The faults that are easy to make in a port of this pipeline; at least one
/// golden must detect each.
const REQUIRED: [&str; 22] = [
    "gelu_tanh",
    "quick_gelu",
    "gelu_erf",
    "channels_swapped",
    "rgb_crop",
    "last_hidden_state",
    "black_image",
    "ip_scale_0",
    "ip_after_to_out",
    "lora_off",
    "lora_twice",
    "s_scale_0",
    "shortcut_off",
    "steps_offset_0",
    "set_alpha_to_one",
    "mid_block_before_up_blocks",
    "rows_swapped",
    "no_post_layernorm",
    "squashed",
    "no_rounding",
    "no_adjustment",
    "adjustment_reset_before_concepts",
];

/// Checks every golden: one that no fault can move proves nothing.
#[test]
fn every_fault_moves_its_golden_by_twenty_tolerances() {
    let mut seen = BTreeSet::new();
    for name in Manifest::load().goldens.keys() {
        let ratios = Golden::load(name).mutation_ratios();
        assert!(!ratios.is_empty(), "{name} knows no fault");
        for (mutation, suffix, ratio) in ratios {
            println!("{name:18} {mutation:30} {suffix:32} {ratio:12.0}");
            seen.insert(mutation);
        }
    }
    for required in REQUIRED {
        assert!(
            seen.contains(required),
            "no golden knows the fault {required}"
        );
    }
}

/// Checks the tolerances in the manifest against the ones that we claim.
#[test]
fn tolerances_are_at_most_a_hundred_thousandth_of_the_deviation() {
    let mut checked = 0;
    for (name, entry) in Manifest::load().goldens {
        let golden = Golden::load(&name);
        let latents = ["loop", "ddim", "end_to_end"].contains(&name.as_str());
        for suffix in entry
            .expected
            .keys()
            .filter(|suffix| is_module(&name, suffix))
        {
            let deviation = golden.deviation(suffix);
            let claimed = if latents && suffix.contains("latents") {
                1e-4
            } else {
                1e-5
            };
            let tolerance = golden.expectation(suffix).tolerance;
            assert!(
                tolerance <= 1.001 * claimed * deviation,
                "{name} {suffix}: {tolerance}"
            );
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} tolerances were checked");
}

/// Returns whether a golden is of a module: not bytes, time steps, noise or landmarks,
/// whose tolerances are absolute, nor the near-silent inputs that magnify rounding.
fn is_module(name: &str, suffix: &str) -> bool {
    let absolute = ["timesteps", "alphas_cumprod", "time_proj", "quiet", "bytes"];
    let image = ["end_to_end", "trained"].contains(&name) && suffix == "image";
    !name.starts_with("vision")
        && name != "noise"
        && !image
        && !absolute.iter().any(|part| suffix.contains(part))
}

/// Checks tolerances without a deviation against what is measured: bytes are
/// equal, and normals as far from torch's as its own vector code.
#[test]
fn absolute_tolerances_stay_where_they_are() {
    let ceilings = [
        ("noise", "randn", 2e-6),
        ("noise", "rand.", 3e-8),
        ("end_to_end", "image", 1.0),
        ("trained", "image", 1.0),
        ("vae", "bytes", 0.01),
        ("unet", "time_proj.32", 1e-4),
        ("vision_alignment", "crop", 0.02),
        ("vision_alignment", "matrix", 1e-9),
        ("vision_clip", "", 3e-7),
        ("vision_resize", "", 0.02),
        ("vision_faces", "landmarks.astronaut", 2e-3),
        ("vision_faces", "embedding", 1e-4),
    ];
    let goldens = Manifest::load().goldens;
    for (name, start, ceiling) in ceilings {
        let expected = goldens[name].expected.iter();
        let tolerances: Vec<_> = expected
            .filter(|(suffix, _)| suffix.starts_with(start))
            .collect();
        assert!(!tolerances.is_empty(), "{name} has no {start}");
        for (suffix, expectation) in tolerances {
            let image_tokens = name == "end_to_end" && suffix == "image_tokens";
            assert!(
                image_tokens || expectation.tolerance <= ceiling,
                "{name} {suffix}"
            );
        }
    }
}
