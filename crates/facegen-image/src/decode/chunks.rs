//! Checks the chunks of a PNG file before it is decoded.

/// The length of the signature before the chunks.
const SIGNATURE: usize = 8;

/// What the chunks show about a file without decoding it.
#[derive(Debug, Default)]
pub(super) struct PngChunks {
    /// Whether the final chunk is present.
    pub(super) has_end: bool,
    /// Whether the checksum of the header or of the palette is wrong.
    pub(super) has_wrong_header: bool,
    /// Whether a checksum of pixel data is wrong.
    pub(super) has_wrong_data: bool,
}

impl PngChunks {
    /// Checks all chunks up to the final one.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut chunks = Self::default();
        let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
        while let Some((chunk, after)) = split_chunk(rest) {
            rest = after;
            match chunk.name {
                b"IHDR" | b"PLTE" => chunks.has_wrong_header |= !chunk.is_intact(),
                b"IDAT" => chunks.has_wrong_data |= !chunk.is_intact(),
                b"IEND" => {
                    chunks.has_end = true;
                    break;
                }
                _ => {}
            }
        }
        chunks
    }
}

struct Chunk<'b> {
    name: &'b [u8; 4],
    /// The name and the content, over which the checksum is computed.
    checked: &'b [u8],
    checksum: u32,
}

impl Chunk<'_> {
    fn is_intact(&self) -> bool {
        crc32fast::hash(self.checked) == self.checksum
    }
}

/// Splits off the first chunk, if it is complete.
fn split_chunk(bytes: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (checked, rest) = rest.split_at_checked(length.checked_add(4)?)?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let chunk = Chunk {
        name: checked.first_chunk()?,
        checked,
        checksum: u32::from_be_bytes(*checksum),
    };
    Some((chunk, rest))
}
