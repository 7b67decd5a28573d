"""What the benchmark commands share: their arguments and reports, processes whose CPU time is measured, coordinators, real
clusters and simulated relays."""

import argparse
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
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


def arguments(doc, quick=True):
    """A parser with the options that the benchmarks have in common."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    if quick:
        parser.add_argument("--quick", action="store_true", help="small, to try whether it works: figures say nothing")
    parser.add_argument("--tidemark", default=TIDEMARK)
    return parser


class Report:
    """The figures of a benchmark, and how they stand to what is wanted: printed, and written as JSON where asked for."""

    def __init__(self, options):
        self.file = options.json
        self.rows, self.figures = [], {}

    def compare(self, what, ours, theirs, unit, most=None, least=None):
        """Ours beside the other's: the ratio ours / theirs is to be at most `most`, or at least `least`."""
        self._add(what, ours, theirs, unit, ours / theirs, most, least)

    def bound(self, what, ours, unit, most=None, least=None):
        """Ours alone, which is to be at most `most`, or at least `least`, if any."""
        self._add(what, ours, None, unit, None, most, least)

    def _add(self, what, ours, theirs, unit, ratio, most, least):
        value = ours if ratio is None else ratio
        met = None
        if most is not None or least is not None:
            met = (most is None or value <= most) and (least is None or value >= least)
        wanted = f"<= {most:.4g}" if most is not None else f">= {least:.4g}" if least is not None else ""
        self.rows.append({"what": what, "ours": ours, "theirs": theirs, "unit": unit, "ratio": ratio, "wanted": wanted,
                          "met": met})

    def finish(self):
        """Prints the rows and writes the file. - Returns: the exit status."""
        print(table(self.rows))
        if self.file:
            Path(self.file).write_text(json.dumps({"rows": self.rows, "figures": self.figures}, indent=2) + "\n")
        return 0 if all(row["met"] is not False for row in self.rows) else 1


def table(rows):
    """The rows of reports as text."""
    def number(value):
        return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

    lines = [("what", "ours", "theirs", "unit", "ratio", "wanted", "met")]
    lines += [(row["what"], number(row["ours"]), number(row["theirs"]), row["unit"], number(row["ratio"]), row["wanted"],
               {None: "", True: "yes", False: "NO"}[row["met"]]) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) if column in (0, 3, 5) else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


class Process:
    """A process: its output, unless it goes to /dev/null, and its times when it has ended."""

    def __init__(self, name, command, keeps_output=True, statuses=(0,), messages=None):
        self.name = name
        self.statuses = statuses
        self.output = tempfile.TemporaryFile("w+") if keeps_output else open(os.devnull, "w+")
        self.begin = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=messages)
        # One that was not waited for does not outlive the benchmark.
        atexit.register(self.kill)

    def kill(self):
        if self.process.returncode is None:
            self.process.kill()

    def cpu_seconds(self):
        """CPU time so far, user and system."""
        return time.clock_gettime(~self.process.pid << 3 | 2)  # the kernel's number for a process's CPU clock

    def memory(self):
        """Bytes now: resident set, and its share of what is shared with other processes (PSS)."""
        rows = dict(line.split(":", 1) for line in Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
                    .splitlines()[1:])
        return tuple(int(rows[name].split()[0]) * 1024 for name in ("Rss", "Pss"))

    def profile(self, file):
        """Records what it does from now on, by perf. - Returns: the recorder, which ends with it."""
        return subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "2999", "-g", "-o", file, "-p",
                                 str(self.process.pid)])

    def end(self):
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.wall_seconds = time.monotonic() - self.begin
        self.seconds = usage.ru_utime + usage.ru_stime
        self.memory_most = usage.ru_maxrss // 1024
        self.output.seek(0)
        self.text = self.output.read()
        if self.process.returncode not in self.statuses:
            sys.exit(f"{self.name}: exit status {self.process.returncode}\n{self.text}")
        return self

    def report(self, events):
        return (f"{self.name:22} {events:>10} events {self.seconds:8.2f} s CPU "
                f"{self.seconds / max(events, 1) * 1e9:8.0f} ns/event {self.memory_most:6} MiB at most")


class WarmMemory(threading.Thread):
    """Takes and gives back a little memory all the time. The host of a virtual machine takes what has been free for a while,
    and the first touch of that costs ten times a page's usual price: whoever writes a log would pay it, as on no other machine.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.start()

    def run(self):
        block = b"\1" * (1 << 20)
        while not self.ended.wait(0.25):
            with tempfile.TemporaryFile() as file:
                for _ in range(32):
                    file.write(block)

    def end(self):
        self.ended.set()
        self.join()


class Coordinator:
    """`tidemark serve` on relays, given as their URLs by name; `with` ends it.

    Its log keeps little, so that the kernel's pages go round, as they do where a log has been at its bound for days.
    """

    def __init__(self, relays, stored=True, tidemark=TIDEMARK, retain="256MiB", further=""):
        self.tidemark = tidemark
        self.memory = WarmMemory()
        self.folder = tempfile.TemporaryDirectory(prefix="tidemark-benchmark.")
        tls = f"{self.folder.name}/tls"
        run(tidemark, "cert", tls)
        self.authority, self.certificate, self.key = f"{tls}/ca.pem", f"{tls}/client.pem", f"{tls}/client.key"
        self.server = (f"{tls}/server.pem", f"{tls}/server.key")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        file = Path(self.folder.name, "tidemark.yaml")
        file.write_text(
            "relays:\n" + "".join(f"  - {{name: {name}, url: '{url}'}}\n" for name, url in relays.items()) +
            f"feed:\n  listen: 127.0.0.1:{self.port}\n  certificate: {self.server[0]}\n  key: {self.server[1]}\n"
            f"  client-ca: {self.authority}\n  allow: [{{identity: 'tidemark:client/*'}}]\n" +
            (f"log: {{directory: {self.folder.name}/log, retain-bytes: {retain}}}\n" if stored else "") + further)
        self.messages = Path(self.folder.name, "messages")
        with self.messages.open("w") as messages:
            self.serve = Process("tidemark serve", [tidemark, "serve", "--config", str(file)], messages=messages)
        await_true("the coordinator listens", 60, self.listens)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.serve.process.returncode is None:
            self.end()
        self.memory.end()
        self.folder.cleanup()

    def end(self):
        """Ends the feed in order. - Returns: the process that has ended."""
        self.serve.process.send_signal(signal.SIGTERM)
        return self.serve.end()

    def listens(self):
        return f"0100007F:{self.port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()

    def said(self, text):
        """How many of its messages hold the text."""
        return sum(text in line for line in self.messages.read_text().splitlines())

    def problems(self):
        """Its warnings and errors."""
        return [line for line in self.messages.read_text().splitlines() if " warning " in line or " error " in line]

    def await_sessions(self, count, seconds=120):
        await_true(f"{count} sessions attached", seconds, lambda: self.said("is active") >= count)

    def tail(self, form, *options):
        """The command of a subscriber that prints all from the beginning on."""
        return [self.tidemark, "tail", f"tls://127.0.0.1:{self.port}", "--from", "earliest", "--format", form,
                "--no-reconnect", "--ca", self.authority, "--cert", self.certificate, "--key", self.key, *options]


class Subscribers:
    """Connections of the meter, which read the feed from its beginning on and cost little; all are let in by now."""

    def __init__(self, coordinator, *options):
        self.process = subprocess.Popen(
            [METER, "subscribe", str(coordinator.port), "--cert", coordinator.certificate, "--key", coordinator.key,
             *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        if self.process.stdout.readline() != "ready\n":
            sys.exit("the subscribers are not let in")

    def figures(self):
        """Waits until each has all events that it was to get."""
        return json.loads(self.end())

    def end(self):
        text, _ = self.process.communicate()
        if self.process.returncode != 0:
            sys.exit(f"the subscribers failed: exit status {self.process.returncode}")
        return text


class Farm:
    """Simulated relays in one process, one session each; `with` ends it."""

    def __init__(self, relays, *options):
        self.process = subprocess.Popen([FARM, "--relays", str(relays), *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        lines = [self.process.stdout.readline().strip() for _ in range(relays)]
        if not lines[-1]:
            sys.exit("the simulated relays did not start")
        self.relays = {f"relay-{number}": f"net://127.0.0.1:{port}" for number, port in enumerate(lines)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


class Load:
    """Events of simulated relays that are made beforehand: `packets` of each stream, one a live period.

    About 43 bytes an event. At once: all can be had at the same moment, as from stored sessions; else as time goes on.
    """

    def __init__(self, relays, streams, packets, packet_events, live_us, at_once=False):
        self.relays, self.streams = relays, streams
        self.events = relays * streams * packets * packet_events
        self.per_second = relays * streams * packet_events * 1_000_000 / live_us
        self.options = ["--streams", str(streams), "--packets", str(packets), "--packet-events", str(packet_events),
                        "--live-us", str(live_us), *(["--at-once"] if at_once else [])]

    def serve(self, lead_seconds, *options):
        """Starts the relays; their first events can be had so long after the start, at `first_ns` of the result."""
        lead_ms = int((lead_seconds + self.events / 4e6) * 1000)
        farm = Farm(self.relays, *self.options, "--lead-ms", str(lead_ms), *options)
        line = farm.process.stdout.readline()
        if not line:
            sys.exit("the simulated relays could not make their events in time")
        farm.first_ns = int(line)
        return farm


def measure_subscribers(options, load, counts, *subscriber_options):
    """CPU seconds of the coordinator, and bytes that each subscriber got, by how many subscribers there are.

    All are there before the first event, and events come as time goes on, so that nobody reads from disk.
    """
    found = {}
    for count in counts:
        say(f"{count} subscribers, {load.per_second:,.0f} events a second for {load.events / load.per_second:.0f} s ...")
        with load.serve(3 + count / 50) as farm, Coordinator(farm.relays, tidemark=options.tidemark) as coordinator:
            coordinator.await_sessions(load.relays)
            subscribers = Subscribers(coordinator, "--connections", str(count), "--events", str(load.events),
                                      *subscriber_options)
            await_moment(farm.first_ns)
            before = coordinator.serve.cpu_seconds()
            figures = subscribers.figures()
            found[count] = {"cpu_seconds": coordinator.serve.cpu_seconds() - before,
                            "bytes": figures["bytes_of_all"] / count, "frames": figures["frames"]}
    return found


def await_moment(monotonic_ns):
    """Waits for a moment that must not have passed."""
    left = monotonic_ns - time.monotonic_ns()
    if left < 0:
        sys.exit(f"{-left / 1e6:.0f} ms too late: the machine is too busy, or the time to prepare too short")
    time.sleep(left / 1e9)


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
