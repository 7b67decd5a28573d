"""Kills a process so that who listens on PORT never hears of it, as when its machine loses power.

    vanish.py PID PORT

Its connections to the port are put into repair mode, in which closing sends nothing. Prints how many there were. Needs
root.
"""

import ctypes
import os
import signal
import socket
import sys

PIDFD_OPEN, PIDFD_GETFD = 434, 438
TCP_REPAIR = 19


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    pid, port = int(sys.argv[1]), int(sys.argv[2])
    handle = libc.syscall(PIDFD_OPEN, pid, 0)
    os.kill(pid, signal.SIGSTOP)
    silenced = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
            continue
        copy = libc.syscall(PIDFD_GETFD, handle, int(name), 0)
        if copy < 0:
            sys.exit(f"vanish: {os.strerror(ctypes.get_errno())}")
        connection = socket.socket(fileno=copy)
        if connection.type != socket.SOCK_STREAM or connection.family not in (socket.AF_INET, socket.AF_INET6):
            continue
        try:
            if connection.getpeername()[1] != port:
                continue
        except OSError:
            continue  # listens
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        silenced.append(connection)
    os.kill(pid, signal.SIGKILL)
    print(len(silenced))


main()
