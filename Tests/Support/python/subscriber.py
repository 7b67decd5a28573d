#!/usr/bin/python3
"""Subscribes to a feed in the decoded encoding, from its beginning, and prints an event a line as JSON.
usage: subscriber.py HOST PORT CA CERTIFICATE KEY [COUNT]
Needs protoc and python3-protobuf; knows nothing of Tidemark but feed.proto."""
import base64, json, math, os, socket, ssl, struct, subprocess, sys, tempfile

schema = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../../Sources/CFeedSchema"))
with tempfile.TemporaryDirectory() as generated:
    subprocess.run(["protoc", f"-I{schema}", f"--python_out={generated}", "feed.proto"], check=True)
    sys.path.insert(0, generated)
    import feed_pb2 as feed

def value(field):
    kind = field.WhichOneof("value")
    if kind == "real" and not math.isfinite(field.real):
        return "NaN" if math.isnan(field.real) else "Infinity" if field.real > 0 else "-Infinity"
    if kind == "enumeration":
        number = field.enumeration.WhichOneof("value")
        return {"value": getattr(field.enumeration, number), "labels": list(field.enumeration.labels)}
    if kind == "structure":
        return {member.name: value(member) for member in field.structure.fields}
    if kind == "array":
        return [value(element) for element in field.array.elements]
    if kind == "blob":
        return base64.b64encode(field.blob).decode()
    return None if kind in (None, "absent") else getattr(field, kind)

def line(event, packet):
    def optional(message, name):
        return getattr(message, name) if message.HasField(name) else None
    def scope(structure):
        return {field.name: value(field) for field in structure.fields} or None
    line = {"type": "event", "ts": optional(event, "timestamp_ns"), "raw_ts": optional(event, "raw_timestamp_ns"),
            "relay": packet.relay or None, "host": packet.host, "session": packet.session,
            "session_id": packet.session_id, "trace": packet.trace, "stream": packet.stream,
            "stream_class": packet.stream_class, "cpu": optional(packet, "cpu"), "name": event.name,
            "level": optional(event, "level"), "packet": scope(packet.context),
            "stream_context": scope(event.stream_context), "context": scope(event.context),
            "fields": scope(event.fields), "late": event.late_ns or None}
    present = {key: item for key, item in line.items() if item is not None or key == "ts"}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"))

def receive(stream, message):
    length = stream.read(4)
    message.ParseFromString(stream.read(struct.unpack(">I", length)[0]) if length else b"")
    return message if length else None

def main(host, port, ca, certificate, key, count=math.inf):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["tidemark/1"])
    connection = context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)
    request = feed.Subscribe(protocol_version=1, earliest=True, encoding=feed.ENCODING_DECODED).SerializeToString()
    connection.sendall(struct.pack(">I", len(request)) + request)
    stream = connection.makefile("rb")
    answer, left = receive(stream, feed.Answer()), float(count)
    if answer is None or answer.HasField("refused"):
        sys.exit(f"refused: {answer.refused.text if answer else 'connection closed'}")
    while left > 0 and (frame := receive(stream, feed.Frame())) is not None:
        for record in frame.records:
            for event in record.decoded_events.events:
                if left > 0:
                    print(line(event, record.decoded_events.packets[event.packet]), flush=True)
                left -= 1
            left = 0 if record.HasField("end") else left

if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) in (6, 7) else sys.exit(__doc__)
