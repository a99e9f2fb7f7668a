#!/usr/bin/env python3
"""Runs the steps of a Dockerfile where there is no container engine.

Each stage gets a clean Debian root (debootstrap), in which its COPY, ENV and
RUN steps are carried out with chroot, in their order, from the files that git
tracks and .dockerignore lets through. At the end the program of the last stage
is started as its CMD says and has to pass its HEALTHCHECK.

    docker/build_steps.py docker/Dockerfile DIRECTORY [--build-arg NAME=VALUE]

Needs root, debootstrap, and a Rust toolchain: the `rust` base image is Debian
with a toolchain, and this machine's own is put in its place.
"""

import argparse
import atexit
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from string import Template

CONTEXT = Path(__file__).resolve().parent.parent
SUITE = "bookworm"
# What a machine needs to reach its package registries.
NETWORK = ["/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs", "/usr/local/share/ca-certificates", "/etc/apt/apt.conf.d"]


def main():
    arguments = parse_arguments()
    directory = arguments.directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    base = debian(directory)
    stages = {}
    stage = None
    # What stands before the first stage is for the names of images.
    images = {}
    for instruction, value in instructions(arguments.dockerfile):
        if instruction == "FROM":
            image, _, name = Template(value).substitute(images).partition(" AS ")
            stage = Stage(directory / f"stage-{len(stages)}", base, image)
            stages[name or str(len(stages))] = stage
        elif stage is None:
            name, _, default = value.partition("=")
            images[name] = dict(arguments.build_arg).get(name, default)
        else:
            stage.step(instruction, value, stages, dict(arguments.build_arg))
    stage.check_health()
    print("all steps succeeded")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dockerfile", type=Path)
    parser.add_argument("directory", type=Path, help="for the roots; several gigabytes")
    parser.add_argument("--build-arg", action="append", default=[], type=lambda text: text.split("=", 1))
    return parser.parse_args()


def instructions(path):
    """Pairs of an instruction and its value, comments and continuations resolved."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    for line in filter(None, map(str.strip, text.splitlines())):
        yield line.split(maxsplit=1)


def debian(directory):
    """A minimal Debian, made once."""
    root = directory / "debian"
    if not root.exists():
        fresh = directory / "debian.partial"
        shutil.rmtree(fresh, ignore_errors=True)
        run(["debootstrap", "--variant=minbase", SUITE, str(fresh)])
        fresh.rename(root)
    return root


class Stage:
    """One stage: a root, and what its instructions have set so far."""

    def __init__(self, root, base, image):
        self.root = root
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.directory = "/"
        self.user = "0:0"
        self.commands = {}
        print(f"=== stage on {image}", flush=True)
        shutil.rmtree(root, ignore_errors=True)
        run(["cp", "--archive", "--reflink=auto", str(base), str(root)])
        # Programs find their libraries through it.
        run(["mount", "-t", "proc", "proc", str(root / "proc")])
        atexit.register(run, ["umount", "--lazy", str(root / "proc")])
        for path in filter(os.path.exists, NETWORK):
            # Links among certificates may lead nowhere; what is there is copied.
            command = ["cp", "--recursive", "--dereference", "--parents", path, str(root)]
            subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
        if image.startswith("rust:"):
            self.add_toolchain()
        elif not image.startswith("debian:"):
            sys.exit(f"there is no stand-in for the image {image}")

    def add_toolchain(self):
        toolchain = Path(output(["rustc", "--print", "sysroot"]))
        run(["cp", "--archive", str(toolchain), str(self.root / "usr/local/rust")])
        self.environment["PATH"] = "/usr/local/rust/bin:" + self.environment["PATH"]
        self.environment["CARGO_HOME"] = "/usr/local/cargo"

    def step(self, instruction, value, stages, build_arguments):
        print(f"--- {instruction} {value}", flush=True)
        if instruction == "ARG":
            name, _, default = value.partition("=")
            self.environment[name] = build_arguments.get(name, default)
        elif instruction == "ENV":
            for pair in shlex.split(value):
                name, _, text = pair.partition("=")
                self.environment[name] = text
        elif instruction == "WORKDIR":
            self.directory = value
            (self.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif instruction == "USER":
            self.user = value
        elif instruction == "COPY":
            self.copy(value.split(), stages)
        elif instruction == "RUN":
            self.run(value)
        elif instruction in ("CMD", "ENTRYPOINT"):
            self.commands[instruction] = json.loads(value)
        elif instruction == "HEALTHCHECK":
            self.commands[instruction] = json.loads(value[value.index("[") :])
        elif instruction not in ("EXPOSE", "STOPSIGNAL", "VOLUME"):
            sys.exit(f"the instruction {instruction} is not known here")

    def copy(self, words, stages):
        *options, source, target = words
        place = self.root / os.path.join(self.directory, target).lstrip("/")
        if options:
            origin = stages[options[0].removeprefix("--from=")].root
            place.parent.mkdir(parents=True, exist_ok=True)
            run(["cp", "--archive", str(origin / source.lstrip("/")), str(place)])
            return
        prefix = "" if source == "." else source + "/"
        for name in filter(lambda name: name.startswith(prefix), context_files()):
            file = place / name[len(prefix) :]
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CONTEXT / name, file)

    def run(self, command):
        for target in re.findall(r"--mount=type=cache,target=(\S+)", command):
            (self.root / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
        command = re.sub(r"--mount=\S+\s*", "", command)
        run(self.inside(["/bin/sh", "-c", command]), env=self.environment)

    def inside(self, command):
        script = f'cd {shlex.quote(self.directory)} && exec "$@"'
        return ["chroot", f"--userspec={self.user}", str(self.root), "/bin/sh", "-c", script, "sh", *command]

    def check_health(self):
        """Starts the program and waits until it says that it is ready."""
        program = self.commands["ENTRYPOINT"] + self.commands["CMD"]
        server = subprocess.Popen(self.inside(program), env=self.environment)
        try:
            for _ in range(120):
                health = subprocess.run(self.inside(self.commands["HEALTHCHECK"]), env=self.environment)
                if health.returncode == 0:
                    print("\nhealthy", flush=True)
                    return
                if server.poll() is not None:
                    sys.exit(f"the server ended with {server.returncode}")
                time.sleep(1)
            sys.exit("the server did not become healthy")
        finally:
            server.terminate()
            server.wait(30)


def context_files():
    """The tracked files that .dockerignore lets through: it excludes all, then names exceptions."""
    rules = (CONTEXT / ".dockerignore").read_text().split("\n")
    exceptions = [rule[1:] for rule in rules if rule.startswith("!")]
    tracked = output(["git", "-C", str(CONTEXT), "ls-files"]).splitlines()
    return [
        name
        for name in tracked
        if any(name == rule or name.startswith(rule + "/") or fnmatch.fnmatch(name, rule) for rule in exceptions)
    ]


def run(command, **options):
    subprocess.run(command, check=True, **options)


def output(command, environment=None):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout.strip()


if __name__ == "__main__":
    main()
