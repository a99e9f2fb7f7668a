use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Tensor};
use half::bf16;

use super::{
    PackError, PackFile, PackIdentity, PackWriter, Packing, make_directory, remove_abandoned,
};
use crate::host::{HostElement, to_vec};
use crate::kernels::{PackedMatrix, WeightShape};
use crate::weights::TensorSource;
use crate::{NoiseSource, Weights, WeightsError};

const SHAPES: [(&str, WeightShape); 3] = [
    (
        "linear",
        WeightShape::Linear {
            outputs: 40,
            inputs: 19,
        },
    ),
    (
        "conv",
        WeightShape::Conv {
            outputs: 35,
            inputs: 7,
            kernel: 3,
        },
    ),
    (
        "pixel",
        WeightShape::Conv {
            outputs: 16,
            inputs: 64,
            kernel: 1,
        },
    ),
];

/// Noise of any shape under the names of `SHAPES`.
#[derive(Debug)]
struct Noise;

impl TensorSource for Noise {
    fn load(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let values = NoiseSource::new(name.len() as u32).uniform(shape.iter().product());
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    fn contains(&self, name: &str) -> bool {
        self.names().iter().any(|own| own == name)
    }

    fn names(&self) -> Vec<String> {
        SHAPES.map(|(name, _)| format!("{name}.weight")).to_vec()
    }

    fn origin(&self) -> String {
        "noise".to_owned()
    }
}

fn identity(source: &str) -> PackIdentity {
    PackIdentity {
        source: source.to_owned(),
        kernel: "tests".to_owned(),
    }
}

/// Packs every weight, once as f32 and once as bf16, and returns their elements.
fn load(packing: &Packing) -> Vec<Vec<f32>> {
    fn one<E: HostElement>(packing: &Packing, dtype: DType, index: usize) -> Vec<f32> {
        let (name, shape) = SHAPES[index];
        let weights = Weights::new(Arc::new(Noise)).packing(packing).pp(name);
        let round = |tensor: &Tensor| Ok(tensor.to_dtype(dtype)?);
        let packed: PackedMatrix<E> = weights.packed("weight", shape, round).unwrap();
        weights.finish().unwrap();
        packed.data().iter().map(|value| value.widen()).collect()
    }
    let full = |index| one::<f32>(packing, DType::F32, index);
    vec![full(0), full(1), one::<bf16>(packing, DType::BF16, 2)]
}

/// Writes a pack and returns its path, its hash and the elements that were mapped meanwhile.
fn write(directory: &Path) -> (PathBuf, String, Vec<Vec<f32>>) {
    let path = directory.join("noise.pack");
    let writer = Arc::new(PackWriter::create(&path, identity("a"), 0).unwrap());
    let elements = load(&Packing::Into(Arc::clone(&writer)));
    let written = writer.finish().unwrap();
    assert_eq!(written.size, fs::metadata(&path).unwrap().len());
    (path, written.sha256, elements)
}

fn open(path: &Path) -> Result<Option<PackFile>, PackError> {
    PackFile::open(path, &identity("a"))
}

fn refusal(path: &Path) -> String {
    open(path).unwrap_err().to_string()
}

#[test]
fn mapped_weights_are_those_packed_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let expected = load(&Packing::InMemory);
    let (path, sha256, written) = write(directory.path());
    assert_eq!(written, expected);
    let pack = open(&path).unwrap().unwrap();
    for ((name, shape), index) in SHAPES.into_iter().zip(0..) {
        let name = format!("{name}.weight");
        let (full, half) = (
            pack.find::<f32>(&name, &shape.axes(), shape.packed_length::<f32>()),
            pack.find::<bf16>(&name, &shape.axes(), shape.packed_length::<bf16>()),
        );
        // So that the weights below are not packed again unnoticed.
        assert_eq!((full.is_some(), half.is_some()), (index < 2, index == 2));
        let address = full.map_or_else(
            || half.unwrap().as_ptr().addr(),
            |slab| slab.as_ptr().addr(),
        );
        assert!(address.is_multiple_of(64), "{name}");
    }
    assert_eq!(load(&Packing::From(Arc::new(pack))), expected);
    assert_eq!(PackFile::verify(&path).unwrap(), Some(sha256));
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

/// Takes a tensor of that shape whose values are computed from the weights, and returns them and
/// how often they were computed.
fn computed(packing: &Packing, shape: &[usize], dtype: DType) -> (Vec<f32>, usize) {
    let weights = Weights::new(Arc::new(Noise)).packing(packing).pp("model");
    let count = Cell::new(0);
    let make = || {
        count.set(count.get() + 1);
        Ok(Noise.load("computed", shape)?.to_dtype(dtype)?)
    };
    let tensor = weights.computed("state", shape, dtype, make).unwrap();
    assert_eq!((tensor.dims(), tensor.dtype()), (shape, dtype));
    (to_vec(&tensor).unwrap(), count.get())
}

#[test]
fn tensors_computed_from_weights_are_computed_once() {
    let directory = tempfile::tempdir().unwrap();
    for dtype in [DType::F32, DType::BF16] {
        let path = directory.path().join(dtype.as_str());
        let (expected, _) = computed(&Packing::InMemory, &[1, 5, 3], dtype);
        let writer = Arc::new(PackWriter::create(&path, identity("a"), 0).unwrap());
        let into = Packing::Into(Arc::clone(&writer));
        assert_eq!(computed(&into, &[1, 5, 3], dtype), (expected.clone(), 1));
        writer.finish().unwrap();
        let from = Packing::From(Arc::new(open(&path).unwrap().unwrap()));
        assert_eq!(computed(&from, &[1, 5, 3], dtype), (expected, 0));
        assert_eq!(computed(&from, &[1, 3, 5], dtype).1, 1);
    }
}

/// Returns the kilobytes of a file's maps that are in memory.
fn resident(path: &Path) -> usize {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let path = path.to_str().unwrap();
    let (mut is_it, mut sum) = (false, 0);
    for line in maps.lines() {
        // A map begins with its addresses, a property with a capital letter.
        if !line.starts_with(|first: char| first.is_ascii_uppercase()) {
            is_it = line.ends_with(path);
        } else if let Some(size) = line.strip_prefix("Rss:").filter(|_| is_it) {
            sum += size.trim_end_matches("kB").trim().parse::<usize>().unwrap();
        }
    }
    sum
}

#[test]
fn released_weights_take_no_memory_and_come_back_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("noise.pack");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let writer = PackWriter::create(&path, identity("a"), 7000).unwrap();
    let listener = Arc::clone(&heard);
    let writer = writer.heard_by(move |done, size| listener.lock().unwrap().push((done, size)));
    let writer = Arc::new(writer);
    let written = Packing::Into(Arc::clone(&writer));
    let expected = load(&written);
    writer.finish().unwrap();
    let heard = heard.lock().unwrap();
    assert!(
        heard.is_sorted() && heard.len() == SHAPES.len(),
        "{heard:?}"
    );
    assert!(heard.iter().all(|(done, size)| *done > 64 && *size == 7000));

    assert!(resident(&path) > 0);
    written.release();
    assert_eq!(resident(&path), 0);
    let mapped = Packing::From(Arc::new(open(&path).unwrap().unwrap()));
    assert_eq!(load(&mapped), expected);
    assert!(resident(&path) > 0);
    mapped.release();
    assert_eq!(resident(&path), 0);
    assert_eq!(load(&mapped), expected);
    Packing::InMemory.release();
}

#[test]
fn a_flipped_byte_is_found_at_opening_or_by_verify() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _, _) = write(directory.path());
    let whole = fs::read(&path).unwrap();
    let table = usize::try_from(u64::from_le_bytes(whole[16..24].try_into().unwrap())).unwrap();
    let every = (0..64)
        .chain((64..table).step_by(997))
        .chain((table..whole.len()).step_by(7));
    for at in every {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let in_weights = (64..table).contains(&at);
        assert_eq!(open(&path).is_ok(), in_weights, "byte {at}");
        let is_padding = in_weights && damaged[at] == 0x10;
        assert!(is_padding || PackFile::verify(&path).is_err(), "byte {at}");
    }
}

#[test]
fn a_cut_or_longer_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _, _) = write(directory.path());
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 63, 64, 65, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(open(&path).is_err(), "{length} bytes");
    }
    fs::write(&path, [&*whole, b"x"].concat()).unwrap();
    assert!(open(&path).is_err());
    fs::write(&path, &whole).unwrap();
    assert!(open(&path).unwrap().is_some());
}

#[test]
fn a_pack_of_other_models_or_kernels_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _, _) = write(directory.path());
    let error = PackFile::open(&path, &identity("b")).unwrap_err();
    assert!(
        error.to_string().ends_with("its models have changed"),
        "{error}"
    );
    let other = PackIdentity {
        kernel: "others".to_owned(),
        ..identity("a")
    };
    let error = PackFile::open(&path, &other).unwrap_err().to_string();
    assert!(error.ends_with("it was packed for tests"), "{error}");
    assert!(open(&directory.path().join("none.pack")).unwrap().is_none());
}

#[test]
fn links_and_files_that_others_can_write_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _, _) = write(directory.path());
    let link = directory.path().join("link.pack");
    symlink(&path, &link).unwrap();
    assert!(open(&link).is_err());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
    assert!(refusal(&path).contains("other users have access"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refusal(directory.path()).contains("it is no file"));

    let linked = directory.path().join("linked");
    symlink(directory.path(), &linked).unwrap();
    assert!(make_directory(&linked).is_err());
    let open_to_all = directory.path().join("open");
    make_directory(&open_to_all).unwrap();
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(make_directory(&open_to_all).is_err());
}

#[test]
fn a_file_of_another_user_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (path, _, _) = write(directory.path());
    // Only root can give a file away; everybody else has root's.
    let foreign = match chown(&path, Some(1), None) {
        Ok(()) => &path,
        Err(_) => Path::new("/etc/passwd"),
    };
    assert!(refusal(foreign).contains("belongs to another user"));
}

#[test]
fn too_little_space_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("noise.pack");
    let error = PackWriter::create(&path, identity("a"), u64::MAX).unwrap_err();
    assert!(matches!(error, PackError::NoSpace { .. }), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn two_writers_at_once_leave_one_whole_pack_and_keep_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("noise.pack");
    let create = || Arc::new(PackWriter::create(&path, identity("a"), 0).unwrap());
    let (first, second) = (create(), create());
    // A third start neither waits for them nor takes their files for abandoned ones.
    remove_abandoned(directory.path());
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| load(&Packing::Into(Arc::clone(&first))));
        let two = load(&Packing::Into(Arc::clone(&second)));
        (one.join().unwrap(), two)
    });
    assert_eq!(one, two);
    let mapped = match (first.finish().unwrap(), open(&path).unwrap()) {
        (_, Some(pack)) => Arc::new(pack),
        (_, None) => panic!("there is no pack"),
    };
    second.finish().unwrap();
    assert_eq!(load(&Packing::From(mapped)), one);
    assert!(PackFile::verify(&path).unwrap().is_some());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn unfinished_files_of_ended_processes_are_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let abandoned = directory.path().join("noise.1-0.partial");
    fs::write(&abandoned, "x").unwrap();
    fs::set_permissions(&abandoned, fs::Permissions::from_mode(0o600)).unwrap();
    let path = directory.path().join("noise.pack");
    let writer = PackWriter::create(&path, identity("a"), 0).unwrap();
    remove_abandoned(directory.path());
    assert!(!abandoned.exists());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    drop(writer);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
