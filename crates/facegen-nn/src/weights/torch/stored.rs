use std::fs::File;
use std::os::unix::fs::FileExt;

use candle_core::{Device, Tensor};

use super::records::TensorRecord;

/// The position of a storage in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    /// Its first byte.
    pub(super) start: u64,
    /// How many bytes there are.
    pub(super) length: u64,
}

/// A tensor stored in a file.
#[derive(Debug)]
pub(super) struct StoredTensor {
    record: TensorRecord,
    /// Its first byte in the file.
    start: u64,
    /// Elements from the first to the last that belong to it.
    extent: usize,
}

impl StoredTensor {
    /// Checks that a tensor is within its storage.
    ///
    /// # Errors
    /// Describes the error when it is not, or when its elements overlap.
    pub(super) fn new(record: TensorRecord, storage: Storage) -> Result<Self, String> {
        let outside = || "it does not lie within its storage".to_owned();
        let elements = record
            .shape
            .iter()
            .try_fold(1usize, |product, &size| product.checked_mul(size))
            .ok_or_else(outside)?;
        let extent = if elements == 0 {
            0
        } else {
            extent(&record).ok_or_else(outside)?
        };
        // A tensor that repeats its elements could be of any size.
        if elements > extent {
            return Err("its elements overlap".into());
        }
        let bytes = |elements: usize| elements.checked_mul(record.dtype.size_in_bytes());
        let end = record.offset.checked_add(extent).and_then(bytes);
        if end.is_none_or(|end| end as u64 > storage.length) {
            return Err(outside());
        }
        let offset = bytes(record.offset).ok_or_else(outside)?;
        Ok(Self {
            start: storage.start + offset as u64,
            record,
            extent,
        })
    }

    /// Reads the tensor; only its own part of a larger storage.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub(super) fn read(&self, file: &File) -> candle_core::Result<Tensor> {
        let TensorRecord {
            dtype,
            shape,
            stride,
            ..
        } = &self.record;
        let mut bytes = vec![0; self.extent * dtype.size_in_bytes()];
        file.read_exact_at(&mut bytes, self.start)?;
        let values = Tensor::from_raw_buffer(&bytes, *dtype, &[self.extent], &Device::Cpu)?;
        drop(bytes);
        if is_contiguous(shape, stride) {
            return values.reshape(shape.as_slice());
        }
        let order = element_order(shape, stride);
        let order = Tensor::from_vec(order, shape.iter().product::<usize>(), &Device::Cpu)?;
        values.index_select(&order, 0)?.reshape(shape.as_slice())
    }
}

/// Counts the elements from the first to the last of a tensor that is not
/// empty.
fn extent(record: &TensorRecord) -> Option<usize> {
    let axes = record.shape.iter().zip(&record.stride);
    axes.into_iter()
        .try_fold(1usize, |extent, (&size, stride)| {
            extent.checked_add(stride.checked_mul(size - 1)?)
        })
}

/// Returns whether the elements are stored row by row without gaps.
fn is_contiguous(shape: &[usize], stride: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(stride).rev().all(|(&size, &stride)| {
        let fits = size == 1 || stride == expected;
        expected *= size;
        fits
    })
}

/// Returns the position of each element, row by row.
fn element_order(shape: &[usize], stride: &[usize]) -> Vec<i64> {
    shape
        .iter()
        .zip(stride)
        .fold(vec![0], |starts: Vec<i64>, (&size, &stride)| {
            starts
                .iter()
                .flat_map(|start| (0..size).map(move |index| start + (index * stride) as i64))
                .collect()
        })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use candle_core::DType;

    use super::*;

    const STORAGE: Storage = Storage {
        start: 8,
        length: 48,
    };

    fn record(shape: &[usize], stride: &[usize], offset: usize) -> TensorRecord {
        TensorRecord {
            dtype: DType::F32,
            shape: shape.to_vec(),
            stride: stride.to_vec(),
            offset,
            storage: "0".into(),
        }
    }

    /// Writes a file of the numbers 0 to 11 behind eight other bytes.
    fn numbers() -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[255; 8]).unwrap();
        for number in 0..12 {
            file.write_all(&(number as f32).to_le_bytes()).unwrap();
        }
        file
    }

    fn read(shape: &[usize], stride: &[usize], offset: usize) -> Vec<f32> {
        let stored = StoredTensor::new(record(shape, stride, offset), STORAGE).unwrap();
        let tensor = stored.read(&numbers()).unwrap();
        assert_eq!(tensor.dims(), shape);
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn views_of_a_storage_are_read_by_their_strides() {
        assert_eq!(read(&[2, 3], &[3, 1], 6), [6., 7., 8., 9., 10., 11.]);
        // A transposed matrix, one column of it, every other element, a scalar.
        assert_eq!(read(&[3, 2], &[1, 3], 0), [0., 3., 1., 4., 2., 5.]);
        assert_eq!(read(&[2, 1], &[3, 1], 1), [1., 4.]);
        assert_eq!(read(&[3], &[2], 5), [5., 7., 9.]);
        assert_eq!(read(&[], &[], 11), [11.]);
        assert!(read(&[0, 3], &[3, 1], 12).is_empty());
    }

    #[test]
    fn views_that_leave_their_storage_are_refused() {
        let refusal = |shape: &[usize], stride: &[usize], offset| {
            StoredTensor::new(record(shape, stride, offset), STORAGE).unwrap_err()
        };
        let outside = "it does not lie within its storage";
        assert_eq!(refusal(&[2, 3], &[3, 1], 7), outside);
        assert_eq!(refusal(&[2, 3], &[10, 1], 0), outside);
        assert_eq!(refusal(&[1], &[1], usize::MAX), outside);
        assert_eq!(refusal(&[usize::MAX, 2], &[1, 1], 0), outside);
        assert_eq!(refusal(&[2, usize::MAX / 2], &[usize::MAX, 1], 0), outside);
        assert_eq!(refusal(&[1 << 40], &[0], 0), "its elements overlap");
    }
}
