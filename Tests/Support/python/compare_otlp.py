#!/usr/bin/python3
"""Compares the records that otlp_collector.py kept with the JSON lines of the same events, value by value and in order.
usage: compare_otlp.py RECORDS LINES
Records of one place in the feed count once. Prints a JSON object of counts: events, twice (records that came again), and
how many values there were of each type; where two differ it prints both and fails."""
import base64, collections, json, sys

kinds = collections.Counter()

def plain(typed):
    kind, content = typed
    kinds[kind] += 1
    if kind == "array":
        return [plain(element) for element in content]
    if kind == "kvlist":
        return {key: plain(value) for key, value in content.items()}
    if kind == "bytes":
        return base64.b64encode(bytes.fromhex(content)).decode()
    if kind == "double":
        return float(content)
    return content

def same(found, expected):
    """As JSON lines have it: numbers that are no finite reals are texts there, and large integers are texts here."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and found.keys() == expected.keys() and all(
            same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, float):
        return str(found).replace("nan", "NaN").replace("inf", "Infinity") == expected or (
            not isinstance(expected, bool) and isinstance(expected, (int, float)) and found == expected)
    if isinstance(expected, int) and not isinstance(expected, bool) and expected >= 1 << 63:
        return found == str(expected)
    return type(found) is type(expected) and found == expected

records, total = {}, 0
for line in open(sys.argv[1]):
    record = json.loads(line)
    ours = {key: plain(record["attributes"].pop("tidemark." + key)) for key in
            ("epoch", "sequence", "index", "stream", "cpu", "late_ns") if "tidemark." + key in record["attributes"]}
    record["ours"], total = ours, total + 1
    records[record["resource"]["tidemark.feed"][1], ours["epoch"], ours["sequence"], ours["index"]] = record

lines = [json.loads(line) for line in open(sys.argv[2])]
for place, line in zip(sorted(records), lines):
    record = records[place]
    found = {"ts": record["time"], "host": plain(record["resource"]["host.name"]),
             "relay": plain(record["resource"]["tidemark.relay"]), "name": record["event"],
             "session": plain(record["scope_attributes"]["tidemark.session"]),
             "trace": plain(record["scope_attributes"]["tidemark.trace"]), "stream": record["ours"]["stream"],
             "cpu": record["ours"].get("cpu")}
    expected = {key: line.get(key) for key in found}
    for scope, prefix in (("context", "context."), ("stream_context", "stream_context."), ("fields", "")):
        expected.update({prefix + key: value for key, value in line.get(scope, {}).items()})
    found.update({key: plain(value) for key, value in record["attributes"].items()})
    if not same(found, expected) or record["observed"] == 0 or record["scope"] != line["session"]:
        print(f"differ at {place}\n{record}\n{found}\n{line}")
        sys.exit(1)
if len(records) != len(lines):
    print(f"{len(records)} records, {len(lines)} lines")
    sys.exit(1)
print(json.dumps({"events": len(records), "twice": total - len(records), "kinds": kinds,
                  "severities": collections.Counter(
                      f"{record['severity']} {record['severity_text']}" for record in records.values())}))
