//! The HTTP interface over real buckets, with a fake backend, and with
//! every failure on the way to a bucket.
//!
//! | module | about |
//! |---|---|
//! | [`faults`] | the operator's bucket |
//! | [`keys`] | the buckets that keys configure |
//! | [`server`] | the server under test |
//! | [`seaweed`], [`moto`] | servers with buckets |
//! | [`plain`] | a bucket with scripted failures |
//! | [`proxy`], [`no_acl`] | failures on the way there |
//! | [`captured_log`] | the server's log |

#[cfg(test)]
#[path = "../api/captured_log.rs"]
mod captured_log;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod moto;
#[cfg(test)]
#[path = "../../crates/facegen-outbound/tests/s3/no_acl.rs"]
mod no_acl;
#[cfg(test)]
#[path = "../../crates/facegen-outbound/tests/s3/plain.rs"]
mod plain;
#[cfg(test)]
#[path = "../../crates/facegen-outbound/tests/s3/proxy.rs"]
mod proxy;
#[cfg(test)]
#[path = "../../crates/facegen-outbound/tests/s3/seaweed.rs"]
mod seaweed;
#[cfg(test)]
mod server;

/// Everything that the program can log.
#[cfg(test)]
const LEVELS: &str = "trace,aws_=warn";

/// The prefix of links to the server itself.
#[cfg(test)]
const HERE: &str = "http://faces.test/temp/";

/// How soon after a failure is known the caller has a link that works.
#[cfg(test)]
const SOON: std::time::Duration = std::time::Duration::from_secs(1);

/// Checks that the image of an answer is at a link that begins with `base`,
/// with its provenance.
#[cfg(test)]
async fn is_read_at(server: &server::Server, answer: &serde_json::Value, base: &str) {
    assert_eq!(answer["status"], "success", "{answer}");
    let link = answer["output"][0].as_str().unwrap();
    assert!(link.starts_with(base), "{link} is not at {base}");
    let image = server.read(link).await;
    assert!(image.starts_with(b"\x89PNG"));
    let generated = b"digitalsourcetype/trainedAlgorithmicMedia";
    let holds = |text: &[u8]| image.windows(text.len()).any(|part| part == text);
    assert!(holds(generated));
}
