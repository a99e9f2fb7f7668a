//! Weights packed for the kernels, and tensors computed from weights, now or by an earlier process.

use candle_core::{DType, Tensor};
use half::bf16;

use super::Weights;
use crate::Result;
use crate::host::{self, HostElement};
use crate::kernels::{PackedMatrix, WeightShape};
use crate::packs::Packing;

impl Weights {
    /// Takes a weight packed for the kernels. `prepare` rounds it before it is
    /// packed, unless it was packed before.
    ///
    /// # Errors
    /// Fails when it is missing, has another shape or cannot be read, or the
    /// packed weight cannot be written.
    pub(crate) fn packed<E: HostElement>(
        &self,
        name: &str,
        shape: WeightShape,
        prepare: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<PackedMatrix<E>> {
        self.packed_part(name, "", shape, || prepare(&self.get(name, &shape.axes())?))
    }

    /// Takes what `make` returns of the weight `name` and is called `part` in
    /// packs, packed for the kernels.
    ///
    /// # Errors
    /// Fails when `make` does, or the packed weight cannot be written.
    pub(crate) fn packed_part<E: HostElement>(
        &self,
        name: &str,
        part: &str,
        shape: WeightShape,
        make: impl FnOnce() -> Result<Tensor>,
    ) -> Result<PackedMatrix<E>> {
        let full_name = self.full_name(name);
        let packed_name = format!("{full_name}{part}");
        if let Packing::From(pack) = self.packed_by()
            && let Some(slab) =
                pack.find::<E>(&packed_name, &shape.axes(), shape.packed_length::<E>())
        {
            if let Some((patch, start)) = &self.patch {
                patch.skip(&full_name[*start..]);
            }
            self.mark_taken(full_name);
            return Ok(PackedMatrix::mapped(shape, slab));
        }
        let tensor = host::contiguous::<E>(&make()?)?;
        let packed = PackedMatrix::pack(shape, &host::values(&tensor)?);
        match self.packed_by() {
            Packing::Into(pack) => {
                let slab = pack.store(&packed_name, &shape.axes(), packed.data())?;
                Ok(PackedMatrix::mapped(shape, slab))
            }
            Packing::From(_) | Packing::InMemory => Ok(packed),
        }
    }

    /// Takes what `make` computes from the weights of a model and packs keep as
    /// `name`: a tensor of that shape and dtype, on the CPU where packs serve.
    ///
    /// # Errors
    /// Fails when `make` does, the tensor has another shape, or it cannot be
    /// written.
    pub fn computed(
        &self,
        name: &str,
        shape: &[usize],
        dtype: DType,
        make: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Tensor> {
        if dtype == DType::F32 {
            self.computed_as::<f32>(name, shape, make)
        } else if dtype == DType::BF16 {
            self.computed_as::<bf16>(name, shape, make)
        } else {
            make()
        }
    }

    fn computed_as<E: HostElement>(
        &self,
        name: &str,
        shape: &[usize],
        make: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Tensor> {
        let name = self.full_name(name);
        match self.packed_by() {
            Packing::InMemory => make(),
            Packing::From(pack) => match pack.find::<E>(&name, shape, shape.iter().product()) {
                Some(slab) => host::tensor(slab.to_vec(), shape, E::DTYPE),
                None => make(),
            },
            Packing::Into(pack) => {
                let tensor = host::of_shape::<E>(&make()?, shape)?;
                pack.store(&name, shape, &host::values::<E>(&tensor)?)?;
                Ok(tensor)
            }
        }
    }
}
