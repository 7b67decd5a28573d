#!/usr/bin/env python3
"""Runs a command on a terminal of its own and does what the arguments say: terminal.py COLUMNS LINES STEP... -- COMMAND...

A step is `see=TEXT` (until TEXT is on the screen; fails after half a minute) or `press=KEYS` (with \\r, \\x1b and the like).
Prints the screen as it was at each `see`, and then all that the command wrote, as a Python string. Ends as the command does.
"""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time


class Screen:
    """So much of a terminal as a table needs: text, line ends, home, and clearing to the end of line or screen."""

    def __init__(self, columns, lines):
        self.columns, self.count, self.rows, self.row, self.column, self.rest = columns, lines, [""] * lines, 0, 0, ""

    def write(self, text):
        text = self.rest + text
        part = re.search(r"\x1b(\[[0-9;?]*)?$", text)
        self.rest = part.group(0) if part else ""
        for item in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\s\S]", text[:len(text) - len(self.rest)]):
            if item == "\x1b[H":
                self.row = self.column = 0
            elif item == "\x1b[K":
                self.rows[self.row] = self.rows[self.row][:self.column]
            elif item == "\x1b[J":
                self.rows[self.row + 1:] = [""] * (self.count - self.row - 1)
            elif item == "\r":
                self.column = 0
            elif item == "\n":
                self.row = min(self.row + 1, self.count - 1)
            elif not item.startswith("\x1b"):
                line = self.rows[self.row].ljust(self.column)
                self.rows[self.row] = line[:self.column] + item + line[self.column + 1:]
                self.column += 1

    def text(self):
        return "\n".join(self.rows)


def main():
    columns, lines = int(sys.argv[1]), int(sys.argv[2])
    at = sys.argv.index("--")
    steps, command = sys.argv[3:at], sys.argv[at + 1:]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    screen, everything, decode = Screen(columns, lines), "", codecs.getincrementaldecoder("utf-8")("replace").decode

    def read(seconds):
        nonlocal everything
        if not select.select([terminal], [], [], seconds)[0]:
            return True
        try:
            text = decode(os.read(terminal, 65536))
        except OSError:  # the command has ended
            return False
        everything += text
        screen.write(text)
        return bool(text)

    for step in steps:
        verb, text = step.split("=", 1)
        if verb == "press":
            os.write(terminal, codecs.decode(text, "unicode_escape").encode())
            continue
        end = time.monotonic() + 30
        while text not in screen.text():
            if time.monotonic() > end or not read(0.1):
                sys.exit(f"not seen: {text}\n{screen.text()}\n{everything!r}")
        print(f"--- {text}\n{screen.text()}")
    end = time.monotonic() + 30
    while read(0.1) and time.monotonic() < end:
        pass
    print(f"--- all\n{everything!r}")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


main()
