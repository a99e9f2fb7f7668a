//! No webhook leads to an address that must not be reached. Webhooks use the
//! same guard as photos, and no redirect at all.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use facegen_core::redact::SafeUrl;
use facegen_core::{SystemClock, WebhookMessage, WebhookOutcome, WebhookSender};
use tokio::net::TcpListener;

use super::super::Guard;
use super::ssrf::{connections, forbidden_hosts, list, redirecting, wicked_guard};
use crate::HttpWebhooks;
use crate::testing::{FakeResolver, Host, guard};

const DEADLINE: Duration = Duration::from_secs(20);
const ACCEPTED: &str = "HTTP/1.1 204 No Content\r\n\r\n";

async fn send(guard: Guard, url: &str) -> WebhookOutcome {
    let webhooks = HttpWebhooks::new(guard, Arc::new(SystemClock), DEADLINE);
    let message = WebhookMessage {
        id: "1".into(),
        url: SafeUrl::from(url),
        body: "{}".into(),
        secret: None,
    };
    webhooks.send(&message).await
}

fn unreachable() -> WebhookOutcome {
    let reason = "the receiver cannot be reached".to_owned();
    WebhookOutcome::Retry {
        after: None,
        reason,
    }
}

#[tokio::test]
async fn no_url_of_the_list_gets_a_webhook() {
    let hosts = forbidden_hosts().await;
    let guard = wicked_guard();
    for (rule, url) in list(hosts[0].address.port()) {
        match send(guard.clone(), &url).await {
            WebhookOutcome::Refused { reason } => {
                assert!(reason.starts_with("the webhook must "), "{url}: {reason}");
                assert_ne!(rule, "resolved", "{url}");
            }
            other @ (WebhookOutcome::Delivered | WebhookOutcome::Retry { .. }) => {
                assert_eq!((rule, other), ("resolved", unreachable()), "{url}")
            }
        }
    }
    assert_eq!(connections(&hosts), 0);
}

#[tokio::test]
async fn callers_cannot_tell_a_private_receiver_from_an_unknown_one() {
    let url = "http://private.test/";
    let inner = send(wicked_guard(), url).await;
    assert_eq!(inner, send(guard(&FakeResolver::empty()), url).await);
    assert_eq!(inner, unreachable());
}

#[tokio::test]
async fn no_redirect_takes_a_webhook_to_a_url_of_the_list() {
    let hosts = forbidden_hosts().await;
    let rows = list(hosts[0].address.port());
    let redirecting = redirecting(&rows).await;
    let guard = wicked_guard();
    for (row, (_, url)) in rows.iter().enumerate() {
        let outcome = send(guard.clone(), &redirecting.url(&format!("/{row}"))).await;
        let reason = "the receiver answered 302".to_owned();
        let retry = WebhookOutcome::Retry {
            after: None,
            reason,
        };
        assert_eq!(outcome, retry, "{url}");
    }
    assert_eq!(redirecting.connections(), rows.len());
    assert_eq!(connections(&hosts), 0);
}

#[tokio::test]
async fn a_receiver_that_changes_its_address_is_looked_up_once_per_webhook() {
    let good = Host::answering(ACCEPTED).await;
    let port = good.address.port();
    let bad = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    let bad = Host::on(bad, |_| async { Ok(()) });
    let resolver = FakeResolver::knowing("rebind.test", &[&["127.0.0.2"], &["127.0.0.1"]]);
    let guard = guard(&resolver);
    let url = format!("http://rebind.test:{port}/");
    assert_eq!(send(guard.clone(), &url).await, WebhookOutcome::Delivered);
    assert_eq!(resolver.asked(), ["rebind.test"]);
    assert_eq!(send(guard, &url).await, unreachable());
    assert_eq!((good.connections(), bad.connections()), (1, 0));
}

/// Runs in the child process of a test of `ssrf`, too.
#[tokio::test]
async fn a_permitted_host_gets_its_webhook() {
    let host = Host::answering(ACCEPTED).await;
    let resolver = FakeResolver::knowing("good.test", &[&["127.0.0.2"]]);
    let guard = guard(&resolver);
    let by_name = format!("http://good.test:{}/", host.address.port());
    for url in [host.url("/"), by_name] {
        let outcome = send(guard.clone(), &url).await;
        assert_eq!(outcome, WebhookOutcome::Delivered);
    }
    assert_eq!(host.connections(), 2);
}
