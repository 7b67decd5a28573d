"""A server in a relay daemon's place. Prints its port, then serves until it is ended.

fake_relay.py impostor greeting|web|silent|closing|major|flood
    Something that is no relay of the live protocol 2.
fake_relay.py proxy PORT [--cut-after N,N,...] [--replace OLD:NEW] [--tell-requests]
    Passes everything on to the relay daemon at PORT. Connection number i is cut after as many bytes of replies as the i-th N
    says, later ones never. OLD is replaced by NEW, of the same length, in the replies. Each batch of requests is told by a line
    on standard error, with the commands' names.
"""

import argparse
import socket
import struct
import sys
import threading

CONNECT, LIST_SESSIONS = 1, 2
HEADER = struct.Struct(">QII")
CONNECTION = struct.Struct(">QIII")
# Names of all commands, with the bytes that follow their headers.
COMMANDS = {
    1: ("CONNECT", 20), 2: ("LIST_SESSIONS", 0), 3: ("ATTACH", 20), 4: ("GET_NEXT_INDEX", 8), 5: ("GET_PACKET", 20),
    6: ("GET_METADATA", 8), 7: ("GET_NEW_STREAMS", 8), 8: ("CREATE_SESSION", 0), 9: ("DETACH", 8),
}


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def answer_connect(connection, major, minor):
    receive(connection, HEADER.size)
    receive(connection, CONNECTION.size)
    connection.sendall(CONNECTION.pack(1, major, minor, 0))


def impostor(kind, connection):
    if kind == "greeting":
        connection.sendall(b"220 mail.example ESMTP ready\r\n")
    elif kind == "web":
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return
    elif kind == "closing":
        return
    elif kind == "major":
        answer_connect(connection, 3, 0)
    elif kind == "flood":
        answer_connect(connection, 2, 4)
        while True:
            command = HEADER.unpack(receive(connection, HEADER.size))[1]
            if command == LIST_SESSIONS:
                connection.sendall(struct.pack(">I", 0xFFFFFFFF) + bytes(100_000))
            else:
                connection.sendall(struct.pack(">I", 1))
    while connection.recv(4096):
        pass


def shut(*connections):
    for connection in connections:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def whole_requests(data):
    """The names of the commands that `data` holds whole, and the rest of it."""
    names = []
    while len(data) >= HEADER.size:
        name, size = COMMANDS[HEADER.unpack_from(data)[1]]
        if len(data) < HEADER.size + size:
            break
        names.append(name)
        data = data[HEADER.size + size:]
    return names, data


def pump_requests(connection, relay, tells):
    rest = b""
    try:
        while data := connection.recv(65536):
            relay.sendall(data)
            if tells:
                names, rest = whole_requests(rest + data)
                print("requests", *names, file=sys.stderr, flush=True)
    except OSError:
        pass
    shut(connection, relay)


def proxy(options, number, connection):
    relay = socket.create_connection(("127.0.0.1", options.port))
    for end in (connection, relay):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=pump_requests, args=(connection, relay, options.tell_requests), daemon=True).start()
    left = options.cut_after[number] if number < len(options.cut_after) else None
    while data := relay.recv(65536):
        if options.replace:
            data = data.replace(*options.replace)
        if left is not None and len(data) >= left:
            connection.sendall(data[:left])
            print(f"cut connection {number}", file=sys.stderr, flush=True)
            break
        connection.sendall(data)
        if left is not None:
            left -= len(data)
    shut(connection, relay)
    relay.close()


def serve(listener, options):
    number = 0
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=converse, args=(options, number, connection), daemon=True).start()
        number += 1


def converse(options, number, connection):
    with connection:
        try:
            if options.role == "impostor":
                impostor(options.kind, connection)
            else:
                proxy(options, number, connection)
        except (OSError, struct.error):
            pass


def main():
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    roles.add_parser("impostor").add_argument("kind")
    proxying = roles.add_parser("proxy")
    proxying.add_argument("port", type=int)
    proxying.add_argument("--cut-after", type=lambda text: [int(n) for n in text.split(",")], default=[])
    proxying.add_argument("--replace", type=lambda text: [part.encode() for part in text.split(":")])
    proxying.add_argument("--tell-requests", action="store_true")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    serve(listener, options)


main()
