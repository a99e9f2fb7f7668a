//! No URL leads to an address that must not be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use facegen_core::FaceReader;
use facegen_core::redact::SafeUrl;
use facegen_image::ImageLimits;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use url::{Host as UrlHost, Url};

use super::super::*;
use crate::Faces;
use crate::testing::{FakeResolver, Host, PERMITTED, guard, only_permitted, read_head};

const DEADLINE: Duration = Duration::from_secs(20);
const LIST: &str = include_str!("../../../tests/assets/ssrf_urls.txt");

/// Returns the rule of a [`Refusal`], as the list names it.
fn rule(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotAUrl | Refusal::Syntax(_) => "syntax",
        Refusal::Scheme => "scheme",
        Refusal::Userinfo => "userinfo",
        Refusal::Port(_) => "port",
        Refusal::LocalName | Refusal::MetadataName => "name",
        Refusal::Address(_) => "address",
        Refusal::Resolved(_) => "resolved",
        Refusal::Downgrade => "downgrade",
    }
}

/// Returns rules and URLs of the list, with the port of the listener.
pub(super) fn list(port: u16) -> Vec<(&'static str, String)> {
    let rows = LIST
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let (rule, url) = row.split_once(' ').unwrap();
        (rule, url.replace("{port}", &port.to_string()))
    })
    .collect()
}

/// Starts hosts on both loopback addresses, on one port, that must get no connection.
pub(super) async fn forbidden_hosts() -> Vec<Host> {
    let answer = |mut stream: tokio::net::TcpStream| async move {
        read_head(&mut stream).await?;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret")
            .await
    };
    let v4 = Host::start(Ipv4Addr::LOCALHOST, answer).await;
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, v4.address.port())).await;
    let v6 = v6.ok().map(|listener| Host::on(listener, answer));
    [Some(v4), v6].into_iter().flatten().collect()
}

pub(super) fn connections(hosts: &[Host]) -> usize {
    hosts.iter().map(Host::connections).sum()
}

/// A resolver by which names lead to the forbidden hosts.
#[derive(Debug)]
struct WickedResolver;

#[async_trait::async_trait]
impl NameResolver for WickedResolver {
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        let addresses: &[&str] = match name {
            "mixed.test" => &["127.0.0.2", "127.0.0.1"],
            "mixed6.test" => &["127.0.0.2", "::1"],
            "mapped.test" => &["::ffff:127.0.0.1"],
            "metadata.test" => &["169.254.169.254"],
            _ => &["127.0.0.1"],
        };
        Ok(addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect())
    }
}

pub(super) fn wicked_guard() -> Guard {
    Guard::with_resolver(only_permitted(), Arc::new(WickedResolver)).unwrap()
}

async fn get(guard: &Guard, url: &str) -> Result<Vec<u8>, GuardError> {
    guard.get(&SafeUrl::from(url), 1000, DEADLINE).await
}

#[tokio::test]
async fn no_url_of_the_list_is_fetched() {
    let hosts = forbidden_hosts().await;
    let rows = list(hosts[0].address.port());
    assert!(rows.len() >= 60);
    let guard = wicked_guard();
    for (expected, url) in rows {
        match get(&guard, &url).await {
            Err(GuardError::Refused(refusal)) => assert_eq!(rule(refusal), expected, "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
    assert_eq!(connections(&hosts), 0);
}

/// Starts a permitted host that redirects the request for `/7` to the seventh URL.
pub(super) async fn redirecting(rows: &[(&str, String)]) -> Host {
    let locations: Vec<String> = rows.iter().map(|(_, url)| url.clone()).collect();
    let locations = Arc::new(locations);
    Host::start(PERMITTED, move |mut stream| {
        let locations = Arc::clone(&locations);
        async move {
            let head = read_head(&mut stream).await?;
            let row = head.split(['/', ' ']).nth(2);
            let location = row.and_then(|row| locations.get(row.parse::<usize>().ok()?));
            let answer = match location {
                Some(url) => format!("302 Found\r\nlocation: {url}"),
                None => "404 Not Found".to_owned(),
            };
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await
        }
    })
    .await
}

#[tokio::test]
async fn no_redirect_leads_to_a_url_of_the_list() {
    let hosts = forbidden_hosts().await;
    let rows = list(hosts[0].address.port());
    let redirecting = redirecting(&rows).await;
    let guard = wicked_guard();
    for (row, (expected, url)) in rows.iter().enumerate() {
        let error = get(&guard, &redirecting.url(&format!("/{row}"))).await;
        let GuardError::RedirectRefused(refusal) = error.clone().unwrap_err() else {
            // Within a page of the same scheme this is a relative path.
            assert!(url.starts_with("http:127"), "{url}: {error:?}");
            assert_eq!(error, Err(GuardError::Status(404)));
            continue;
        };
        assert_eq!(rule(refusal), *expected, "{url}");
    }
    assert!(redirecting.connections() >= rows.len());
    assert_eq!(connections(&hosts), 0);
}

#[tokio::test]
async fn the_forbidden_hosts_would_have_answered() {
    let hosts = forbidden_hosts().await;
    let allowed = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
    let open = Guard::with_resolver(
        Networks::public_and(allowed.to_vec()),
        Arc::new(WickedResolver),
    )
    .unwrap();
    for host in &hosts {
        assert_eq!(get(&open, &host.url("/")).await, Ok(b"secret".to_vec()));
        assert_eq!(host.connections(), 1);
    }
    // The operator allowed the loopback network, so its names pass too.
    let port = hosts[0].address.port();
    for name in ["private.test", "localhost", "foo.localhost."] {
        let url = format!("http://{name}:{port}/");
        assert_eq!(get(&open, &url).await, Ok(b"secret".to_vec()), "{name}");
    }
}

#[tokio::test]
async fn local_names_are_refused_before_they_are_looked_up() {
    let resolver = FakeResolver::empty();
    let guard = guard(&resolver);
    for url in [
        "http://localhost/",
        "http://a.localhost./",
        "http://metadata.google.internal/",
    ] {
        match get(&guard, url).await {
            Err(GuardError::Refused(refusal)) => assert_eq!(rule(refusal), "name", "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
    assert_eq!(resolver.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_looked_up_once_per_hop() {
    // It keeps its connections open for more requests.
    let good = Host::start(PERMITTED, |mut stream| async move {
        loop {
            read_head(&mut stream).await?;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await?;
        }
    })
    .await;
    let port = good.address.port();
    let bad = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    let bad = Host::on(bad, |_| async { Ok(()) });
    let resolver = FakeResolver::knowing("rebind.test", &[&["127.0.0.2"], &["127.0.0.1"]]);
    let guard = guard(&resolver);
    let url = format!("http://rebind.test:{port}/");
    // The check and the connection use the same lookup…
    assert_eq!(get(&guard, &url).await, Ok(b"ok".to_vec()));
    assert_eq!(resolver.asked(), ["rebind.test"]);
    // …and no connection is kept that would bypass the next check.
    let refused = get(&guard, &url).await;
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_eq!(
        refused,
        Err(GuardError::Refused(Refusal::Resolved(address)))
    );
    assert_eq!((good.connections(), bad.connections()), (1, 0));
}

#[tokio::test]
async fn a_redirect_to_the_same_name_is_looked_up_again() {
    let good =
        Host::answering("HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n").await;
    let resolver = FakeResolver::knowing("rebind.test", &[&["127.0.0.2"], &["127.0.0.1"]]);
    let url = format!("http://rebind.test:{}/a", good.address.port());
    let refused = get(&guard(&resolver), &url).await;
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_eq!(
        refused,
        Err(GuardError::RedirectRefused(Refusal::Resolved(address)))
    );
    assert_eq!(good.connections(), 1);
}

#[tokio::test]
async fn callers_cannot_tell_a_private_name_from_an_unknown_one() {
    let faces = Faces::new(wicked_guard(), ImageLimits::default(), DEADLINE);
    let inner = faces
        .fetch(&"http://private.test/".into())
        .await
        .unwrap_err();
    let unknown = Faces::new(
        guard(&FakeResolver::empty()),
        ImageLimits::default(),
        DEADLINE,
    );
    let unknown = unknown
        .fetch(&"http://private.test/".into())
        .await
        .unwrap_err();
    assert_eq!(inner, unknown);
    assert_eq!(inner.message, "face_image cannot be fetched from its URL");
    let literal = faces.fetch(&"http://10.0.0.1/".into()).await.unwrap_err();
    assert_eq!(
        literal.message,
        "face_image must not lead to 10.0.0.1, which is not a public address, unless \
         outbound.allow_networks in the server's config has 10.0.0.1/32"
    );
}

#[test]
fn https_does_not_lead_to_http() {
    let guard = wicked_guard();
    let next = |from: &str, to: &str| guard.next_target(&Url::parse(from).unwrap(), to);
    assert_eq!(
        next("https://a.test/", "http://b.test/"),
        Err(Refusal::Downgrade)
    );
    for (from, to, next_url) in [
        ("https://a.test/", "https://b.test/", "https://b.test/"),
        ("http://a.test/", "https://b.test/", "https://b.test/"),
        ("http://a.test/", "http://b.test/", "http://b.test/"),
        ("https://a.test/x/y", "../z?q", "https://a.test/z?q"),
        ("https://a.test/x", "//b.test/", "https://b.test/"),
    ] {
        assert_eq!(next(from, to).unwrap().as_str(), next_url);
    }
}

/// Runs in the child process below, too.
#[tokio::test]
async fn a_permitted_host_is_fetched() {
    let host = Host::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let resolver = FakeResolver::knowing("good.test", &[&["127.0.0.2"]]);
    let guard = guard(&resolver);
    let by_name = format!("http://good.test:{}/", host.address.port());
    for url in [host.url("/"), by_name] {
        assert_eq!(get(&guard, &url).await, Ok(b"ok".to_vec()));
    }
    assert_eq!(host.connections(), 2);
}

/// Runs in a process of its own, because the environment is shared by all tests.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_proxy_of_the_environment_is_ignored() {
    let proxy = Host::answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nproxy").await;
    let mut child = std::process::Command::new("/proc/self/exe");
    child.args(["--exact", "guard::tests::ssrf::a_permitted_host_is_fetched"]);
    child.arg("guard::tests::webhooks::a_permitted_host_gets_its_webhook");
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(variable, proxy.url(""));
    }
    for variable in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child.env_remove(variable);
    }
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .unwrap()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("2 passed"),
        "{text}"
    );
    assert_eq!(proxy.connections(), 0);
}

/// Returns hosts that are, or nearly are, spellings of addresses.
fn any_url() -> impl Strategy<Value = String> {
    let number = prop_oneof!["[0-9]{1,10}", "0x[0-9a-f]{1,8}", "0[0-7]{1,11}"];
    let dotted = prop::collection::vec(number, 1..6).prop_map(|parts| parts.join("."));
    let v4 = any::<Ipv4Addr>().prop_map(|address| address.to_string());
    let v6 = any::<Ipv6Addr>().prop_map(|address| format!("[{address}]"));
    let mapped = any::<Ipv4Addr>().prop_map(|address| format!("[::ffff:{address}]"));
    let host = prop_oneof![dotted, v4, v6, mapped, "[a-z.]{0,12}", "\\PC{0,12}"];
    let url = (host, "\\PC{0,20}").prop_map(|(host, rest)| format!("http://{host}{rest}"));
    prop_oneof![url, any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_breaks_the_check_or_passes_a_literal_that_is_not_public(text in any_url()) {
        let networks = Networks::default();
        if let Ok(url) = target::check(&text, &networks) {
            match url.host() {
                Some(UrlHost::Ipv4(address)) => prop_assert!(networks.allows(address.into())),
                Some(UrlHost::Ipv6(address)) => prop_assert!(networks.allows(address.into())),
                Some(UrlHost::Domain(name)) => {
                    // What the connector parses as an address is none.
                    prop_assert!(name.parse::<IpAddr>().is_err());
                }
                None => prop_assert!(false, "{url} has no host"),
            }
            prop_assert!(matches!(url.scheme(), "http" | "https"));
            prop_assert!(url.username().is_empty() && url.password().is_none());
        }
    }
}

#[tokio::test]
async fn no_text_that_passes_breaks_the_client() {
    // No name resolves and nothing but one closed port may be reached, so every
    // text that passes the check ends in an error of the client.
    let guard = guard(&FakeResolver::empty());
    for path in [
        "|",
        "^",
        "`",
        "{}",
        "\"",
        "%",
        "\u{0}",
        "ü",
        "[",
        "\\",
        "a b",
        "?'\"<>`{|}",
        "#\u{7f}",
    ] {
        let url = format!("http://unknown.test/{path}");
        let error = get(&guard, &url).await.unwrap_err();
        assert!(
            matches!(error, GuardError::Unreachable(_)),
            "{path}: {error}"
        );
    }
}
