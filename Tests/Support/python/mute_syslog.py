#!/usr/bin/python3
"""A collector of syslog over TLS that does not read until it is told to by SIGUSR1: then it closes the connections that
it has, with all that is in them, and appends to FILE what comes on later ones, a message a line.
usage: mute_syslog.py PORT CERTIFICATE KEY FILE [--reads]"""
import argparse, signal, socket, ssl, threading

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("certificate")
parser.add_argument("key")
parser.add_argument("file")
parser.add_argument("--reads", action="store_true")
options = parser.parse_args()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(options.certificate, options.key)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
reads = options.reads
mute = []

def set_room(count):
    """Connections inherit it."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, count)

def wake(*_):
    global reads
    reads = True
    set_room(1 << 20)
    for connection in mute:
        # With unread bytes in it, the other side gets a reset.
        connection.close()
    mute.clear()

def keep(connection):
    with connection, open(options.file, "ab") as output:
        stream = connection.makefile("rb")
        while True:
            length = b""
            while not length.endswith(b" "):
                byte = stream.read(1)
                if not byte:
                    return
                length += byte
            message = stream.read(int(length))
            if len(message) < int(length):
                return
            output.write(message + b"\n")
            output.flush()

def serve(plain):
    try:
        connection = context.wrap_socket(plain, server_side=True)
        if reads:
            keep(connection)
        else:
            mute.append(connection)
    except OSError:
        pass

set_room(1 << 20 if reads else 4096)
signal.signal(signal.SIGUSR1, wake)
listener.bind(("127.0.0.1", options.port))
listener.listen()
print("listens", flush=True)
while True:
    plain, _ = listener.accept()
    threading.Thread(target=serve, args=(plain,), daemon=True).start()
