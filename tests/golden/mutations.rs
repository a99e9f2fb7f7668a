use crate::support::{Golden, Manifest};

/// Faults that some golden has to tell from the truth.
const REQUIRED: [&str; 4] = [
    "steps_offset_0",
    "set_alpha_to_one",
    "shortcut_off",
    "s_scale_0",
];

/// A golden that no fault can move proves nothing.
#[test]
fn every_fault_moves_its_golden_by_twenty_tolerances() {
    let mut seen = Vec::new();
    for name in Manifest::load()
        .goldens
        .keys()
        .filter(|name| !name.starts_with("vision"))
    {
        for (mutation, suffix, ratio) in Golden::load(name).mutation_ratios() {
            println!("{name:18} {mutation:30} {suffix:32} {ratio:12.0}");
            seen.push(mutation);
        }
    }
    for required in REQUIRED {
        assert!(
            seen.iter().any(|mutation| mutation == required),
            "no golden knows the fault {required}"
        );
    }
}
