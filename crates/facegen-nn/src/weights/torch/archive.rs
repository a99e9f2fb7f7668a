use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use candle_core::pickle::Stack;
use zip::{CompressionMethod, ZipArchive};

use super::records::{TensorRecord, tensor_records};
use super::stored::{Storage, StoredTensor};
use crate::weights::{TensorSource, WeightsError};

/// Maximum bytes of a pickle, which holds names and shapes only.
const MOST_PICKLE: u64 = 64 << 20;

/// A checkpoint that torch saved: `.bin`, `.pt` or `.ckpt`.
#[derive(Debug)]
pub struct TorchArchive {
    path: PathBuf,
    file: File,
    /// Every tensor, or why it cannot be read.
    tensors: BTreeMap<String, Result<StoredTensor, String>>,
}

impl TorchArchive {
    /// Opens a file and reads which tensors it has.
    ///
    /// # Errors
    /// Fails when it is missing, truncated or not in the format.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let unreadable = |reason: String| WeightsError::unreadable(path, &reason);
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let tensors = read_tensors(&file).map_err(unreadable)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            tensors,
        })
    }

    fn unsupported(&self, tensor: &str, reason: &impl ToString) -> WeightsError {
        WeightsError::Unsupported {
            tensor: tensor.to_owned(),
            file: self.origin(),
            reason: reason.to_string(),
        }
    }
}

impl TensorSource for TorchArchive {
    fn load(&self, name: &str, _shape: &[usize]) -> Result<Tensor, WeightsError> {
        match self.tensors.get(name) {
            Some(Ok(stored)) => stored
                .read(&self.file)
                .map_err(|error| self.unsupported(name, &error)),
            Some(Err(reason)) => Err(self.unsupported(name, reason)),
            None => Err(WeightsError::Missing {
                tensor: name.to_owned(),
                file: self.origin(),
            }),
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    fn origin(&self) -> String {
        self.path.display().to_string()
    }
}

type Tensors = BTreeMap<String, Result<StoredTensor, String>>;

fn read_tensors(file: &File) -> Result<Tensors, String> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string())?;
    let (directory, pickle) = read_pickle(&mut archive)?;
    let mut stack = Stack::empty();
    stack
        .read_loop(&mut pickle.as_slice())
        .and_then(|()| stack.finalize())
        .map_err(|error| format!("its pickle is not valid: {error}"))
        .map(tensor_records)
        .map(|records| locate(&mut archive, &directory, records))
}

/// Reads the pickle, and returns it with its directory in the archive.
fn read_pickle(archive: &mut ZipArchive<BufReader<&File>>) -> Result<(String, Vec<u8>), String> {
    let names = (0..archive.len()).filter_map(|index| archive.name_for_index(index)?.ok());
    let directory = names
        .into_iter()
        .find_map(|name| name.strip_suffix("data.pkl").map(str::to_owned))
        .ok_or("a zip archive that is no checkpoint of torch")?;
    let order = format!("{directory}byteorder");
    if archive.index_for_name(&order).is_some() && read_entry(archive, &order)? != b"little" {
        return Err("it was saved on a big-endian machine".into());
    }
    let pickle = read_entry(archive, &format!("{directory}data.pkl"))?;
    Ok((directory, pickle))
}

fn read_entry(archive: &mut ZipArchive<BufReader<&File>>, name: &str) -> Result<Vec<u8>, String> {
    let entry = archive
        .by_name(name)
        .map_err(|error| format!("{name}: {error}"))?;
    let mut bytes = Vec::new();
    let count = entry
        .take(MOST_PICKLE)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{name}: {error}"))?;
    if count as u64 == MOST_PICKLE {
        return Err(format!("{name} is larger than {MOST_PICKLE} bytes"));
    }
    Ok(bytes)
}

/// Finds the storage of each tensor.
fn locate(
    archive: &mut ZipArchive<BufReader<&File>>,
    directory: &str,
    records: BTreeMap<String, Result<TensorRecord, String>>,
) -> Tensors {
    let mut stored = |record: TensorRecord| {
        let storage = find_storage(archive, &format!("{directory}data/{}", record.storage))?;
        StoredTensor::new(record, storage)
    };
    records
        .into_iter()
        .map(|(name, record)| (name, record.and_then(&mut stored)))
        .collect()
}

fn find_storage(archive: &mut ZipArchive<BufReader<&File>>, name: &str) -> Result<Storage, String> {
    let entry = archive
        .by_name(name)
        .map_err(|error| format!("{name}: {error}"))?;
    if entry.compression() != CompressionMethod::Stored {
        return Err("its storage is compressed".into());
    }
    let start = entry.data_start().ok_or("its storage has no place")?;
    Ok(Storage {
        start,
        length: entry.size(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// `{"a": tensor}` of two f32 in storage 0.
    const PICKLE: &[u8] = b"\x80\x02}X\x01\0\0\0a\
        ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
        X\x01\0\0\x000X\x03\0\0\0cpuK\x02tQK\0K\x02\x85K\x01\x85\x89NtRs.";
    const VALUES: [u8; 8] = [0, 0, 128, 63, 0, 0, 0, 64];

    fn archive(entries: &[(&str, &[u8])]) -> Result<TorchArchive, WeightsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = ZipWriter::new(file.reopen().unwrap());
        for (name, bytes) in entries {
            let options =
                SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
        TorchArchive::open(file.path())
    }

    #[test]
    fn a_tensor_is_read_from_its_place_in_the_file() {
        let archive = archive(&[
            ("x/data.pkl", PICKLE),
            ("x/byteorder", b"little"),
            ("x/data/0", &VALUES),
        ])
        .unwrap();
        let tensor = archive.load("a", &[2]).unwrap();
        assert_eq!(tensor.to_vec1::<f32>().unwrap(), [1.0, 2.0]);
    }

    #[test]
    fn a_storage_that_is_missing_or_short_is_named_with_its_tensor() {
        let reason = |entries: &[(&str, &[u8])]| {
            let error = archive(entries).unwrap().load("a", &[2]).unwrap_err();
            let WeightsError::Unsupported { tensor, reason, .. } = error else {
                panic!("{error}");
            };
            assert_eq!(tensor, "a");
            reason
        };
        assert!(reason(&[("x/data.pkl", PICKLE)]).starts_with("x/data/0: "));
        let short = [("x/data.pkl", PICKLE), ("x/data/0", &VALUES[..7])];
        assert_eq!(reason(&short), "it does not lie within its storage");
    }

    #[test]
    fn other_archives_are_refused() {
        let reason = |entries: &[(&str, &[u8])]| {
            let WeightsError::Unreadable { reason, .. } = archive(entries).unwrap_err() else {
                panic!("another error");
            };
            reason
        };
        assert_eq!(
            reason(&[("word/document.xml", b"<xml/>")]),
            "a zip archive that is no checkpoint of torch"
        );
        assert_eq!(
            reason(&[("x/data.pkl", PICKLE), ("x/byteorder", b"big")]),
            "it was saved on a big-endian machine"
        );
        let cut = &PICKLE[..PICKLE.len() - 1];
        assert!(reason(&[("x/data.pkl", cut)]).starts_with("its pickle is not valid: "));
    }
}
