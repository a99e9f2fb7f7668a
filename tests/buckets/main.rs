//! The HTTP interface over a real bucket, with a fake backend, and with
//! everything that can go wrong on the way to the bucket.

#[cfg(test)]
#[path = "../api/captured_log.rs"]
mod captured_log;
#[cfg(test)]
#[path = "../../crates/facegen-outbound/tests/s3/proxy.rs"]
mod proxy;
#[cfg(test)]
#[path = "../../crates/facegen-outbound/tests/s3/seaweed.rs"]
mod seaweed;
#[cfg(test)]
mod server;

#[cfg(test)]
mod tests {
    use facegen_core::redact::Secret;
    use serde_json::Value;

    use crate::captured_log::{capture_log, log};
    use crate::proxy::{Proxy, Way};
    use crate::seaweed::{PRIVATE, PUBLIC, SECRET, Seaweed};
    use crate::server::Server;

    /// All that the program can be told to log.
    const LEVELS: &str = "trace,aws_=warn";

    #[tokio::test(flavor = "multi_thread")]
    async fn every_fault_is_made_up_for_and_every_picture_comes_to_the_bucket() {
        capture_log(LEVELS);
        let seaweed = Seaweed::start().await;
        let proxy = Proxy::start(seaweed.address, Way::Open).await;
        let server = Server::start(seaweed.settings(PUBLIC, proxy.address)).await;
        let base = format!("http://{}/{PUBLIC}/generations/", seaweed.address);

        let answer = server.make_gen().await;
        assert_eq!(answer["meta"]["temp"], "no", "{answer}");
        is_read_at(&server, &answer, &base).await;
        for way in [
            Way::Answers(500),
            Way::Answers(503),
            Way::Breaks,
            Way::Swallows,
            Way::Slow,
        ] {
            proxy.set(way);
            let answer = server.make_gen().await;
            assert_eq!(answer["meta"]["temp"], "yes", "{way:?}: {answer}");
            is_read_at(&server, &answer, "http://faces.test/temp/").await;
            proxy.set(Way::Open);
            let fetched = server.fetch_from_bucket(&answer["id"], &base).await;
            is_read_at(&server, &fetched, &base).await;
            // The first link still leads there.
            is_read_at(&server, &answer, "http://faces.test/temp/").await;
        }
        let log = log();
        assert!(log.contains("the bucket fails"));
        for secret in server.prefixes().iter().map(String::as_str).chain([SECRET]) {
            assert!(!log.contains(secret), "the log holds {secret}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_bucket_refuses_or_hides_is_served_from_here() {
        capture_log(LEVELS);
        let seaweed = Seaweed::start().await;
        let mut wrong = seaweed.settings(PUBLIC, seaweed.address);
        wrong.secret_access_key = Secret::new("another secret".to_owned());
        let hidden = seaweed.settings(PRIVATE, seaweed.address);
        for settings in [wrong, hidden] {
            let server = Server::start(settings).await;
            let answer = server.make_gen().await;
            assert_eq!(answer["meta"]["temp"], "yes", "{answer}");
            is_read_at(&server, &answer, "http://faces.test/temp/").await;
        }
        assert!(!log().contains("another secret"));
    }

    async fn is_read_at(server: &Server, answer: &Value, base: &str) {
        assert_eq!(answer["status"], "success", "{answer}");
        let link = answer["output"][0].as_str().unwrap();
        assert!(link.starts_with(base), "{link} is not at {base}");
        let picture = server.read(link).await;
        assert_eq!(picture.len(), 64 * 64 * 3);
    }
}
