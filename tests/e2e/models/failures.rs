//! Messages about hubs that are unreachable or redirect to unusable answers.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::REPO;
use super::manner::Behaviour;
use super::mirrors::{FILE, hops, mirror, pull};
use super::program::Outcome;

/// Checks that all parts of a message about an unusable answer are in one line.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn errors_name_host_status_and_url_without_secrets() -> Result<()> {
    let ssh = listen_as_ssh()?;
    let unused = {
        let free = TcpListener::bind("127.0.0.1:0")?;
        free.local_addr()?
    };
    let path = format!("/{REPO}/resolve/main/{FILE}");
    let status = |status| Behaviour {
        status: Some(status),
        ..Behaviour::default()
    };
    let to = |location: String| hops(&[(302, &location)]);
    let query = "?sign=secret-of-the-query";
    let packed = Behaviour {
        has_no_store: true,
        header: "Content-Encoding: gzip\r\n",
        ..Behaviour::default()
    };
    let none = Behaviour {
        names_no_commit: true,
        ..Behaviour::default()
    };
    let cases: Vec<(Behaviour, Vec<String>)> = vec![
        (status(400), vec!["answers 400".into()]),
        (status(401), vec!["answers 401".into(), "HF_TOKEN".into()]),
        (status(403), vec!["answers 403".into(), "HF_TOKEN".into()]),
        (
            status(404),
            vec!["answers 404".into(), "revision main".into()],
        ),
        (status(410), vec!["answers 410".into()]),
        (status(451), vec!["answers 451".into()]),
        (status(302), vec!["answers 302 without a location".into()]),
        (status(304), vec!["answers 304".into()]),
        (
            to(format!("ftp://files.example/x{query}")),
            vec!["a url of ftp, which is not http".into()],
        ),
        (
            to("s3://bucket/x".into()),
            vec!["answers 302".into(), "a url of s3".into()],
        ),
        (
            to("file:///etc/passwd".into()),
            vec!["a url of file".into()],
        ),
        (to("data:,x".into()), vec!["a url of data".into()]),
        (to("http://".into()), vec!["what is no url".into()]),
        (to("http://[::1".into()), vec!["what is no url".into()]),
        (
            to("{hub}{path}?again".into()),
            vec!["redirect, it may lead in a circle".into()],
        ),
        (
            to(format!("http://{ssh}/x{query}")),
            vec![format!("http://{ssh}/x for"), "not valid HTTP".into()],
        ),
        (
            to(format!("http://hunter2:hunter2@{ssh}/x{query}")),
            vec![format!("http://{ssh}/x for"), "not valid HTTP".into()],
        ),
        (
            to(format!("http://{unused}/x{query}")),
            vec![format!("http://{unused}/x for"), "refused".into()],
        ),
        (
            to(format!("http://store.invalid/x{query}")),
            vec![
                "host store.invalid cannot be resolved".into(),
                "http://store.invalid/x".into(),
            ],
        ),
        (packed, vec!["it names no size".into()]),
        (none, vec!["it names no commit".into(), "http://".into()]),
    ];
    assert!(cases.len() > 20);
    for (manner, mut parts) in cases {
        let (hub, models, _) = mirror(manner, 5_000)?;
        hub.state().token = None;
        if !parts.iter().any(|part| part.contains("http://")) {
            parts.push(hub.endpoint());
            parts.push(path.clone());
        }
        let refused = pull(&models)?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).chain([FILE]).collect();
        refused.assert_refused(&parts);
        let again = refused.stderr.matches("trying again").count();
        assert_eq!(again, 0, "nothing of it passes: {}", refused.stderr);
    }
    Ok(())
}

/// Starts a listener that does not speak HTTP.
fn listen_as_ssh() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A client that closes the connection is part of the test.
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n");
        }
    });
    Ok(address)
}

#[test]
fn offline_it_soon_reports_that_the_name_cannot_be_resolved() -> Result<()> {
    let (_hub, models, _) = mirror(Behaviour::default(), 10)?;
    for endpoint in [
        "https://hub.invalid",
        "http://hunter2:hunter2@hub.invalid:8080/mirror/",
    ] {
        let mut command = models.command(&["models", "pull", "pulled"])?;
        command.env("HF_ENDPOINT", endpoint);
        let begin = Instant::now();
        let refused: Outcome = command.output()?.try_into()?;
        let took = begin.elapsed();
        refused.assert_refused(&[
            "the name of the host hub.invalid cannot be resolved",
            "offline",
            FILE,
        ]);
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
        assert_eq!(refused.stderr.matches("trying again").count(), 0);
    }
    Ok(())
}
