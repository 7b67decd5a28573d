#!/usr/bin/python3
"""Subscribes to a feed many times, reads each answer and the first bytes of the feed, then nothing more until it is ended.
usage: mute_subscribers.py HOST PORT CA CERTIFICATE KEY COUNT
Prints a line for each subscription that stands."""
import signal, socket, ssl, struct, sys
from subscriber import feed, receive

def main(host, port, ca, certificate, key, count):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["tidemark/1"])
    request = feed.Subscribe(protocol_version=1, earliest=True).SerializeToString()
    standing = []
    for _ in range(int(count)):
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect((host, int(port)))
        connection = context.wrap_socket(plain, server_hostname=host)
        connection.sendall(struct.pack(">I", len(request)) + request)
        answer = receive(connection.makefile("rb", buffering=0), feed.Answer())
        if answer is None or answer.HasField("refused"):
            sys.exit(f"refused: {answer.refused.text if answer else 'connection closed'}")
        standing.append(connection)
        print("standing", flush=True)
    signal.pause()

if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 7 else sys.exit(__doc__)
