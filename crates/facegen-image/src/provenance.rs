/// The program that generated an image. Holds nothing about the person, the key
/// or the prompt, and is the same for the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Its name and version.
    pub generator: String,
}
