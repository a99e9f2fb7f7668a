//! `facegen run`: from a preset's name to a page that makes images.

mod licences;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use facegen_core::Preset;
use facegen_core::store::NodeRole;

use crate::config::environment::Environment;
use crate::config::{Config, ConfigArguments};
use crate::failure::Failure;
use crate::models::pull;
use crate::serve::{self, Greeting};
use crate::{data_dir, engine, output};

/// A preset, and where its files are.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The preset: a manifest in the models directory, or one that is compiled
    /// in.
    preset: String,
    /// Accept a licence by its name, whose terms you have read; can be repeated.
    /// On a terminal the names can be typed instead.
    #[arg(long, value_name = "NAME")]
    accept: Vec<String>,
    /// The port to listen on, at 127.0.0.1; 0 for any that is free.
    #[arg(long, value_name = "NUMBER", default_value_t = 8080)]
    port: u16,
    /// A TOML file with settings that differ from the defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory of the database, images and models.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The directory of the models' manifests; it need not exist.
    #[arg(long, value_name = "DIR")]
    models_dir: Option<PathBuf>,
    /// Where the models run: auto, cpu, cuda:NUMBER or metal:NUMBER.
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
}

impl From<&RunArguments> for ConfigArguments {
    fn from(arguments: &RunArguments) -> Self {
        Self {
            config: arguments.config.clone(),
            preset: Some(arguments.preset.clone()),
            // Whatever the config says: the page's link is for this machine.
            listen: Some(format!("{}:{}", Ipv4Addr::LOCALHOST, arguments.port)),
            // A page without engines would make nothing.
            role: Some(NodeRole::All.as_str().to_owned()),
            data_dir: arguments.data_dir.clone(),
            models_dir: arguments.models_dir.clone(),
            device: arguments.device.clone(),
            accept_licence: Vec::new(),
        }
    }
}

/// Has the licences accepted, fetches what is missing, and serves until a signal
/// arrives.
pub(crate) fn run(arguments: &RunArguments) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let settings = ConfigArguments::from(arguments);
    let config = Config::load(&settings, &environment)?;
    let log = serve::log_quietly(&config)?;
    let preset = engine::find(&config.engine.models_dir, &config.engine.preset)?;
    check_port(arguments.port)?;
    data_dir::make(&config.storage.data_dir)?;
    licences::accept(&preset, &arguments.accept, &config)?;
    fetch(&preset, &config, &environment)?;
    output::line(&format!("loading {}", preset.name()))?;
    serve::start(config, settings, environment, log, Greeting::PageLink)
}

/// Fails when the port is taken, before anything is fetched.
fn check_port(port: u16) -> Result<(), Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bound.with_context(|| {
        format!("cannot listen on 127.0.0.1:{port}, choose another port with --port")
    })?;
    Ok(())
}

fn fetch(preset: &Preset, config: &Config, environment: &Environment) -> Result<(), Failure> {
    let pulled = pull::fetch(preset, config, environment);
    let reported = pulled.and_then(|pulled| pull::report(preset, pulled));
    reported.map_err(Failure::Load)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArguments,
    }

    #[test]
    fn it_listens_on_loopback_whatever_the_config_says() {
        let line = Line::parse_from(["run", "demo", "--port", "8081", "--accept", "A"]);
        let settings = ConfigArguments::from(&line.run);
        let outside = [("FACEGEN__SERVER__LISTEN", "0.0.0.0:80")];
        let config = Config::load(&settings, &Environment::from(outside)).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:8081");
        assert_eq!(config.engine.preset, "demo");
        assert_eq!(config.models.accept, [""; 0], "it is recorded instead");
    }

    #[test]
    fn a_taken_port_is_found_before_anything_is_fetched() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let text = check_port(port).unwrap_err().to_string();
        assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
        assert!(text.contains("--port"), "{text}");
        check_port(0).unwrap();
    }
}
