//! When a delivery is tried again.

use std::time::Duration;

use crate::store::deliveries::DeliveryKind;

/// The pauses after each attempt that failed; after the last one comes the
/// last attempt.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(8),
];

/// The pauses of an upload: it shall come soon after the bucket works again,
/// so the last one stays the pause until the pictures expire.
const UPLOAD_PAUSES: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
];

/// The longest pause that a receiver can ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(24);

/// How far a pause is off, either way, so that the deliveries that failed
/// together do not come back together.
const JITTER: f64 = 0.2;

/// The pause after this attempt, from 1, failed, which is not shorter than
/// what the receiver `asked` for; `None` when it was the last.
pub(super) fn pause_after(
    kind: DeliveryKind,
    attempt: u32,
    asked: Option<Duration>,
) -> Option<Duration> {
    let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
    let pause = match kind {
        DeliveryKind::Webhook => PAUSES.get(index)?,
        DeliveryKind::Upload => UPLOAD_PAUSES.get(index.min(UPLOAD_PAUSES.len() - 1))?,
    };
    let pause = pause.mul_f64(1.0 + JITTER * random_sign());
    let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
    Some(pause.max(asked))
}

/// Whether a webhook has no such attempt.
pub(super) fn is_beyond_last(attempt: u32) -> bool {
    attempt as usize > PAUSES.len() + 1
}

/// A number from -1 to 1; 0 should the system give no randomness.
fn random_sign() -> f64 {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBHOOK: DeliveryKind = DeliveryKind::Webhook;

    #[test]
    fn the_pauses_grow_and_are_a_fifth_off_at_most() {
        let mut seen = Vec::new();
        for (attempt, pause) in (1..).zip(PAUSES) {
            for _ in 0..100 {
                let jittered = pause_after(WEBHOOK, attempt, None).unwrap();
                assert!(jittered >= pause.mul_f64(0.799) && jittered <= pause.mul_f64(1.201));
                seen.push(jittered);
            }
        }
        seen.dedup();
        assert!(seen.len() > 600, "they differ");
        assert_eq!(pause_after(WEBHOOK, 8, None), None);
        assert_eq!(pause_after(WEBHOOK, 0, None), None);
        assert!(!is_beyond_last(8) && is_beyond_last(9));
    }

    #[test]
    fn a_receiver_can_ask_for_more_but_not_for_less_nor_for_ever() {
        let minute = Duration::from_mins(1);
        assert_eq!(pause_after(WEBHOOK, 1, Some(minute)), Some(minute));
        assert!(pause_after(WEBHOOK, 2, Some(Duration::ZERO)).unwrap() > Duration::from_secs(20));
        let asked = Some(Duration::from_hours(1_000));
        assert_eq!(
            pause_after(WEBHOOK, 1, asked),
            Some(Duration::from_hours(24))
        );
        assert_eq!(pause_after(WEBHOOK, 8, asked), None);
    }

    #[test]
    fn an_upload_is_tried_every_ten_minutes_in_the_end() {
        for (attempt, seconds) in [(1, 5), (2, 30), (3, 120), (4, 600), (5, 600), (1_000, 600)] {
            let pause = pause_after(DeliveryKind::Upload, attempt, None).unwrap();
            let planned = Duration::from_secs(seconds);
            assert!(pause >= planned.mul_f64(0.799) && pause <= planned.mul_f64(1.201));
        }
    }
}
