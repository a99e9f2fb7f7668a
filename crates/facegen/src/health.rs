//! `facegen health`: asks the server of the same config whether it is ready.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::config::environment::Environment;
use crate::config::{Config, ConfigArguments};
use crate::failure::Failure;

/// The timeout of connecting and of each read.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Succeeds when the server is ready; else the failure has its answer.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<(), Failure> {
    let config = Config::load(arguments, &Environment::of_process())?;
    Ok(ask(&config.server.listen)?)
}

fn ask(listen: &str) -> Result<()> {
    let address = reachable(listen)?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)
        .with_context(|| format!("no server answers at {address}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let is_ready = head.split(' ').nth(1) == Some("200");
    ensure!(is_ready, "the server is not ready: {body}");
    Ok(())
}

/// Returns the address at which a server that listens on `listen` is reached
/// from the same machine.
fn reachable(listen: &str) -> Result<SocketAddr> {
    let mut addresses = listen.to_socket_addrs()?;
    let mut address = addresses.next().context("server.listen names no address")?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Starts a server that sends one answer.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            assert_eq!(head[0], "GET /readyz HTTP/1.0");
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn only_a_ready_server_is_healthy() {
        ask(&server("HTTP/1.1 200 OK\r\n\r\n{}")).unwrap();
        let loading = ask(&server("HTTP/1.1 503 No\r\n\r\n{\"status\":\"loading\"}"));
        let text = loading.unwrap_err().to_string();
        assert_eq!(text, "the server is not ready: {\"status\":\"loading\"}");
        assert!(ask("127.0.0.1:1").is_err());
    }

    #[test]
    fn a_server_on_all_addresses_is_reached_on_its_own() {
        assert_eq!(reachable("0.0.0.0:80").unwrap().to_string(), "127.0.0.1:80");
        assert_eq!(reachable("[::]:80").unwrap().to_string(), "[::1]:80");
        assert_eq!(reachable("10.0.0.1:8").unwrap().to_string(), "10.0.0.1:8");
    }
}
