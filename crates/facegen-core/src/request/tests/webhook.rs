//! The fields of a webhook: `webhook` and `track_id`.

use super::*;

#[test]
fn track_id_keeps_its_type_and_the_webhook_its_query() {
    let request = parsed(&[
        (" track_id", Scalar::Integer(7)),
        ("webhook", text("https://example.com/done?secret=1")),
    ]);
    assert_eq!(
        request.delivery.track_id.as_ref(),
        Some(&Scalar::Integer(7))
    );
    assert_eq!(
        request.delivery.webhook.as_ref().unwrap().expose(),
        "https://example.com/done?secret=1"
    );
    let request = parsed(&[("track_id", text("007"))]);
    assert_eq!(request.delivery.track_id.as_ref(), Some(&text("007")));
}

#[test]
fn webhooks_that_could_never_be_called_are_refused() {
    let message = "webhook must be an http or https URL";
    for url in [
        "receiver",
        "file:///etc/passwd",
        "http:/example.com",
        "http://",
        "https:///path",
        "http://:80/",
        "http://?x",
        "http://user@/",
        "https://\0a",
        "https://a/\nforged line",
        "https://a/\u{1b}[2J",
        "https://a b/",
        "x\nhttps://a",
    ] {
        assert_eq!(refusal(&[("webhook", text(url))]), message, "{url:?}");
    }
    for url in [
        "https://a",
        " HTTP://user:pw@a:8080/b?c#d ",
        "https://[::1]/",
        "https://bücher.example/ä",
    ] {
        let request = parsed(&[("webhook", text(url))]);
        assert_eq!(
            request.delivery.webhook.as_ref().unwrap().expose(),
            url.trim()
        );
    }
}

#[test]
fn webhook_and_track_id_have_a_longest_length() {
    let longest = format!("https://a/{}", "x".repeat(raw::MAX_WEBHOOK_BYTES - 10));
    assert!(
        parsed(&[("webhook", text(&longest))])
            .delivery
            .webhook
            .is_some()
    );
    assert_eq!(
        refusal(&[("webhook", text(&format!("{longest}x")))]),
        "webhook must not be longer than 8192 bytes"
    );
    let longest = "ä".repeat(raw::MAX_TRACK_ID_BYTES / 2);
    let request = parsed(&[("track_id", text(&longest))]);
    assert_eq!(request.delivery.track_id.as_ref(), Some(&text(&longest)));
    assert_eq!(
        refusal(&[("track_id", text(&format!("{longest}x")))]),
        "track_id must not be longer than 1000 bytes"
    );
}
