#!/usr/bin/python3
"""Compares events that `tidemark view --format json` printed with what babeltrace2's Python bindings read from the stored
traces, value by value and in the same order.
usage: compare_events.py LINES DIRECTORY... [--without-fields EVENT]
Prints how many events are equal; where two differ it prints both and fails. With --without-fields, events of that name
are compared but for their payload."""
import argparse, itertools, json, math, struct, sys
import bt2

def text(string):
    # Bytes that are no UTF-8 come as lone surrogates.
    return string.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

def value(field):
    """As our JSON has it."""
    if field is None:
        return None
    kind = field.cls
    if isinstance(kind, bt2._EnumerationFieldClassConst):
        return {"value": int(field), "labels": [text(label) for label in field.labels]}
    if isinstance(kind, bt2._BoolFieldClassConst):
        return bool(field)
    if isinstance(kind, bt2._IntegerFieldClassConst):
        return int(field)
    if isinstance(kind, bt2._RealFieldClassConst):
        real = float(field)
        return real if math.isfinite(real) else "NaN" if math.isnan(real) else "Infinity" if real > 0 else "-Infinity"
    if isinstance(kind, bt2._StringFieldClassConst):
        return text(str(field))
    if isinstance(kind, bt2._StructureFieldClassConst):
        return {text(name): value(field[name]) for name in field}
    if isinstance(kind, bt2._VariantFieldClassConst):
        return value(field.selected_option)
    if isinstance(kind, bt2._OptionFieldClassConst):
        return value(field.field)
    return [value(element) for element in field]

def read(message):
    event = message.event
    stream, trace = event.stream, event.stream.trace
    packet = value(event.packet.context_field) if stream.cls.supports_packets else None
    members = {
        "type": "event", "name": text(event.name), "level": event.cls.log_level,
        "host": trace.environment.get("hostname") and text(str(trace.environment["hostname"])),
        "trace": trace.uuid and str(trace.uuid), "stream": stream.id, "stream_class": stream.cls.id,
        "cpu": (packet or {}).get("cpu_id"), "packet": packet, "stream_context": value(event.common_context_field),
        "context": value(event.specific_context_field), "fields": value(event.payload_field),
    }
    members = {name: member for name, member in members.items() if member not in (None, {})}
    members["ts"] = message.default_clock_snapshot.ns_from_origin if stream.cls.default_clock_class else None
    return members

def equal(left, right):
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        # Members have an order.
        return list(left) == list(right) and all(equal(left[name], right[name]) for name in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right)
    return left == right

def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("lines")
    parser.add_argument("directories", nargs="+")
    parser.add_argument("--without-fields")
    arguments = parser.parse_args()
    messages = bt2.TraceCollectionMessageIterator(arguments.directories)
    events = (message for message in messages if type(message) is bt2._EventMessageConst)
    count = 0
    for line, message in itertools.zip_longest(open(arguments.lines, encoding="utf-8"), events):
        if line is None or message is None:
            sys.exit(f"after {count} events {'babeltrace2 has' if line is None else 'there are'} more")
        ours, theirs = json.loads(line), read(message)
        # What a directory does not say, or says otherwise.
        for name in ("relay", "session", "session_id"):
            ours.pop(name, None)
        if ours["name"] == arguments.without_fields:
            ours.pop("fields"), theirs.pop("fields")
        differing = [name for name in sorted({*ours, *theirs}) if not equal(ours.get(name), theirs.get(name))]
        if differing:
            sys.exit(f"event {count + 1}, {ours['name']}:\n" + "\n".join(
                f"{name}: {json.dumps(ours.get(name))}\nshould be {json.dumps(theirs.get(name))}" for name in differing))
        count += 1
    print(count)

main()
