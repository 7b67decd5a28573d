"""Many subscribers of one feed, in one process: each reads until it has a number of frames, and says what they were.

    many_subscribers.py HOST PORT CA CERT KEY FRAMES RAW DECODED STOPPED

RAW and DECODED subscribers read on; STOPPED more subscribe and never read. Prints one line for each of the readers,
`raw HASH` or `decoded HASH`, the hash being of all bytes of the frames up to number FRAMES, then waits for its standard
input to end, so that those that have stopped stay.
"""

import hashlib
import selectors
import socket
import ssl
import sys


def varint(data, offset):
    value = shift = 0
    while True:
        byte = data[offset]
        value |= (byte & 0x7F) << shift
        offset += 1
        if byte < 0x80:
            return value, offset
        shift += 7


class Subscriber:
    def __init__(self, address, context, decoded, reads):
        self.kind = "decoded" if decoded else "raw"
        raw = socket.create_connection(address)
        if not reads:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        # protocol_version 1, earliest, encoding
        request = bytes([0x08, 1, 0x10, 1]) + (bytes([0x30, 1]) if decoded else b"")
        self.socket.sendall(len(request).to_bytes(4, "big") + request)
        self.buffer = bytearray()
        self.hash = hashlib.sha256()
        self.messages = 0
        self.is_done = False

    def read(self, frames):
        data = self.socket.recv(1 << 18)
        if not data:
            raise SystemExit(f"{self.kind}: closed")
        self.buffer += data
        while self.socket.pending():
            self.buffer += self.socket.recv(1 << 18)
        at = 0
        while len(self.buffer) - at >= 4:
            length = int.from_bytes(self.buffer[at : at + 4], "big")
            if len(self.buffer) - at < 4 + length:
                break
            self.take(bytes(self.buffer[at + 4 : at + 4 + length]), frames)
            at += 4 + length
        del self.buffer[:at]

    def take(self, message, frames):
        self.messages += 1
        # The first is the answer; field 1 of a frame is its number, field 2 its kind, absent in one of the feed.
        if self.messages == 1 or self.is_done:
            return
        if message[0] != 0x08:
            return
        sequence, offset = varint(message, 1)
        if message[offset] == 0x10:
            return
        if sequence > frames:
            self.is_done = True
        else:
            self.hash.update(message)


def main():
    host, port, ca, cert, key = sys.argv[1:6]
    frames, raw, decoded, stopped = map(int, sys.argv[6:10])
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    address = (host, int(port))
    idle = [Subscriber(address, context, False, False) for _ in range(stopped)]
    readers = [Subscriber(address, context, index >= raw, True) for index in range(raw + decoded)]
    selector = selectors.DefaultSelector()
    for reader in readers:
        selector.register(reader.socket, selectors.EVENT_READ, reader)
    left = set(readers)
    print("subscribed", flush=True)
    while left:
        for key, _ in selector.select():
            key.data.read(frames)
            if key.data.is_done and key.data in left:
                left.remove(key.data)
                print(key.data.kind, key.data.hash.hexdigest(), flush=True)
    sys.stdin.read()
    del idle


main()
