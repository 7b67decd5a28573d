"""A feed that is computed and not stored: what any lane has at any time follows from arithmetic.

Three hosts with 200 streams have had 10 million events within an hour; after that, time goes on as the server's clock says.
A stream's rate changes each second. Event n of a stream is where the integral of its rate reaches n plus a jitter below 1,
so that counting is two look-ups, and an event's time one.
"""

import bisect
import re

BEGIN = 1_795_428_800_000_000_000
SECOND = 1_000_000_000
HISTORY_SECONDS = 3600
TABLE_SECONDS = 8192
NAMES = ["sched_switch", "sched_wakeup", "irq_handler_entry", "irq_handler_exit", "http:request", "http:response",
         "net_dev_queue", "block_rq_complete"]
# Relay, host, sessions: name and streams.
HOSTS = [
    ("alpha", "web-1", [("kernel", 64), ("shop", 16)]),
    ("beta", "web-2", [("kernel", 64), ("shop", 16)]),
    ("gamma", "db-1", [("kernel", 32), ("postgres", 8)]),
]
TOTAL = 10_010_000
EXCLUDED = (BEGIN + 3000 * SECOND, BEGIN + 3120 * SECOND)


def mix(value):
    value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    value = (value ^ (value >> 29)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    return value ^ (value >> 32)


def jitter(lane, number):
    return (mix(lane << 40 ^ number) >> 40) / (1 << 24) * 0.95


class Stream:
    def __init__(self, lane, number, weight):
        self.id, self.number = lane, number
        phase = mix(lane) % 997
        rates, level = [], 1.0
        for second in range(TABLE_SECONDS):
            noise = mix(lane << 20 | second) % 1000 / 1000
            if second % 97 == phase % 97:
                level = 0.3 + 1.4 * (mix(lane * 7919 + second) % 1000 / 1000)
            burst = 9 if mix(second // 20 ^ 0x55) % 41 == 0 and number % 3 != 1 else 1
            pause = 0 if mix((second // 45) << 12 | lane) % 11 == 0 else 1
            rates.append(weight * level * burst * pause * (0.5 + noise))
        scale = 1.0
        self.sums = [0.0]
        for rate in rates:
            self.sums.append(self.sums[-1] + rate * scale)

    def scale(self, factor):
        self.sums = [value * factor for value in self.sums]

    def integral(self, time):
        whole = (time - BEGIN) // SECOND
        if whole < 0:
            return 0.0
        if whole >= TABLE_SECONDS:
            return self.sums[-1]
        below = self.sums[whole]
        return below + (self.sums[whole + 1] - below) * ((time - BEGIN - whole * SECOND) / SECOND)

    def below(self, time):
        """How many events are older than a time."""
        value = self.integral(time)
        number = int(value)
        return number + 1 if number + jitter(self.id, number) < value else number

    def time(self, number):
        """The first nanosecond at which event `number` counts as passed, less one: its time."""
        value = number + jitter(self.id, number)
        second = min(bisect.bisect_right(self.sums, value) - 1, TABLE_SECONDS - 1)
        step = self.sums[second + 1] - self.sums[second]
        time = BEGIN + second * SECOND + int((value - self.sums[second]) / step * SECOND)
        while self.below(time + 1) <= number:
            time += 1
        while time > BEGIN and self.below(time) > number:
            time -= 1
        return time


class Filter:
    """A part of the filter language: comparisons of names and of `cpu` and `seqno`, joined by `&&`."""

    CLAUSE = re.compile(r'\s*(\$host|\$session|\$relay|\$name|\$cpu|seqno)\s*(==|!=|>=|<)\s*("[^"]*"|\d+)\s*')

    def __init__(self, text):
        self.clauses, at = [], 0
        while True:
            found = self.CLAUSE.match(text, at)
            if not found:
                blank = len(text) - len(text[at:].lstrip())
                raise FilterError("expected a comparison", blank + 1)
            subject, operator, value = found.groups()
            self.clauses.append((subject, operator, value[1:-1] if value[0] == '"' else int(value)))
            at = found.end()
            if at == len(text):
                break
            if not text.startswith("&&", at):
                raise FilterError("expected && or the end", at + 1)
            at += 2
        wanted = set(range(len(NAMES)))
        for subject, operator, value in self.clauses:
            if subject == "$name":
                wanted &= {index for index, name in enumerate(NAMES) if self.compare(operator, name, value)}
        self.names = wanted
        self.lanes_only = all(subject in ("$host", "$session", "$relay") for subject, _, _ in self.clauses)

    @staticmethod
    def compare(operator, left, right):
        if isinstance(left, str) != isinstance(right, str):
            return False
        if isinstance(right, str) and right.endswith("*"):
            equal = left.startswith(right[:-1])
        else:
            equal = left == right
        return {"==": equal, "!=": not equal, ">=": left >= right, "<": left < right}[operator]

    def wants_stream(self, feed, stream):
        session = feed.nodes[feed.nodes[stream.id]["parent"]]
        host = feed.nodes[session["parent"]]
        values = {"$host": host["name"], "$relay": host["relay"], "$session": session["name"], "$cpu": stream.number}
        return all(self.compare(operator, values[subject], value)
                   for subject, operator, value in self.clauses if subject in values)

    def count(self, below, above):
        """How many numbers of [below, above) have a wanted name; `seqno` is not looked at."""
        if len(self.names) == len(NAMES):
            return above - below
        size = len(NAMES)
        return sum((above - name + size - 1) // size - (below - name + size - 1) // size for name in self.names)

    def wants(self, number):
        return number % len(NAMES) in self.names and all(
            self.compare(operator, number, value) for subject, operator, value in self.clauses if subject == "seqno")


class FilterError(Exception):
    def __init__(self, message, column):
        super().__init__(message)
        self.column = column


class Feed:
    def __init__(self):
        self.nodes, self.streams, self.hosts = {}, [], []
        lane = 0
        for relay, host, sessions in HOSTS:
            lane += 1
            parent = lane
            self.nodes[lane] = {"id": lane, "parent": 0, "kind": "host", "name": host, "relay": relay}
            self.hosts.append(lane)
            for session_number, (session, streams) in enumerate(sessions):
                lane += 1
                above = lane
                self.nodes[lane] = {"id": lane, "parent": parent, "kind": "session", "name": session,
                                    "session_id": session_number + 1}
                for number in range(streams):
                    lane += 1
                    path = "kernel" if session == "kernel" else "ust/uid/1000/64-bit"
                    self.nodes[lane] = {"id": lane, "parent": above, "kind": "stream", "name": "channel0", "cpu": number,
                                        "stream": number, "path": path, "trace": f"2a6422d0-6cee-11e0-8c08-{lane:012x}"}
                    self.streams.append(Stream(lane, number, 6 / (1 + number % 16) + (0.4 if session == "kernel" else 2)))
        factor = TOTAL / sum(stream.below(BEGIN + HISTORY_SECONDS * SECOND) for stream in self.streams)
        for stream in self.streams:
            stream.scale(factor)
        self.by_id = {stream.id: stream for stream in self.streams}
        self.under = {lane: [] for lane in [0, *self.nodes]}
        for stream in self.streams:
            at = stream.id
            while at:
                self.under[at].append(stream)
                at = self.nodes[at]["parent"]
            self.under[0].append(stream)
        # Events that left behind the watermark: number in their stream, and by how much.
        self.late = {}
        for index in range(18):
            stream = self.streams[(index * 37 + 5) % len(self.streams)]
            number = stream.below(BEGIN + (300 + index * 180) * SECOND)
            self.late[(stream.id, number)] = 1_000_000 * (index + 1) + index
        self.lost = [
            {"kind": "lost", "lane": self.streams[163].id, "unit": "events", "count": 512, "from": BEGIN + 2100 * SECOND,
             "to": BEGIN + 2112 * SECOND, "cause": "tracer", "reason": "the tracer had no room"},
            {"kind": "lost", "lane": self.streams[3].id, "unit": "packets", "count": None, "from": BEGIN + 3540 * SECOND,
             "to": BEGIN + 3541 * SECOND, "cause": "delivery", "reason": "its relay no longer had it"},
        ]
        self.late_times = sorted((self.by_id[lane].time(number), lane, number, amount)
                                 for (lane, number), amount in self.late.items())

    def host_of(self, lane):
        while self.nodes[lane]["parent"]:
            lane = self.nodes[lane]["parent"]
        return lane

    def counts(self, ids, edges, end_of, wanted):
        """Events of lanes between each two of the edges. `end_of` says up to where a stream's events are out."""
        by_stream = {}
        for lane in ids:
            sums = [0] * (len(edges) - 1)
            for stream in self.under.get(lane, []):
                if stream.id not in by_stream:
                    by_stream[stream.id] = self.stream_counts(stream, edges, end_of(stream.id), wanted)
                part = by_stream[stream.id]
                if part:
                    sums = [left + right for left, right in zip(sums, part)]
            yield lane, sums

    def stream_counts(self, stream, edges, end, wanted):
        if edges[0] >= end or wanted and not wanted.wants_stream(self, stream):
            return None
        passed = [stream.below(edge if edge < end else end) for edge in edges]
        if passed[0] == passed[-1]:
            return None
        count = wanted.count if wanted else lambda below, above: above - below
        return [count(below, above) if above > below else 0 for below, above in zip(passed, passed[1:])]

    def events(self, begin, end, lanes, wanted, limit):
        """(time, lane, number) of the range's events in order, up to a limit, and whether there are more."""
        found = []
        streams = {stream.id: stream for lane in lanes for stream in self.under.get(lane, [])}
        for stream in streams.values():
            if wanted and not wanted.wants_stream(self, stream):
                continue
            first, last = stream.below(begin), stream.below(end)
            for number in range(first, min(last, first + limit + 1)):
                if not wanted or wanted.wants(number):
                    found.append((stream.time(number), stream.id, number))
        found.sort()
        return found[:limit], len(found) > limit

    def line(self, lane, number):
        node = self.nodes[lane]
        session = self.nodes[node["parent"]]
        host = self.nodes[session["parent"]]
        time = self.by_id[lane].time(number)
        late = f',"late":{self.late[(lane, number)]}' if (lane, number) in self.late else ""
        return (
            f'{{"type":"event","ts":{time},"relay":"{host["relay"]}","host":"{host["name"]}","session":"{session["name"]}",'
            f'"session_id":{session["session_id"]},"trace":"{node["trace"]}","stream":{node["stream"]},"stream_class":0,'
            f'"cpu":{node["cpu"]},"name":"{NAMES[number % len(NAMES)]}","level":6,'
            f'"stream_context":{{"vpid":{4000 + node["cpu"]},"procname":"worker-{node["cpu"]}"}},'
            f'"fields":{{"seqno":{number},"address":18446744073709551615,"message":"<b>tide</b> {number}\\n","ratio":0.5,'
            f'"state":{{"value":1,"labels":["RUNNING"]}},"flags":[1,2,3]}}{late}}}')
