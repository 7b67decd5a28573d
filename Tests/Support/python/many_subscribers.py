"""Many subscribers of one feed, in one process, that read it from its oldest frame on and say what they were sent.

    many_subscribers.py HOST PORT CA CERT KEY RAW DECODED FILTERED STOPPED

FILTERED get the events of odd numbers, raw. STOPPED more subscribe and never read. Prints `subscribed`, then for each
number that comes as a line of standard input one line for each reader, its kind and a hash, once it has the frame of that
number: the hash is of all frames up to it. Ends with its standard input.
"""

import hashlib
import selectors
import socket
import ssl
import sys

CHUNK = 1 << 18
FILTER = b"seqno & 1"


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
    def __init__(self, address, context, kind, reads=True):
        self.kind = kind
        raw = socket.socket()
        if not reads:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(address)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        # Protocol version 1, from the earliest frame on, and the encoding.
        request = bytes([0x08, 1, 0x10, 1]) + (bytes([0x30, 1]) if kind == "decoded" else b"")
        if kind == "filtered":
            request += bytes([0x3A, len(FILTER)]) + FILTER
        self.socket.sendall(len(request).to_bytes(4, "big") + request)
        self.buffer = bytearray()
        self.hash = hashlib.sha256()
        self.is_welcomed = False
        self.digests = {}
        self.newest = 0

    def read(self):
        data = self.socket.recv(CHUNK)
        if not data:
            raise SystemExit(f"{self.kind}: the connection was closed after frame {self.newest}")
        self.buffer += data
        while self.socket.pending():
            self.buffer += self.socket.recv(CHUNK)
        at = 0
        while len(self.buffer) - at >= 4:
            end = at + 4 + int.from_bytes(self.buffer[at : at + 4], "big")
            if len(self.buffer) < end:
                break
            self.take(bytes(self.buffer[at + 4 : end]))
            at = end
        del self.buffer[:at]

    def take(self, message):
        if not self.is_welcomed:
            self.is_welcomed = True
            # A refusal is the answer's second field.
            if message[0] != 0x0A:
                raise SystemExit(f"{self.kind}: refused: {message!r}")
            return
        # Field 1 is the frame's number; field 2, its kind, is absent in what is a part of the feed.
        if message[0] != 0x08:
            return
        sequence, offset = varint(message, 1)
        if message[offset : offset + 1] == b"\x10":
            return
        if sequence not in (self.newest, self.newest + 1):
            raise SystemExit(f"{self.kind}: frame {sequence} after {self.newest}")
        self.newest = sequence
        self.hash.update(message)
        self.digests[self.newest] = self.hash.hexdigest()


def main():
    host, port, ca, cert, key = sys.argv[1:6]
    raw, decoded, filtered, stopped = map(int, sys.argv[6:10])
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["tidemark/1"])
    address = (host, int(port))
    idle = [Subscriber(address, context, "raw", reads=False) for _ in range(stopped)]
    readers = [Subscriber(address, context, "raw") for _ in range(raw)]
    readers += [Subscriber(address, context, "decoded") for _ in range(decoded)]
    readers += [Subscriber(address, context, "filtered") for _ in range(filtered)]
    selector = selectors.DefaultSelector()
    for reader in readers:
        selector.register(reader.socket, selectors.EVENT_READ, reader)
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    print("subscribed", flush=True)
    asked, left = 0, []
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                key.data.read()
                continue
            line = sys.stdin.readline()
            if not line:
                del idle
                return
            asked, left = int(line), list(readers)
        # Decoded, a batch may take several frames of the same number: only the next number ends it.
        for reader in [reader for reader in left if reader.newest > asked]:
            print(reader.kind, reader.digests[asked], flush=True)
            left.remove(reader)


main()
