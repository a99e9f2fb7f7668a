//! Events as notifications say them.

use facegen_core::job::JobId;
use facegen_core::store::{DeliveryKind, Event};

/// The channel of the notifications, in each database its own.
pub(super) const CHANNEL: &str = "facegen";

/// Returns an event as a few words. They hold nothing but numbers of jobs.
pub(super) fn write(event: Event) -> String {
    match event {
        Event::JobQueued => "queued".into(),
        Event::DeliveryDue(kind) => format!("due {}", kind.as_str()),
        Event::JobEnded(job) => format!("ended {job}"),
        Event::JobCancelled(job) => format!("cancelled {job}"),
        Event::Progress { job, step, steps } => format!("progress {job} {step} {steps}"),
        Event::Ordered => "ordered".into(),
        Event::Missed => "missed".into(),
    }
}

/// Returns the event of these words. What a later version may say is an event
/// that was missed, so that rows are looked at.
pub(super) fn read(text: &str) -> Event {
    let words: Vec<&str> = text.split(' ').collect();
    known(&words).unwrap_or(Event::Missed)
}

fn known(words: &[&str]) -> Option<Event> {
    let job = |number: &str| number.parse().ok().and_then(JobId::new);
    match *words {
        ["queued"] => Some(Event::JobQueued),
        ["ordered"] => Some(Event::Ordered),
        ["due", kind] => [DeliveryKind::Webhook, DeliveryKind::Upload]
            .into_iter()
            .find(|known| known.as_str() == kind)
            .map(Event::DeliveryDue),
        ["ended", number] => job(number).map(Event::JobEnded),
        ["cancelled", number] => job(number).map(Event::JobCancelled),
        ["progress", number, step, steps] => Some(Event::Progress {
            job: job(number)?,
            step: step.parse().ok()?,
            steps: steps.parse().ok()?,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_read_as_it_was_written() {
        let job = JobId::new(7).unwrap();
        for event in [
            Event::JobQueued,
            Event::DeliveryDue(DeliveryKind::Webhook),
            Event::DeliveryDue(DeliveryKind::Upload),
            Event::JobEnded(job),
            Event::JobCancelled(job),
            Event::Progress {
                job,
                step: 3,
                steps: 21,
            },
            Event::Ordered,
            Event::Missed,
        ] {
            assert_eq!(read(&write(event)), event);
        }
        for text in ["", "ended", "ended 0", "ended x", "due letter", "paused 7"] {
            assert_eq!(read(text), Event::Missed, "{text}");
        }
    }
}
