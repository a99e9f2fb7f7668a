/// What made an image. It says nothing of the person, the key or the prompt,
/// and is the same for the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The name and the version of the program.
    pub generator: String,
}
