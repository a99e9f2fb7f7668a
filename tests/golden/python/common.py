"""What every golden script shares: set-up, the golden file with its mutations, the manifest.

A golden file `NAME.safetensors` holds `input.*`, `expected.*` and `mutation.<mutation>.<suffix>`: the result of the
same reference with one deliberate fault, where `<suffix>` names the `expected.<suffix>` that it perturbs.
"""

import hashlib
import json
import platform
import sys
from pathlib import Path

import diffusers
import numpy
import torch
import transformers
from safetensors.torch import save_file

DATA = Path(__file__).resolve().parent.parent / "data"
REPOSITORY = Path(__file__).resolve().parents[3]
MANIFEST = DATA / "MANIFEST.json"

# Tolerances relative to the standard deviation of the expected tensor.
MODULE_TOLERANCE = 1e-5
# The same networks on inputs so small that the first group norm's epsilon counts; it magnifies rounding as well.
QUIET_TOLERANCE = 1e-4
LATENTS_TOLERANCE = 1e-4
# How far a mutation must move its tensor, in tolerances, and how much of the tolerance the reference's own rounding
# (its distance from the same computation in f64) may use up.
LEAST_RATIO = 40.0
MOST_ROUNDING = 1.0


def set_up():
    """f32 on one CPU thread without gradients, so that a second run writes the same bytes."""
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    DATA.mkdir(exist_ok=True)


def write_json(name, value):
    """Write `data/NAME`, indented, ending in a newline."""
    (DATA / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def distance(measure, expected, other):
    """How far `other` lies from `expected`: the largest difference, or the fraction of bytes that differ."""
    if measure == "differing_fraction":
        return (expected != other).double().mean().item()
    return (expected.double() - other.double()).abs().max().item()


class Golden:
    """Collects one golden file, checks each mutation as it comes, and enters the result into the manifest."""

    def __init__(self, name, weights=()):
        self.name, self.weights = name, list(weights)
        self.tensors, self.expected, self.mutations = {}, {}, []

    def input(self, name, tensor):
        """An input that the Rust side reads as stored."""
        self.tensors[f"input.{name}"] = tensor.contiguous().clone()

    def expect(self, suffix, tensor, relative=MODULE_TOLERANCE, exact=None, tolerance=None, measure="max_abs"):
        """An expected tensor. Where `exact`, the reference's result in f64, is given, that is what is expected: the
        reference's own f32 rounding then uses up none of the tolerance, and is only noted."""
        if tolerance is None:
            tolerance = relative * tensor.double().std().item()
        entry = {"tolerance": tolerance, "measure": measure}
        if exact is not None:
            entry["rounding"] = rounded(distance(measure, tensor, exact) / tolerance)
            assert entry["rounding"] <= MOST_ROUNDING, (self.name, suffix, entry)
            tensor = exact.to(tensor.dtype)
        self.tensors[f"expected.{suffix}"] = tensor.contiguous().clone()
        self.expected[suffix] = entry

    def mutate(self, mutation, suffix, tensor):
        """The faulty result; fails unless it lies at least `LEAST_RATIO` tolerances away."""
        expected = self.tensors[f"expected.{suffix}"]
        assert tensor.shape == expected.shape and tensor.dtype == expected.dtype, (mutation, suffix)
        entry = self.expected[suffix]
        ratio = distance(entry["measure"], expected, tensor) / entry["tolerance"]
        print(f"  {self.name:12} {mutation:28} {suffix:28} {ratio:12.0f}")
        assert ratio >= LEAST_RATIO, (self.name, mutation, suffix, ratio)
        self.tensors[f"mutation.{mutation}.{suffix}"] = tensor.contiguous().clone()
        self.mutations.append({"mutation": mutation, "tensor": suffix, "ratio": rounded(ratio)})

    def save(self):
        """Write the file and its entry in the manifest."""
        path = DATA / f"{self.name}.safetensors"
        save_file(self.tensors, path)
        path.chmod(0o644)
        rounding = [entry["rounding"] for entry in self.expected.values() if "rounding" in entry]
        print(f"  {self.name}: {path.stat().st_size} bytes, most rounding {max(rounding, default=0)} tolerances")
        script = Path(sys.argv[0]).name
        entry = {"script": script, "weights": self.weights, "expected": self.expected, "mutations": self.mutations}
        enter(self.name, entry)


def rounded(value):
    """Three significant digits."""
    return float(f"{value:.3g}")


def enter(name, entry):
    """Put one golden's entry into the manifest, and the checksums of all files beside it."""
    manifest = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {}
    manifest["versions"] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "numpy": numpy.__version__,
    }
    goldens = manifest.setdefault("goldens", {})
    goldens[name] = entry
    manifest["goldens"] = dict(sorted(goldens.items()))
    files = sorted(path for path in DATA.iterdir() if path.is_file() and path != MANIFEST)
    manifest["files"] = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    write_json(MANIFEST.name, manifest)
