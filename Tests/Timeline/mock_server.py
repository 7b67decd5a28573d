#!/usr/bin/env python3
"""Serves the timeline page, and its API from a computed feed (`mock_feed.py`): for the page's development and its tests.

    mock_server.py [--port 7481] [--live] [--delay MILLISECONDS] [--page DIRECTORY]

Prints its address. Without `--live` time stands still at the end of the history. `/mock/stop?relay=beta` has a relay stand
still, `/mock/exclude` has it excluded, `/mock/resume` has it go on.
"""

import argparse
import gzip
import json
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from mock_feed import BEGIN, EXCLUDED, HISTORY_SECONDS, NAMES, SECOND, Feed, Filter, FilterError

PAGE = Path(__file__).resolve().parent.parent.parent / "Sources" / "Web" / "Page"
KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'")


class Refusal(Exception):
    def __init__(self, status, code, message, column=None, progress=None):
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message, **({"column": column} if column else {}),
                      **({"progress": progress} if progress is not None else {})}


class Clock:
    """The feed's time, and how far each relay has come."""

    def __init__(self, feed, live):
        self.feed, self.live, self.lock = feed, live, threading.Lock()
        self.start = time.monotonic_ns()
        self.stopped, self.excluded, self.spans = {}, {}, []
        self.generation = f"mock-{self.start}"
        self.calls = {}
        # How often live updates have been broken off.
        self.breaks = 0

    def now(self):
        base = BEGIN + HISTORY_SECONDS * SECOND
        return base + (time.monotonic_ns() - self.start if self.live else 0)

    def frontier(self, host):
        relay = self.feed.nodes[host]["relay"]
        behind = 300_000_000 + 250_000_000 * self.feed.hosts.index(host)
        return self.stopped.get(relay, self.now() - behind)

    def relay_state(self, relay):
        if relay in self.excluded:
            return "excluded", "no answer for 30 s"
        if relay in self.stopped:
            return "lagging", "no answer"
        return "active", ""

    def watermark(self):
        return min(self.frontier(host) for host in self.feed.hosts
                   if self.feed.nodes[host]["relay"] not in self.excluded)

    def end_of(self, lane):
        """Up to where a lane's events are out."""
        return min(self.watermark(), self.frontier(self.feed.host_of(lane))) if lane else self.watermark()

    def holder(self):
        for host in self.feed.hosts:
            node = self.feed.nodes[host]
            if node["relay"] in self.stopped and node["relay"] not in self.excluded:
                held = self.now() - self.stopped[node["relay"]]
                if held > 2 * SECOND:
                    return {"relay": node["relay"], "host": node["name"], "session": "", "lane": host, "held_ns": held}
        return None

    def marks(self):
        gamma = self.feed.hosts[2]
        spans = [{"kind": "excluded", "lane": gamma, "relay": "gamma", "from": EXCLUDED[0], "to": EXCLUDED[1],
                  "reason": "no answer for 30 s"}, *self.spans]
        return [{**mark, "from": str(mark["from"]), "to": str(mark["to"]) if mark["to"] else None}
                for mark in spans + self.feed.lost]

    def control(self, action, relay):
        with self.lock:
            host = next(host for host in self.feed.hosts if self.feed.nodes[host]["relay"] == relay)
            if action == "stop":
                self.stopped[relay] = self.frontier(host)
            elif action == "exclude":
                self.stopped.setdefault(relay, self.frontier(host))
                self.excluded[relay] = {"kind": "excluded", "lane": host, "relay": relay, "from": self.stopped[relay],
                                        "to": None, "reason": "no answer for 30 s"}
                self.spans.append(self.excluded[relay])
            elif action == "resume":
                self.stopped.pop(relay, None)
                span = self.excluded.pop(relay, None)
                if span:
                    span["to"] = self.watermark()


class Answers:
    """What each call answers; one method each."""

    def __init__(self, feed, clock):
        self.feed, self.clock = feed, clock
        # How many columns more each call of a filter that has to be looked for knows.
        self.pace = 200

    def lane_record(self, node, end):
        lane = node["id"]
        streams = self.feed.under[lane]
        events = sum(stream.below(min(end, self.clock.end_of(stream.id))) for stream in streams)
        late = sum(1 for _, stream, _, _ in self.feed.late_times if self.feed.by_id[stream] in streams)
        lost = sum(1 for mark in self.feed.lost if self.feed.by_id[mark["lane"]] in streams)
        record = {**node, "state": "active", "reason": "", "events": events, "late": late, "lost": lost,
                  "first": str(min(stream.time(0) for stream in streams)) if events else None, "last": str(end)}
        if node["kind"] == "host":
            index = self.feed.hosts.index(lane)
            record["state"], record["reason"] = self.clock.relay_state(node["relay"])
            record["frontier"] = str(self.clock.frontier(lane))
            record["clock"] = [
                {"quality": "approximate", "lower_ns": -180_000, "upper_ns": 240_000, "drift_ppb": 1200,
                 "drift_error_ppb": 300, "correction_ns": 0, "spread_ns": 90, "reference": ""},
                {"quality": "accurate", "lower_ns": 2_410_000, "upper_ns": 2_530_000, "drift_ppb": -18_000,
                 "drift_error_ppb": 40, "correction_ns": 0, "spread_ns": 0, "reference": ""},
                {"quality": "one-sided", "lower_ns": None, "upper_ns": 900_000, "drift_ppb": None, "drift_error_ppb": 0,
                 "correction_ns": -400_000, "spread_ns": 0, "reference": ""}][index]
        return record

    def totals(self):
        return sum(stream.below(self.clock.end_of(stream.id)) for stream in self.feed.streams)

    def feed_state(self, _):
        now, w = self.clock.now(), self.clock.watermark()
        relays = []
        for host in self.feed.hosts:
            relay = self.feed.nodes[host]["relay"]
            state, reason = self.clock.relay_state(relay)
            relays.append({"relay": relay, "state": state, "reason": reason, "frontier": str(self.clock.frontier(host)),
                           "since": str(BEGIN)})
        return {"feed": "6c1b", "generation": self.clock.generation, "now": str(now), "watermark": str(w),
                "begin": str(BEGIN), "end": str(w), "events": self.totals(), "late": len(self.feed.late),
                "lost": {"records": 2, "events": 512, "unknown": 1}, "holder": self.clock.holder(),
                "log": {"condition": "writing", "reason": ""}, "levels": {"least": 16, "greatest": 43},
                "limits": {"columns": 1024, "lanes": 512, "events": 20000}, "relays": relays}

    def lanes(self, _):
        end = self.clock.watermark()
        return {"generation": self.clock.generation, "next": None,
                "lanes": [self.lane_record(node, end) for node in self.feed.nodes.values()]}

    def density(self, query):
        level, columns = number(query, "level", 16, 43), number(query, "columns", 1, 1024)
        begin, size = number(query, "from", 0, 1 << 63), 1 << level
        if begin % size:
            raise Refusal(400, "range", "from is not a multiple of the column")
        ids, wanted = self.lane_list(query), self.filter(query)
        edges = [begin + size * column for column in range(columns + 1)]
        w = self.clock.watermark()
        ends = {host: min(w, self.clock.frontier(host)) for host in self.feed.hosts}
        end_of = lambda lane: ends[self.feed.host_of(lane)]
        known, flags = columns, 1 if edges[-1] <= w else 0
        if wanted and not wanted.lanes_only:
            key = (query["filter"][0], level, begin)
            self.clock.calls[key] = self.clock.calls.get(key, 0) + 1
            known = min(columns, 200 + self.pace * (self.clock.calls[key] - 1))
            flags |= 2 if known < columns else 0
        body, lanes, before = bytearray(), 0, 0
        ids = [lane for lane in sorted(set(ids)) if not lane or lane in self.feed.nodes]
        for lane, counts in self.feed.counts(ids, edges[:known + 1], end_of, wanted):
            planes = self.planes(lane, counts, edges, wanted)
            if any(planes):
                varint(body, lane - before)
                for plane in planes:
                    body += plane or b"\0"
                before, lanes = lane, lanes + 1
        head = struct.pack("<4sBBHqHHI", b"TMD1", level, flags, columns, w, 0, known, lanes)
        return head + bytes(body)

    def planes(self, lane, counts, edges, wanted):
        known = len(counts)
        under = {stream.id for stream in self.feed.under[lane]}
        late, lost = [0] * known, [0] * known
        size = edges[1] - edges[0]
        for when, stream, _, _ in self.feed.late_times:
            if stream in under and edges[0] <= when < edges[known] and not wanted:
                late[(when - edges[0]) // size] += 1
        for mark in self.feed.lost:
            if mark["lane"] in under and edges[0] <= mark["to"] < edges[known]:
                lost[(mark["to"] - edges[0]) // size] += 1
        return [pairs(plane) for plane in (counts, late, lost)]

    def events(self, query):
        begin, end = number(query, "from", 0, 1 << 63), number(query, "to", 0, 1 << 63)
        limit = number(query, "limit", 1, 20000) if "limit" in query else 5000
        if "after" in query:
            begin = int(query["after"][0])
        until = min(end, self.clock.watermark())
        ids = self.lane_list(query) if "lanes" in query else [0]
        found, more = self.feed.events(begin, until, ids, self.filter(query), limit)
        answer = {"watermark": str(self.clock.watermark()), "base": str(found[0][0] if found else begin), "names": NAMES,
                  "dt": [], "lane": [], "name": [], "seq": [], "index": [], "late": [], "next": None,
                  "known_to": str(end)}
        last_time, last_lane = int(answer["base"]), 0
        for position, (when, lane, event) in enumerate(found):
            answer["dt"].append(when - last_time)
            answer["lane"].append(lane)
            answer["name"].append(event % len(NAMES))
            answer["seq"].append(lane - last_lane)
            answer["index"].append(event)
            if (lane, event) in self.feed.late:
                answer["late"].append([position, self.feed.late[(lane, event)]])
            last_time, last_lane = when, lane
        if more:
            answer["next"] = answer["known_to"] = str(found[-1][0] + 1)
        return answer

    def event(self, name):
        lane, event = (int(part) for part in name.split("."))
        if lane not in self.feed.by_id:
            raise Refusal(404, "gone", "the event is not kept any more")
        return f'{{"id":"{name}","lane":{lane},"event":{self.feed.line(lane, event)}}}'.encode()

    def search(self, query):
        origin, forward = query["from"][0], query["direction"][0] == "next"
        ids, wanted = self.lane_list(query) if "lanes" in query else [0], self.filter(query)
        best = None
        streams = {stream.id: stream for lane in ids for stream in self.feed.under.get(lane, [])}
        after = None
        if "." in origin:
            lane, event = (int(part) for part in origin.split("."))
            when = self.feed.by_id[lane].time(event)
            after = (when, lane, event)
        else:
            when = int(origin)
        for stream in streams.values():
            if wanted and not wanted.wants_stream(self.feed, stream):
                continue
            event = stream.below(when) if forward else stream.below(when + (1 if after else 0)) - 1
            limit = stream.below(self.clock.end_of(stream.id))
            for _ in range(20000):
                if event < 0 or event >= limit:
                    break
                key = (stream.time(event), stream.id, event)
                beside = after is None or (key > after if forward else key < after)
                if beside and (not wanted or wanted.wants(event)):
                    if best is None or (key < best if forward else key > best):
                        best = key
                    break
                event += 1 if forward else -1
        if best is None:
            return {"found": None, "next": None, "scanned_to": str(when)}
        when, lane, event = best
        return {"found": {"id": f"{lane}.{event}", "ts": str(when), "lane": lane, "name": NAMES[event % len(NAMES)],
                          "late_ns": self.feed.late.get((lane, event), 0)}, "next": None, "scanned_to": str(when)}

    def counts(self, query):
        begin, end = number(query, "from", 0, 1 << 63), number(query, "to", 0, 1 << 63)
        if begin >= end:
            raise Refusal(400, "range", "the range is empty")
        wanted, rows = self.filter(query), []
        for lane, (events,) in self.feed.counts([0, *self.feed.nodes], [begin, end], self.clock.end_of, wanted):
            under = {stream.id for stream in self.feed.under[lane]}
            late = sum(1 for when, stream, _, _ in self.feed.late_times if stream in under and begin <= when < end)
            lost = sum(1 for mark in self.feed.lost if mark["lane"] in under and begin <= mark["to"] < end)
            if events or late or lost:
                rows.append([lane, events, late, lost])
        return {"from": str(begin), "to": str(end), "complete": end <= self.clock.watermark(), "known_to": str(end),
                "next": None, "lanes": rows}

    def marks(self, _):
        return {"marks": self.clock.marks(), "more": False}

    def filter_check(self, query):
        wanted = Filter_of(query["expression"][0])
        answer = {"ok": True}
        if wanted.lanes_only:
            answer["lanes"] = [stream.id for stream in self.feed.streams if wanted.wants_stream(self.feed, stream)]
        return answer

    def lane_list(self, query):
        ids = []
        for part in query["lanes"][0].split(","):
            first, _, last = part.partition("-")
            ids.extend(range(int(first), int(last or first) + 1))
        if len(ids) > 512:
            raise Refusal(400, "range", "too many lanes")
        return ids

    def filter(self, query):
        return Filter_of(query["filter"][0]) if "filter" in query else None

    def tick(self, last):
        w = self.clock.watermark()
        frontiers = [[host, str(self.clock.frontier(host))] for host in self.feed.hosts]
        rows = [[lane, sum(stream.below(self.clock.end_of(stream.id)) for stream in self.feed.under[lane]), 0, 0, str(w)]
                for lane in self.feed.hosts]
        return {"now": str(self.clock.now()), "begin": str(BEGIN), "watermark": str(w), "end": str(w), "events": self.totals(),
                "late": len(self.feed.late), "lost": 2, "changed": [[str(last), str(w)]] if w > last else [],
                "lanes": rows, "frontiers": frontiers}


def Filter_of(text):
    try:
        return Filter(text)
    except FilterError as error:
        raise Refusal(400, "filter", str(error), error.column) from error


def number(query, name, least, most):
    try:
        value = int(query[name][0])
    except (KeyError, ValueError) as error:
        raise Refusal(400, "parameter", name) from error
    if not least <= value <= most:
        raise Refusal(400, "range", f"{name} is out of range")
    return value


def varint(body, value):
    while value > 127:
        body.append(value & 127 | 128)
        value >>= 7
    body.append(value)


def pairs(plane):
    """A plane's bytes; empty when all of it is 0."""
    body, before, count = bytearray(), -1, 0
    for column, value in enumerate(plane):
        if value:
            varint(body, column - before - 1)
            varint(body, value)
            before, count = column, count + 1
    if not count:
        return b""
    head = bytearray()
    varint(head, count)
    return bytes(head + body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that goes away is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        try:
            if self.server.token and url.path.startswith("/api/") and \
                    self.headers.get("Authorization") != f"Bearer {self.server.token}":
                raise Refusal(401, "identity", "a token is needed")
            if self.server.starting > 0 and url.path.startswith("/api/"):
                self.server.starting -= 1
                raise Refusal(503, "starting", "the log is read", progress=1 - self.server.starting / 10)
            if url.path == "/api/live":
                self.live()
                return
            time.sleep(self.server.delay)
            self.answer(url.path, query)
        except Refusal as refusal:
            self.send(refusal.status, "application/json", json.dumps({"error": refusal.error}).encode())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, path, query):
        answers = self.server.answers
        calls = {"/api/feed": answers.feed_state, "/api/lanes": answers.lanes, "/api/density": answers.density,
                 "/api/events": answers.events, "/api/search": answers.search, "/api/counts": answers.counts,
                 "/api/marks": answers.marks, "/api/filter": answers.filter_check}
        if path in calls:
            body = calls[path](query)
            if isinstance(body, dict):
                self.send(200, "application/json", json.dumps(body, separators=(",", ":")).encode())
            else:
                self.send(200, "application/octet-stream", body)
        elif path.startswith("/api/event/"):
            self.send(200, "application/json", answers.event(path[len("/api/event/"):]))
        elif path.startswith("/api/export"):
            self.server.exports += 1
            self.send(200, "application/octet-stream", b"export\n")
        elif path.startswith("/mock/"):
            self.server.answers.clock.control(path[len("/mock/"):], query["relay"][0])
            self.send(200, "application/json", b"{}")
        else:
            file = self.server.page / (path.lstrip("/") or "index.html")
            if file.suffix not in KINDS or ".." in path or not file.is_file():
                raise Refusal(404, "gone", "no such file")
            self.send(200, KINDS[file.suffix], file.read_bytes())

    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if len(body) > 8192 and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def live(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        answers = self.server.answers
        last, before, breaks = answers.clock.watermark(), None, answers.clock.breaks
        while breaks == answers.clock.breaks:
            state = answers.feed_state(None)
            shape = [(relay["relay"], relay["state"]) for relay in state["relays"]] + [bool(state["holder"])]
            if shape != before:
                self.message("feed", state)
                end = answers.clock.watermark()
                self.message("lanes", {"lanes": [answers.lane_record(answers.feed.nodes[host], end)
                                                 for host in answers.feed.hosts]})
                for mark in answers.clock.marks():
                    self.message("mark", mark)
                before = shape
            tick = answers.tick(last)
            last = int(tick["watermark"])
            self.message("tick", tick)
            time.sleep(0.2 if answers.clock.live else 1)

    def message(self, event, data):
        text = json.dumps(data, separators=(",", ":"))
        self.wfile.write(f"event: {event}\ndata: {text}\n\n".encode())
        self.wfile.flush()


def serve(port=0, live=False, delay=0.0, page=PAGE):
    """A server that has not been started."""
    feed = Feed()
    server = Server(("127.0.0.1", port), Handler)
    server.answers = Answers(feed, Clock(feed, live))
    server.delay, server.page, server.token = delay, Path(page), None
    # So many calls are told that the server is still starting.
    server.starting = server.exports = 0
    return server


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=7481)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--page", default=PAGE)
    arguments = parser.parse_args()
    server = serve(arguments.port, arguments.live, arguments.delay / 1000, arguments.page)
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
