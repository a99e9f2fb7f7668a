//! The locks of the database that transactions hold.

/// The first half of the numbers of the locks; no other program is known to
/// use it.
pub(crate) const LOCKS: i32 = 0x6661_6365;

/// What happens one at a time on the whole database, whichever process does it.
/// The lock ends with its transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lock {
    /// A job gets in: limits are counted and idempotency keys are compared.
    Intake = 1,
    /// A job is claimed, so that round robin is exact.
    JobClaim = 2,
    /// A delivery is claimed.
    DeliveryClaim = 3,
    /// Jobs are taken back, which locks many rows.
    Reclaim = 4,
    /// The first admin key is made, so that there is one.
    FirstKey = 5,
    /// Old rows are deleted, which every node does.
    Deletion = 6,
}

impl Lock {
    /// One more than the highest number.
    pub(super) const COUNT: usize = 7;

    /// How many of a process may ask for the lock of this number at once. Those that
    /// bring a photo send it before, so that one slow connection stops no other; then
    /// half of the connections are left to everything else.
    pub(super) const fn at_once(number: usize) -> usize {
        if number == Self::Intake as usize {
            4
        } else {
            1
        }
    }
}
