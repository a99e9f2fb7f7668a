use std::fmt;

/// The program that generated an image, and how, if that is to be in its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The program's name and version, the same for all images.
    pub generator: String,
    /// The prompts and the other parameters of this image; `None`: its file says
    /// nothing of the request.
    pub parameters: Option<Parameters>,
}

/// Parameters as text. `Debug` shows only its length, because prompts are private.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameters(String);

impl Parameters {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Parameters {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Parameters({} bytes)", self.0.len())
    }
}
