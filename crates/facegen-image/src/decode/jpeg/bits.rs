//! The bits of entropy-coded data, up to the next marker.

/// Returned at the end of the file. No marker has this code.
pub(super) const END_OF_FILE: u8 = 0xFF;
/// The first of eight restart markers.
const RESTART: u8 = 0xD0;
/// Markers below this one have no meaning.
const FIRST_FRAME: u8 = 0xC0;

/// Reads bits, the highest of each byte first. At a marker the bits end: zeros
/// follow, and [`Bits::is_exhausted`] is set.
#[derive(Debug)]
pub(super) struct Bits<'b> {
    bytes: &'b [u8],
    place: usize,
    /// The next bits, left-aligned and padded with zeros.
    held: u64,
    count: u32,
    /// The marker that ended the data.
    marker: Option<u8>,
    /// Whether more bits were read than there are.
    pub(super) is_exhausted: bool,
}

impl<'b> Bits<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            place: 0,
            held: 0,
            count: 0,
            marker: None,
            is_exhausted: false,
        }
    }

    /// Returns the next sixteen bits.
    pub(super) fn peek(&mut self) -> u32 {
        if self.count < 16 {
            self.fill();
        }
        (self.held >> 48) as u32
    }

    pub(super) fn skip(&mut self, count: u32) {
        if self.count < count {
            self.fill();
        }
        if self.count < count {
            self.is_exhausted = true;
            self.count = count;
        }
        self.held <<= count;
        self.count -= count;
    }

    /// Reads the next bits as a number, sixteen bits at most.
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let bits = self.peek() >> (16 - count);
        self.skip(count);
        bits
    }

    fn fill(&mut self) {
        while self.count <= 56 && self.marker.is_none() {
            let byte = self.bytes.get(self.place).copied();
            match byte {
                Some(0xFF) => self.read_marker(),
                Some(byte) => {
                    self.place += 1;
                    self.hold(byte);
                }
                None => self.marker = Some(END_OF_FILE),
            }
        }
    }

    fn hold(&mut self, byte: u8) {
        self.held |= u64::from(byte) << (56 - self.count);
        self.count += 8;
    }

    /// Reads what follows `FF`: after a zero it is a byte of data, else a
    /// marker.
    fn read_marker(&mut self) {
        let rest = self.bytes.get(self.place..).unwrap_or_default();
        let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
        let code = rest.get(fill).copied();
        self.place += fill + usize::from(code.is_some());
        match code {
            Some(0) => self.hold(0xFF),
            code => self.marker = Some(code.unwrap_or(END_OF_FILE)),
        }
    }

    /// Continues after the restart marker of this number. One that is missing,
    /// repeated or out of order is handled as in the reference reader: if it is
    /// ahead, the data before it are treated as missing.
    pub(super) fn restart(&mut self, number: u8) {
        (self.held, self.count) = (0, 0);
        let mut marker = self.marker.take().unwrap_or_else(|| self.next_marker());
        while is_passed_over(marker, number) {
            marker = self.next_marker();
        }
        if marker == RESTART + number {
            self.is_exhausted = false;
        } else {
            self.marker = Some(marker);
        }
    }

    fn next_marker(&mut self) -> u8 {
        let rest = self.bytes.get(self.place..).unwrap_or_default();
        let found = rest
            .windows(2)
            .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF));
        match found {
            Some(start) => {
                self.place += start + 2;
                rest[start + 1]
            }
            None => {
                self.place = self.bytes.len();
                END_OF_FILE
            }
        }
    }

    /// Returns whether no restart can follow.
    pub(super) fn is_over(&self) -> bool {
        let is_last = |marker| (FIRST_FRAME..RESTART).contains(&marker) || marker > RESTART + 7;
        self.is_exhausted && self.marker.is_some_and(is_last)
    }

    /// Returns the marker that ended the data, if it was read, and the rest.
    pub(super) fn end(self) -> (Option<u8>, &'b [u8]) {
        (
            self.marker,
            self.bytes.get(self.place..).unwrap_or_default(),
        )
    }
}

/// Returns whether a marker in place of restart `number` is skipped: it has no
/// meaning, or is neither that restart nor one of the two after it.
fn is_passed_over(marker: u8, number: u8) -> bool {
    match marker {
        0..FIRST_FRAME => true,
        RESTART..=0xD7 => !matches!((marker - RESTART).wrapping_sub(number) % 8, 0..=2),
        _ => false,
    }
}
