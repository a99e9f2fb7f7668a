//! What the chunks of a PNG file hold, before a decoder looks at it.

/// What precedes all chunks.
const SIGNATURE: usize = 8;

/// What is known of a file without decoding it.
#[derive(Debug, Default)]
pub(super) struct PngChunks {
    /// Whether the chunk that ends the file is there.
    pub(super) has_end: bool,
    /// Whether the checksum of the header or of the palette is wrong.
    pub(super) has_wrong_header: bool,
    /// Whether that of pixels is.
    pub(super) has_wrong_data: bool,
}

impl PngChunks {
    /// Looks at all chunks up to the one that ends the file.
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

/// The first chunk, if all of it is there, and what follows.
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
