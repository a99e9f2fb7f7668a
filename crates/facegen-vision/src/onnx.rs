//! ONNX networks in rten, on a separate thread pool.
//!
//! Faces are analysed while another image is being denoised; a pool separate
//! from rayon's global one keeps the two from waiting in each other's queue.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use facegen_nn::mistaken_for;
use rten::{Dimension, Model, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::{NdTensor, Tensor};

use crate::error::VisionError;

/// The threads that all ONNX networks of the process share.
static THREADS: LazyLock<Arc<ThreadPool>> = LazyLock::new(|| {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(ThreadPool::with_num_threads(count))
});

/// A network with a single image as its input.
pub(crate) struct Network {
    path: PathBuf,
    role: &'static str,
    model: Model,
    input: NodeId,
}

impl Network {
    /// Loads the network at `path`, which must have one input; `role` is its
    /// intended use, for errors.
    pub(crate) fn load(path: &Path, role: &'static str) -> Result<Self, VisionError> {
        let unreadable = |source| VisionError::Load {
            path: path.to_owned(),
            source,
        };
        // An empty file, for example, can be parsed as a network without nodes.
        let is_something_else = || {
            let what = mistaken_for(path)?;
            Some(unreadable(format!("it is {what}, not a network").into()))
        };
        let model = Model::load_file(path);
        let model = model
            .map_err(|error| is_something_else().unwrap_or_else(|| unreadable(error.into())))?;
        let problem = |problem| VisionError::Interface {
            path: path.to_owned(),
            role,
            problem,
        };
        let &[input] = model.input_ids() else {
            let count = model.input_ids().len();
            let problem = problem(format!("it has {count} inputs instead of one"));
            return Err(is_something_else().unwrap_or(problem));
        };
        Ok(Self {
            path: path.to_owned(),
            role,
            model,
            input,
        })
    }

    /// Checks that the network accepts an image of `shape`.
    pub(crate) fn check_input(&self, shape: [usize; 4]) -> Result<(), VisionError> {
        let declared = self.model.input_shape(0).unwrap_or_default();
        if declared.is_empty() || fits(&declared, shape) {
            return Ok(());
        }
        Err(self.interface_error(format!("its input is {declared:?} instead of {shape:?}")))
    }

    /// Returns the input's height and width, if the network accepts only one.
    pub(crate) fn fixed_input_size(&self) -> Option<[usize; 2]> {
        let declared = self.model.input_shape(0)?;
        match declared.get(2..)? {
            &[Dimension::Fixed(height), Dimension::Fixed(width)] => Some([height, width]),
            _ => None,
        }
    }

    /// Returns the only input.
    pub(crate) fn input(&self) -> NodeId {
        self.input
    }

    /// Returns the output called `name`.
    pub(crate) fn output(&self, name: &str) -> Result<NodeId, VisionError> {
        self.model
            .find_node(name)
            .filter(|id| self.model.output_ids().contains(id))
            .ok_or_else(|| self.interface_error(format!("it has no output named {name}")))
    }

    /// Returns all outputs in the network's order.
    pub(crate) fn outputs(&self) -> &[NodeId] {
        self.model.output_ids()
    }

    /// Returns the only output.
    pub(crate) fn only_output(&self) -> Result<NodeId, VisionError> {
        match *self.model.output_ids() {
            [output] => Ok(output),
            ref outputs => {
                let count = outputs.len();
                Err(self.interface_error(format!("it has {count} outputs instead of one")))
            }
        }
    }

    /// Runs the network on one image of `shape`, with `pixels` in the same order.
    pub(crate) fn run<const OUTPUTS: usize>(
        &self,
        shape: [usize; 4],
        pixels: Vec<f32>,
        outputs: [NodeId; OUTPUTS],
    ) -> Result<[Tensor<f32>; OUTPUTS], VisionError> {
        let input = NdTensor::from_data(shape, pixels);
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&THREADS)));
        let values: [Value; OUTPUTS] = self
            .model
            .run_n(vec![(self.input, input.into())], outputs, Some(options))
            .map_err(|error| self.run_error(error))?;
        let mut tensors = Vec::with_capacity(OUTPUTS);
        for value in values {
            tensors.push(Tensor::try_from(value).map_err(|error| self.run_error(error))?);
        }
        tensors
            .try_into()
            .map_err(|_| self.run_error("an output is missing"))
    }

    /// Builds the error of a network that differs from its role's interface.
    pub(crate) fn interface_error(&self, problem: String) -> VisionError {
        VisionError::Interface {
            path: self.path.clone(),
            role: self.role,
            problem,
        }
    }

    fn run_error(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> VisionError {
        VisionError::Run {
            path: self.path.clone(),
            source: source.into(),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Network")
            .field("path", &self.path)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// Returns whether a declared shape allows `shape`; named dimensions allow all.
fn fits(declared: &[Dimension], shape: [usize; 4]) -> bool {
    declared.len() == shape.len()
        && declared
            .iter()
            .zip(shape)
            .all(|(declared, size)| match declared {
                Dimension::Fixed(declared) => *declared == size,
                Dimension::Symbolic(_) => true,
            })
}
