#!/usr/bin/python3
"""A collector of OTLP logs over TLS, of OpenTelemetry's own classes: appends each record that it takes to FILE, as a JSON
line, before it answers.
usage: otlp_collector.py PORT CERTIFICATE KEY FILE [--client-ca FILE] [--script ANSWER,...] [--always ANSWER]
    [--bytes-max BYTES] [--hang-seconds SECONDS]
ANSWERs are for the first requests, one each: a status, 429:SECONDS (with Retry-After), 429:date (with an HTTP date two
seconds ahead), partial (all are kept, and one is said to be rejected), lose (taken, and the connection cut without an
answer), none (all are said to be rejected), STATUS:TEXT or hang. Later requests are answered as --always says; all are
taken unless it is there, and 413 is answered to those that are longer than BYTES, not compressed. Needs opentelemetry-proto (PYTHONPATH)."""
import argparse, email.utils, gzip, http.server, json, ssl, sys, threading, time
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("certificate")
parser.add_argument("key")
parser.add_argument("file")
parser.add_argument("--client-ca")
parser.add_argument("--script", default="")
parser.add_argument("--always", default="200")
parser.add_argument("--bytes-max", type=int, default=1 << 30)
parser.add_argument("--hang-seconds", type=float, default=30)
options = parser.parse_args()
script = [answer for answer in options.script.split(",") if answer]
lock = threading.Lock()
output = open(options.file, "a")
arrivals = open(options.file + ".requests", "a")

def value(any_value):
    """With its type, so that 1 and 1.0 and "1" differ."""
    kind = any_value.WhichOneof("value")
    content = getattr(any_value, kind) if kind else None
    if kind == "array_value":
        content = [value(element) for element in content.values]
    elif kind == "kvlist_value":
        content = {member.key: value(member.value) for member in content.values}
    elif kind == "bytes_value":
        content = content.hex()
    elif kind == "double_value":
        content = repr(content)
    return [kind.removesuffix("_value") if kind else None, content]

def attributes(members):
    keys = [member.key for member in members]
    assert len(keys) == len(set(keys)), keys
    return {member.key: value(member.value) for member in members}

def keep(request):
    count = 0
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                count += 1
                print(json.dumps({
                    "resource": attributes(resource.resource.attributes), "scope": scope.scope.name,
                    "scope_attributes": attributes(scope.scope.attributes), "event": record.event_name,
                    "time": record.time_unix_nano, "observed": record.observed_time_unix_nano,
                    "severity": record.severity_number, "severity_text": record.severity_text,
                    "attributes": attributes(record.attributes)}), file=output)
    output.flush()
    return count

class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/x-protobuf", self.headers
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = logs_service_pb2.ExportLogsServiceRequest.FromString(body)
        with lock:
            answer = script.pop(0) if script else options.always if len(body) <= options.bytes_max else "413"
            print(json.dumps({"at": time.monotonic(), "answer": answer, "path": self.path,
                              "authorization": self.headers.get("Authorization"),
                              "encoding": self.headers.get("Content-Encoding"), "bytes": len(body)}),
                  file=arrivals, flush=True)
            if answer in ("200", "partial", "lose"):
                keep(request)
        if answer == "hang":
            time.sleep(options.hang_seconds)
        if answer in ("hang", "lose"):
            self.close_connection = True
            return
        response = logs_service_pb2.ExportLogsServiceResponse()
        if answer == "partial":
            response.partial_success.rejected_log_records = 1
            response.partial_success.error_message = "one is odd"
        if answer == "none":
            response.partial_success.rejected_log_records = sum(
                len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)
            response.partial_success.error_message = "all are odd"
        content = response.SerializeToString()
        status, _, more = answer.partition(":")
        self.send_response(200 if answer in ("partial", "none") else int(status))
        if more and status == "429":
            date = email.utils.formatdate(time.time() + 2, usegmt=True)
            self.send_header("Retry-After", date if more == "date" else more)
        elif more:
            content = more.encode()
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def finish_request(self, request, address):
        try:
            request.do_handshake()
        except OSError as error:
            print("handshake:", error, file=sys.stderr, flush=True)
            return
        super().finish_request(request, address)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(options.certificate, options.key)
if options.client_ca:
    context.load_verify_locations(options.client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
server = Server(("127.0.0.1", options.port), Collector)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("listens", flush=True)
server.serve_forever()
