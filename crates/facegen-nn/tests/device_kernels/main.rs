//! Tests the CUDA kernels of `cuda/` without a GPU: compiled for the host, each
//! CUDA thread with a stack of its own, and compared with a plain computation.
//!
//! Needs a C++20 compiler with the name `c++`.

#[cfg(test)]
mod program;

use program::{Build, Program};

/// Least number of shapes that each entry point is compared on.
const SHAPES: usize = 40;

/// A file of `cuda/`, tested by the program `cuda/host/<name>.cpp`.
struct Kernel {
    name: &'static str,
    /// Number of entry points that the program names.
    entries: usize,
}

const KERNELS: &[Kernel] = &[
    Kernel {
        name: "attention",
        entries: 16,
    },
    // Both kernels of a norm are run by one case.
    Kernel {
        name: "group_norm",
        entries: 4,
    },
    Kernel {
        name: "layer_norm",
        entries: 4,
    },
    Kernel {
        name: "pointwise",
        entries: 14,
    },
    Kernel {
        name: "softmax",
        entries: 2,
    },
    Kernel {
        name: "upsample_conv",
        entries: 2,
    },
];

#[test]
fn kernels_equal_a_plain_computation() {
    for kernel in KERNELS {
        let outcome = Program::compile(kernel.name, Build::Plain).run(&[]);
        assert!(outcome.success, "{}: {}", kernel.name, outcome.output);
        let cases = outcome.cases();
        assert_eq!(cases.len(), kernel.entries, "{}", outcome.output);
        for (entry, cases) in cases {
            assert!(cases >= SHAPES, "{entry} was compared on {cases} shapes");
        }
    }
}

#[test]
fn kernels_have_no_data_race() {
    for kernel in KERNELS {
        let outcome = Program::compile(kernel.name, Build::ThreadSanitizer).run(&["--small"]);
        assert!(outcome.success, "{}: {}", kernel.name, outcome.output);
        assert!(!outcome.cases().is_empty(), "{}", outcome.output);
    }
}

/// Takes one barrier away after the other: results must be off, or the thread
/// sanitizer must report a race.
#[test]
#[ignore = "takes minutes"]
fn every_barrier_is_needed() {
    let mut needed = Vec::new();
    for kernel in KERNELS {
        let plain = Program::compile(kernel.name, Build::Plain);
        let sanitized = Program::compile(kernel.name, Build::ThreadSanitizer);
        let complete = plain.run(&["--small", "--barriers"]);
        assert!(complete.success, "{}: {}", kernel.name, complete.output);
        let barriers = complete.barriers();
        needed.push(format!("{} of {}", barriers.len(), kernel.name));
        for barrier in barriers {
            let words = ["--small", "--without", barrier.as_str()];
            let noticed = !plain.run(&words).success || !sanitized.run(&words).success;
            assert!(noticed, "{}: barrier {barrier} is not needed", kernel.name);
        }
    }
    println!("barriers: needed {}", needed.join(", "));
}
