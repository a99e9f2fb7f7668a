//! When a delivery is tried again.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use facegen_core::store::{Delivery, DeliveryKind};

/// The pauses after each attempt that failed; after the last one comes the last
/// attempt.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(8),
];

/// The pauses of an upload: it must follow soon after the bucket works again,
/// so the last one is repeated until the images expire.
const UPLOAD_PAUSES: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
];

/// The longest pause that a receiver can ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(24);

/// How far a pause is varied, either way, so that deliveries that failed
/// together are not retried together.
const JITTER: f64 = 0.2;

/// Returns the pause after this attempt at a delivery failed, which is not
/// shorter than what the receiver `asked` for; `None` when it was the last.
pub(super) fn pause_after(delivery: &Delivery, asked: Option<Duration>) -> Option<Duration> {
    let index = usize::try_from(delivery.attempt_since_asked)
        .ok()?
        .checked_sub(1)?;
    let pause = match delivery.kind {
        DeliveryKind::Webhook => PAUSES.get(index)?,
        DeliveryKind::Upload => UPLOAD_PAUSES.get(index.min(UPLOAD_PAUSES.len() - 1))?,
    };
    let pause = pause.mul_f64(1.0 + JITTER * sign(delivery));
    let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
    Some(pause.max(asked))
}

/// Returns whether the attempts of a webhook are used up.
pub(super) fn is_beyond_last(delivery: &Delivery) -> bool {
    delivery.attempt_since_asked as usize > PAUSES.len() + 1
}

/// Returns a number from -1 to 1, the same for each call with this attempt at
/// this delivery, whose name is random.
fn sign(delivery: &Delivery) -> f64 {
    let text = format!("{}.{}", delivery.name, delivery.attempt);
    let [first, second, third, fourth, ..]: [u8; 32] = Sha256::digest(text).into();
    let number = u32::from_be_bytes([first, second, third, fourth]);
    f64::from(number) / f64::from(u32::MAX) * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use facegen_core::job::JobId;
    use facegen_core::key::KeyId;

    fn webhook(attempt: u32) -> Delivery {
        named("a name", DeliveryKind::Webhook, attempt)
    }

    fn named(name: &str, kind: DeliveryKind, attempt: u32) -> Delivery {
        Delivery {
            id: 1,
            kind,
            name: name.to_owned(),
            job: JobId::new(1).unwrap(),
            key: KeyId::new(1),
            receiver: String::new(),
            attempt,
            attempt_since_asked: attempt,
        }
    }

    #[test]
    fn the_pauses_grow_and_vary_by_a_fifth_at_most() {
        let mut seen = Vec::new();
        for (attempt, pause) in (1..).zip(PAUSES) {
            for number in 0..100 {
                let delivery = named(&number.to_string(), DeliveryKind::Webhook, attempt);
                let jittered = pause_after(&delivery, None).unwrap();
                assert!(jittered >= pause.mul_f64(0.799) && jittered <= pause.mul_f64(1.201));
                assert_eq!(pause_after(&delivery, None), Some(jittered));
                seen.push(jittered.div_duration_f64(pause));
            }
        }
        let spread = |tenth: f64| seen.iter().filter(|off| **off < 0.8 + tenth * 0.04).count();
        for tenth in 1..10 {
            let expected = tenth * seen.len() / 10;
            #[expect(clippy::cast_precision_loss, reason = "it is at most 10")]
            let found = spread(tenth as f64);
            assert!(found.abs_diff(expected) < 70, "{tenth}: {found}");
        }
        assert_eq!(pause_after(&webhook(8), None), None);
        assert_eq!(pause_after(&webhook(0), None), None);
        assert!(!is_beyond_last(&webhook(8)) && is_beyond_last(&webhook(9)));
    }

    #[test]
    fn a_receiver_can_ask_for_more_but_not_for_less_nor_for_ever() {
        let minute = Duration::from_mins(1);
        assert_eq!(pause_after(&webhook(1), Some(minute)), Some(minute));
        assert!(pause_after(&webhook(2), Some(Duration::ZERO)).unwrap() > Duration::from_secs(20));
        let asked = Some(Duration::from_hours(1_000));
        let longest = Duration::from_hours(24);
        assert_eq!(pause_after(&webhook(1), asked), Some(longest));
        assert_eq!(pause_after(&webhook(8), asked), None);
    }

    #[test]
    fn an_upload_is_tried_every_ten_minutes_in_the_end() {
        for (attempt, seconds) in [(1, 5), (2, 30), (3, 120), (4, 600), (5, 600), (1_000, 600)] {
            let upload = named("a name", DeliveryKind::Upload, attempt);
            let pause = pause_after(&upload, None).unwrap();
            let planned = Duration::from_secs(seconds);
            assert!(pause >= planned.mul_f64(0.799) && pause <= planned.mul_f64(1.201));
        }
    }
}
