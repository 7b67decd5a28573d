#!/usr/bin/python3
"""Appends the whole lines of its standard input to FILE, as a program that a coordinator feeds.
usage: keep_lines.py FILE [--die-after LINES --deaths COUNT]
Ends itself by SIGKILL once it has appended so many lines, and its successors do too, COUNT times together, which
FILE.deaths counts. What it has read it has kept by then, but for the beginning of a line."""
import argparse, os, signal, sys

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--die-after", type=int)
parser.add_argument("--deaths", type=int, default=0)
options = parser.parse_args()

deaths_file = options.file + ".deaths"
deaths = int(open(deaths_file).read()) if os.path.exists(deaths_file) else 0
output = os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
print("begins,", deaths, "have died", file=sys.stderr, flush=True)
rest, kept = b"", 0
while data := os.read(0, 16384):
    lines, newline, rest = (rest + data).rpartition(b"\n")
    os.write(output, lines + newline)
    kept += lines.count(b"\n") + len(newline)
    if options.die_after and kept >= options.die_after and deaths < options.deaths:
        with open(deaths_file, "w") as file:
            file.write(str(deaths + 1))
        os.kill(os.getpid(), signal.SIGKILL)
