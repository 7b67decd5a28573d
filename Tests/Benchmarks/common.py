"""What the benchmark commands share: running commands, real clusters, and processes whose CPU time is measured."""

import atexit
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TIDEMARK = str(ROOT / ".build/release/tidemark")
METER = str(ROOT / ".build/release/tidemark-meter")
FARM = str(ROOT / ".build/release/relay-farm")


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command):
    """Runs a command to its end and returns its standard output; a failure ends the benchmark."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def need(*programs):
    for program in programs:
        if not os.access(program, os.X_OK):
            sys.exit(f"{program}: not there; swift build -c release --product {Path(program).name}")


def await_true(what, seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Process:
    """A process: its output, unless it goes to /dev/null, and its times when it has ended."""

    def __init__(self, name, command, keeps_output=True, statuses=(0,)):
        self.name = name
        self.statuses = statuses
        self.output = tempfile.TemporaryFile("w+") if keeps_output else open(os.devnull, "w+")
        self.begin = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output)
        # One that was not waited for does not outlive the benchmark.
        atexit.register(self.kill)

    def kill(self):
        if self.process.returncode is None:
            self.process.kill()

    def end(self):
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.wall_seconds = time.monotonic() - self.begin
        self.seconds = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss // 1024
        self.output.seek(0)
        self.text = self.output.read()
        if self.process.returncode not in self.statuses:
            sys.exit(f"{self.name}: exit status {self.process.returncode}\n{self.text}")
        return self

    def report(self, events):
        return (f"{self.name:22} {events:>10} events {self.seconds:8.2f} s CPU "
                f"{self.seconds / max(events, 1) * 1e9:8.0f} ns/event {self.memory:6} MiB at most")


class Cluster:
    """Real hosts with a session daemon, a relay daemon and traced programs of their own; `with` takes them down."""

    COMMAND = str(ROOT / "Deploy/cluster")

    def __init__(self, hosts, live_us):
        self.live_us = live_us
        self.scratch = tempfile.TemporaryDirectory(prefix="tidemark-benchmark.")
        self.directory = f"{self.scratch.name}/cluster"
        self.programs = f"{self.scratch.name}/traced"
        self.start_file = f"{self.scratch.name}/start"
        run(str(ROOT / "Deploy/traced/build"), self.programs)
        run(self.COMMAND, "up", self.directory, "--hosts", str(hosts), "--live-us", str(live_us), "--while",
            str(os.getpid()))
        rows = [line.split("\t") for line in Path(self.directory, "hosts.tsv").read_text().splitlines()[1:]]
        self.hosts = [row[0] for row in rows]
        self.ports = {row[0]: row[1] for row in rows}
        self.traces = {row[0]: row[5] for row in rows}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        run(self.COMMAND, "down", self.directory)
        self.scratch.cleanup()

    def url(self, host, session=None):
        return f"net://127.0.0.1:{self.ports[host]}" + (f"/host/{host}/{session}" if session else "")

    def session(self, host, name, *options, events="load:*"):
        run(self.COMMAND, "session", self.directory, host, name, "--events", events, *options)

    def load(self, host, number, threads, count, rate):
        """Starts a program that writes `count` events at `rate` a second once the start file is there."""
        return self.program(host, "load", number, "--threads", str(threads), "--count", str(count // threads), "--rate",
                            str(rate / threads), "--burst", "200")

    def program(self, host, name, number, *options):
        """Starts a traced program, which writes once the start file is there."""
        return subprocess.Popen(
            [self.COMMAND, "run", self.directory, host, f"{self.programs}/{name}", "--id", str(number), *options,
             "--start-file", self.start_file, "--linger-ms", str(self.live_us * 5 // 1000)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def write(self, programs):
        """Lets the programs begin, and waits for their ends."""
        Path(self.start_file).touch()
        for program in programs:
            if program.wait() != 0:
                sys.exit("a traced program failed")

    def destroy(self, host, *sessions):
        """Ends sessions, the newest first; none may have lost an event."""
        for session in sessions:
            lost = int(run(self.COMMAND, "discarded", self.directory, host, session))
            if lost:
                sys.exit(f"{host} {session}: the tracer discarded {lost} events: lower --rate")
            run(self.COMMAND, "destroy", self.directory, host, session)
