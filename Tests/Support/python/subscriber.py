#!/usr/bin/python3
"""Subscribes to a feed in the decoded encoding, from its beginning, and prints an event a line as JSON.

usage: subscriber.py HOST PORT CA CERTIFICATE KEY [COUNT]
Needs protoc and python3-protobuf; knows nothing of Tidemark but feed.proto.
"""
import base64, json, math, os, socket, ssl, struct, subprocess, sys, tempfile

schema = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../../Sources/CFeedSchema"))
generated = tempfile.TemporaryDirectory()
subprocess.run(["protoc", f"-I{schema}", f"--python_out={generated.name}", "feed.proto"], check=True)
sys.path.insert(0, generated.name)
import feed_pb2 as feed


def structure(message):
    return {field.name: value(field) for field in message.fields}


def value(field):
    kind = field.WhichOneof("value")
    if kind == "real" and not math.isfinite(field.real):
        return "NaN" if math.isnan(field.real) else "Infinity" if field.real > 0 else "-Infinity"
    if kind == "enumeration":
        number = getattr(field.enumeration, field.enumeration.WhichOneof("value"))
        return {"value": number, "labels": list(field.enumeration.labels)}
    if kind == "structure":
        return structure(field.structure)
    if kind == "array":
        return [value(element) for element in field.array.elements]
    if kind == "blob":
        return base64.b64encode(field.blob).decode()
    return None if kind in (None, "absent") else getattr(field, kind)


def line(event, packet):
    ts = event.timestamp_ns if event.HasField("timestamp_ns") else None
    result = {"type": "event", "ts": ts}
    if event.HasField("raw_timestamp_ns"):
        result["raw_ts"] = event.raw_timestamp_ns
    if packet.relay:
        result["relay"] = packet.relay
    result.update(host=packet.host, session=packet.session, session_id=packet.session_id, trace=packet.trace)
    result.update(stream=packet.stream, stream_class=packet.stream_class)
    if packet.HasField("cpu"):
        result["cpu"] = packet.cpu
    result["name"] = event.name
    if event.HasField("level"):
        result["level"] = event.level
    scopes = (("packet", packet.context), ("stream_context", event.stream_context), ("context", event.context))
    for name, scope in scopes + (("fields", event.fields),):
        if scope.fields:
            result[name] = structure(scope)
    if event.late_ns:
        result["late"] = event.late_ns
    return json.dumps(result, ensure_ascii=False, separators=(",", ":"))


def receive(stream, message):
    length = stream.read(4)
    if len(length) < 4:
        return None
    message.ParseFromString(stream.read(struct.unpack(">I", length)[0]))
    return message


def main(host, port, ca, certificate, key, count=None):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    connection = context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)
    request = feed.Subscribe(protocol_version=1, earliest=True, encoding=feed.ENCODING_DECODED).SerializeToString()
    connection.sendall(struct.pack(">I", len(request)) + request)
    stream = connection.makefile("rb")
    answer = receive(stream, feed.Answer())
    if answer is None or answer.HasField("refused"):
        sys.exit(f"refused: {answer.refused.text if answer else 'connection closed'}")
    left = int(count) if count else math.inf
    while left > 0 and (frame := receive(stream, feed.Frame())) is not None:
        for record in frame.records:
            if record.HasField("end"):
                left = 0
            for event in record.decoded_events.events:
                if left > 0:
                    print(line(event, record.decoded_events.packets[event.packet]), flush=True)
                    left -= 1


if __name__ == "__main__":
    if len(sys.argv) not in (6, 7):
        sys.exit(__doc__)
    main(*sys.argv[1:])
