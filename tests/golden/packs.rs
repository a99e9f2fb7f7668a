//! Images with weights that were packed in memory, into files, and by an earlier load.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use facegen_core::{Backend, Preset, RgbImage, SlotEvent};
use facegen_engine::{CandleBackend, LoadOptions, Packs, verify_pack};

use crate::not_finite::end_of;
use crate::styles::{Presets, input};

/// The networks of the preset: UNet, adapter, text encoder, image encoder and VAE.
const NETWORKS: usize = 5;

struct Loads {
    presets: Presets,
    preset: Preset,
    packs: PathBuf,
    written: Arc<AtomicUsize>,
}

impl Loads {
    /// Takes the preset of random weights in a dtype.
    fn new(dtype: &str) -> Self {
        let presets = Presets::new();
        let dtype = format!("dtype = \"{dtype}\"");
        let change = |manifest: String| manifest.replacen("dtype = \"f32\"", &dtype, 1);
        Self {
            preset: presets.write(change).unwrap(),
            packs: presets.data_dir().join("packs"),
            presets,
            written: Arc::default(),
        }
    }

    /// Writes the same bytes into a new file: without a hash, that is another checkpoint.
    fn replace_checkpoint(&self, network: &str) {
        let synthetic = self.presets.data_dir().join("synthetic/random");
        let mut files = fs::read_dir(synthetic.join(network)).unwrap();
        let checkpoint = files.next().unwrap().unwrap().path();
        let bytes = fs::read(&checkpoint).unwrap();
        fs::remove_file(&checkpoint).unwrap();
        fs::write(&checkpoint, &bytes).unwrap();
    }

    fn kept(&self) -> Packs {
        let written = Arc::clone(&self.written);
        let packs = Packs::new(self.packs.clone(), move |preset, pack| {
            assert_eq!(preset, "random");
            assert_eq!(
                verify_pack(&pack.path).unwrap().as_ref(),
                Some(&pack.sha256)
            );
            written.fetch_add(1, Ordering::Relaxed);
        });
        packs.releasing(true)
    }

    /// Loads the preset and returns its image, and how many packs the load wrote.
    fn image(&self, packs: Packs) -> (RgbImage, usize) {
        let before = self.written.load(Ordering::Relaxed);
        let options = LoadOptions {
            data_dir: self.presets.data_dir(),
            packs,
            ..LoadOptions::default()
        };
        let mut backend = CandleBackend::load(&self.preset, &options).unwrap();
        let written = self.written.load(Ordering::Relaxed) - before;
        backend.admit(&input(&[("prompt", "a portrait")])).unwrap();
        let end = end_of(&mut backend);
        let SlotEvent::Finished { mut output, .. } = end else {
            panic!("{end:?}");
        };
        (output.images.remove(0).pixels, written)
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.packs.join("random")).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn check(dtype: &str) {
    let loads = Loads::new(dtype);
    let (expected, _) = loads.image(Packs::default());
    let same = |what: &str, writes: usize| {
        let (image, written) = loads.image(loads.kept());
        assert_eq!(written, writes, "{dtype}: {what}");
        assert!(image == expected, "{dtype}: {what}");
        assert_eq!(loads.files().len(), NETWORKS, "{dtype}: {what}");
    };
    same("written", NETWORKS);
    same("mapped", 0);
    loads.files().iter().for_each(|path| flip(path, 20));
    same("with damaged headers", NETWORKS);
    let first = &loads.files()[0];
    let length = fs::metadata(first).unwrap().len();
    fs::File::options()
        .write(true)
        .open(first)
        .unwrap()
        .set_len(length / 2)
        .unwrap();
    same("with one cut", 1);
    let moved = loads.packs.join("moved");
    fs::rename(first, &moved).unwrap();
    symlink(&moved, first).unwrap();
    same("with a link", 1);
    assert!(
        moved.exists() && !first.is_symlink(),
        "the link is replaced"
    );
}

#[test]
fn weights_from_packs_make_the_same_image_in_f32() {
    check("f32");
}

#[test]
fn weights_from_packs_make_the_same_image_in_bf16() {
    check("bf16");
}

#[test]
fn packs_of_other_checkpoints_are_replaced() {
    let loads = Loads::new("f32");
    loads.image(loads.kept());
    loads.replace_checkpoint("vae");
    assert_eq!(loads.image(loads.kept()).1, 1);
    assert_eq!(loads.files().len(), NETWORKS);
    // The adapter's LoRA is in the packs of UNet and adapter.
    loads.replace_checkpoint("adapter");
    assert_eq!(loads.image(loads.kept()).1, 2);
}

#[test]
fn where_no_pack_can_be_written_weights_are_packed_in_memory() {
    let mut loads = Loads::new("f32");
    let (expected, _) = loads.image(Packs::default());
    // A file where the directory should be.
    fs::write(&loads.packs, "").unwrap();
    let (image, written) = loads.image(loads.kept());
    assert!(image == expected && written == 0);
    // A directory that others can write to.
    loads.packs = loads.presets.data_dir().join("open");
    let random = loads.packs.join("random");
    fs::create_dir_all(&random).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&random, mode).unwrap();
    let (image, written) = loads.image(loads.kept());
    assert!(image == expected && written == 0);
}
