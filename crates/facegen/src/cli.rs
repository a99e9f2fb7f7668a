//! The commands and their options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use facegen_core::RawGenerationRequest;

use crate::config::ConfigArguments;
use crate::db::{DbArguments, DbCommand, MigrateArguments};
use crate::engine::EngineArguments;
use crate::failure::EXIT_CODES;
use crate::keys::{KeysArguments, KeysCommand};
use crate::models::{ModelsArguments, ModelsCommand};
use crate::run::RunArguments;

/// Images of a person from one photo and a prompt.
#[derive(Debug, Parser)]
#[command(name = "facegen", version, long_version = env!("FACEGEN_VERSION"), about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch what a preset lacks, serve it on this machine alone, and print a
    /// link to its page. The terms of licences are shown first.
    Run(RunArguments),
    /// Serve the API over HTTP.
    #[command(after_help = SERVE_HELP)]
    Serve(Box<ConfigArguments>),
    /// Generate images and write them to files.
    Generate(Box<GenerateArguments>),
    /// Create, list and revoke API keys.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
        #[command(flatten)]
        arguments: KeysArguments,
    },
    /// Work on the database of a server.
    Db {
        #[command(subcommand)]
        command: DbCommand,
        #[command(flatten)]
        arguments: DbArguments,
    },
    /// Bring the tables of the database up to date, as every start of a server
    /// does.
    Migrate(MigrateArguments),
    /// Fetch the models of presets, verify and delete them, and accept their
    /// licences.
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
        #[command(flatten)]
        arguments: Box<ModelsArguments>,
    },
    /// Check everything that a server with these settings needs: device, model
    /// files, loading, storage and database. Exits 1 if a check fails.
    Doctor(Box<ConfigArguments>),
    /// Exit 0 if the server of these settings is ready, else 1.
    Health(Box<ConfigArguments>),
    /// Inspect the settings.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
        #[command(flatten)]
        config: Box<ConfigArguments>,
    },
    /// Print the OpenAPI document of the API.
    #[command(name = "openapi")]
    OpenApi,
    /// Print a shell's completions of the commands and options.
    Completions {
        /// The shell.
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Print the manual page.
    Man {
        /// Write a page for each command into this directory instead, which has
        /// to exist.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// What else decides how a server runs, and how it ends.
const SERVE_HELP: &str = "\
Environment:
  FACEGEN_API_KEY, FACEGEN_MASTER_KEY  keys, or with _FILE the files that hold them
  FACEGEN_CONFIG                       the config file
  FACEGEN__SECTION__NAME               any setting that `facegen config print` shows
  RUST_LOG                             what is logged, such as debug
  NO_COLOR                             if not empty, a log without colours

Example:
  facegen serve --preset demo --listen 127.0.0.1:8080 --data-dir data

Exit codes:
  0  a signal stopped the server
  1  anything that has no code of its own
  2  the command line cannot be parsed
  5  the preset or its models cannot be loaded
  6  the last engine hangs, and the process has to be restarted";

/// Inspect the settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings that a server would use.
    Print,
}

/// One request on the command line.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct GenerateArguments {
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
    #[command(flatten)]
    pub(crate) request: RequestArguments,
    /// The photo of the person: JPEG, PNG, WebP or GIF; or a directory of such
    /// photos. Can be repeated: each photo is used with each prompt.
    #[arg(long, value_name = "PATH", required = true)]
    pub(crate) face: Vec<PathBuf>,
    /// The file to write, in an existing directory: .png, .webp (lossless), .jpg
    /// or .jpeg; PNG without an extension. Further images are written to the same
    /// directory, to picture-1.png and so on for picture.png.
    #[arg(long, value_name = "FILE", default_value = "picture.png")]
    pub(crate) out: PathBuf,
    /// Overwrite existing files, which are refused otherwise.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print a JSON object on a line of its own for each image, with its path,
    /// its photo, prompt and seed, the warnings and the seconds of each stage.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write prompts, seed and the other parameters into the files, for everybody
    /// who is given them, but nothing of the photo.
    #[arg(long)]
    pub(crate) parameters: bool,
}

/// The parameters of a request. They stay text here: the parser of the server's
/// requests validates them.
#[derive(Debug, Default, Args)]
pub(crate) struct RequestArguments {
    /// What the images show; required. Can be repeated.
    #[arg(long, value_name = "TEXT")]
    prompt: Vec<String>,
    /// A style of the preset; realistic, which every preset has, when absent.
    #[arg(long, value_name = "NAME")]
    style: Option<String>,
    /// What the images do not show.
    #[arg(long, value_name = "TEXT")]
    negative_prompt: Option<String>,
    /// The seed of the first image of each request, 0 to 4294967295; random when
    /// absent, but the same for all photos and prompts.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    seed: Option<String>,
    /// Denoising steps; the nearest of 21, 31 and 41 is used, 21 when absent.
    #[arg(
        long,
        visible_alias = "num-inference-steps",
        value_name = "NUMBER",
        allow_negative_numbers = true
    )]
    steps: Option<String>,
    /// How strongly the prompt is followed, 0 to 20; 7.5 when absent.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    guidance_scale: Option<String>,
    /// The weight of the face's structure, 0 to 2; 1 when absent.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    s_scale: Option<String>,
    /// Width in pixels, 64 to 768, rounded down to a multiple of 8; 512 when
    /// absent.
    #[arg(long, value_name = "PIXELS", allow_negative_numbers = true)]
    width: Option<String>,
    /// Height in pixels, 64 to 768, rounded down to a multiple of 8; 512 when
    /// absent.
    #[arg(long, value_name = "PIXELS", allow_negative_numbers = true)]
    height: Option<String>,
    /// Number of images, 1 or 2; the second uses the next seed.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    samples: Option<String>,
    /// Whether the preset's safety checker checks the images, true or false;
    /// true when absent.
    #[arg(long, value_name = "FLAG")]
    safety_checker: Option<String>,
    /// What replaces an unsafe image: blur, pixelate, black or
    /// sensitive_content_text; the last when absent.
    #[arg(long, value_name = "NAME")]
    safety_checker_type: Option<String>,
}

impl RequestArguments {
    /// Returns a request for each prompt; without any, one that the parser refuses.
    pub(crate) fn requests(self) -> Vec<RawGenerationRequest> {
        let shared = RawGenerationRequest {
            negative_prompt: self.negative_prompt.into(),
            style: self.style.into(),
            width: self.width.into(),
            height: self.height.into(),
            num_inference_steps: self.steps.into(),
            guidance_scale: self.guidance_scale.into(),
            s_scale: self.s_scale.into(),
            seed: self.seed.into(),
            samples: self.samples.into(),
            safety_checker: self.safety_checker.into(),
            safety_checker_type: self.safety_checker_type.into(),
            ..RawGenerationRequest::default()
        };
        if self.prompt.is_empty() {
            return vec![shared];
        }
        let with_prompt = |prompt: String| RawGenerationRequest {
            prompt: prompt.into(),
            ..shared.clone()
        };
        self.prompt.into_iter().map(with_prompt).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use facegen_core::RequestLimits;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_version_names_what_is_compiled_in() {
        let version = Cli::command().render_long_version();
        let beginning = concat!("facegen ", env!("CARGO_PKG_VERSION"), " (");
        assert!(version.starts_with(beginning), "{version}");
        let features = version.trim_end().trim_end_matches(')');
        let features = features.rsplit("; ").next().unwrap_or_default();
        let features = features.rsplit('(').next().unwrap_or_default();
        let features: Vec<&str> = features.split(", ").collect();
        assert!(features.contains(&"cpu"), "{version}");
        assert_eq!(features.contains(&"cuda"), cfg!(feature = "cuda"));
    }

    fn generate(line: &str) -> GenerateArguments {
        let command = Cli::parse_from(line.split_whitespace()).command;
        let Command::Generate(arguments) = command else {
            panic!("{line} is another command");
        };
        *arguments
    }

    #[test]
    fn every_option_reaches_its_field() {
        let line = "facegen generate --face f.jpg --prompt a --negative-prompt b --seed 1 \
                    --steps 31 --guidance-scale 3 --s-scale 0.5 --width 64 --height 72 --samples 2 \
                    --safety-checker false --safety-checker-type black --style comic";
        let mut raw = generate(line).request.requests();
        assert_eq!(raw.len(), 1);
        let request = raw
            .remove(0)
            .parse(&RequestLimits::default())
            .unwrap()
            .resolve_seed(|| 0);
        assert_eq!(
            (request.spec.prompt(), request.spec.negative_prompt()),
            ("a", "b")
        );
        assert_eq!((request.spec.seed(), request.spec.steps()), (1, 31));
        assert_eq!(
            (request.spec.guidance_scale(), request.spec.s_scale()),
            (3.0, 0.5)
        );
        assert_eq!((request.spec.width(), request.spec.height()), (64, 72));
        assert_eq!(request.spec.samples(), 2);
        assert_eq!(request.spec.style().as_str(), "comic");
        let safety = request.spec.safety();
        assert_eq!(
            (safety.enabled, safety.checker_type.as_str()),
            (false, "black")
        );
    }

    #[test]
    fn photos_and_prompts_can_be_repeated() {
        let line = "facegen generate --face a.jpg --prompt x --face b --prompt y \
                    --num-inference-steps 31";
        let arguments = generate(line);
        assert_eq!(arguments.face, [PathBuf::from("a.jpg"), PathBuf::from("b")]);
        let requests = arguments.request.requests().into_iter();
        let parsed = requests.map(|raw| raw.parse(&RequestLimits::default()).unwrap());
        let specs = parsed.map(|request| request.resolve_seed(|| 0).spec);
        let values: Vec<_> = specs
            .map(|spec| (spec.prompt().to_owned(), spec.steps()))
            .collect();
        assert_eq!(values, [("x".to_owned(), 31), ("y".to_owned(), 31)]);
    }

    #[test]
    fn negative_numbers_reach_the_parser_that_refuses_them() {
        let line = "facegen generate --face f.jpg --prompt a --seed -1 --s-scale -0.5";
        let raw = generate(line).request.requests().remove(0);
        let refused = raw.parse(&RequestLimits::default());
        assert_eq!(
            refused.unwrap_err().to_string(),
            "seed must be between 0 and 4294967295"
        );
    }
}
