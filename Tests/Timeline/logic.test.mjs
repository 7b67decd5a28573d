// What of the page needs no browser: times, the view, counts, exact JSON, the address, the tree of lanes.
//
//     node --experimental-default-type=module --test Tests/Timeline/logic.test.mjs

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { readAddress, writeAddress } from "../../Sources/Web/Page/address.js";
import { messagesOf } from "../../Sources/Web/Page/api.js";
import { EMPTY_LANE, lanesText, readDensity, shadeOf } from "../../Sources/Web/Page/density.js";
import { EventStore, EventTile, firstFrom } from "../../Sources/Web/Page/event-tiles.js";
import { ExactNumber, memberText, readExactJSON } from "../../Sources/Web/Page/exact-json.js";
import { LaneTree, matchScore } from "../../Sources/Web/Page/lanes.js";
import { axisStep, axisText, clockText, countText, dateText, durationText, rfc3339, setAnchor, toNs, toOffset, zone } from "../../Sources/Web/Page/time.js";
import { TileStore } from "../../Sources/Web/Page/tiles.js";
import { levelFor, SPAN_LEAST, View } from "../../Sources/Web/Page/view.js";

const BEGIN = "1795428800000000123";
zone.utc = true;
setAnchor(BEGIN);

test("times go to numbers and back to the nanosecond, over weeks", () => {
    for (const text of [BEGIN, "1795428800000000124", "1795432391802244545", "1797900000000000001"]) assert.equal(toNs(toOffset(text)), text);
    assert.equal(toOffset("1795428800000000124") - toOffset(BEGIN), 1);
    assert.ok(toOffset(BEGIN) >= 0 && toOffset(BEGIN) < 2 ** 52);
});

test("tiles of every level begin at multiples of their size since the epoch", () => {
    for (let level = 16; level <= 43; level += 1) {
        const size = 512 * 2 ** level, index = Math.floor(toOffset(BEGIN) / size);
        assert.equal(BigInt(toNs(index * size)) % (512n << BigInt(level)), 0n, `level ${level}`);
    }
});

test("times, durations and counts read well", () => {
    const time = toOffset("1795432391802244545");
    assert.equal(`${dateText(time)} ${clockText(time)}`, "2026-11-23 11:13:11.802244545");
    assert.equal(clockText(time, 0), "11:13:11");
    assert.equal(rfc3339("1795432391802244545"), "2026-11-23T11:13:11.802244545Z");
    assert.equal(rfc3339("1795432391000000005"), "2026-11-23T11:13:11.000000005Z");
    assert.deepEqual([1, 999, 1500, 12_345_678, 2.5e9, 80e9, 7260e9, -1500].map(durationText),
        ["1 ns", "999 ns", "1.5 µs", "12.35 ms", "2.5 s", "1 min 20 s", "2 h 01 min", "−1.5 µs"]);
    assert.deepEqual([7, 9999, 12_345, 3_930_000, 250_000_000].map(countText), ["7", "9999", "12.3 k", "3.93 M", "250 M"]);
});

test("an axis tells what changes from mark to mark", () => {
    assert.equal(axisStep(3), 5);
    assert.equal(axisStep(7e9), 10e9);
    assert.equal(axisStep(61e9), 120e9);
    const second = toOffset("1795432391000000000");
    assert.equal(axisText(second, 5e6), "11:13:11");
    assert.equal(axisText(second + 5e6, 5e6), ".005");
    assert.equal(axisText(second + 5_002_000, 1000), ".005 002");
    assert.equal(axisText(second, 60e9), "11:13");
    assert.equal(axisText(toOffset("1795478400000000000"), 3600e9), "2026-11-24");
});

test("zooming keeps the time under the pointer", () => {
    const view = new View();
    view.width = 1000;
    view.show(1e12, 2e12);
    const time = view.time(300);
    view.zoom(300, 0.25, false);
    assert.ok(Math.abs(view.time(300) - time) < 1);
    assert.equal(view.span, 0.25e12);
    view.zoom(300, 4);
    for (let frame = 0; frame < 60; frame += 1) {
        view.glide(16);
        assert.ok(Math.abs(view.x(time) - 300) < 1.5, `frame ${frame}: ${view.x(time)}`);
    }
    assert.equal(view.span, 1e12);
    assert.equal(view.glide(16), false);
});

test("a view is never shorter than its least span, and keeps its middle", () => {
    const view = new View();
    view.show(1000, 1001);
    assert.equal(view.span, SPAN_LEAST);
    assert.equal(view.from + view.span / 2, 1000.5);
});

test("a column is one to two pixels wide, between the levels that there are", () => {
    assert.equal(levelFor(2 ** 20, 16, 43), 20);
    assert.equal(levelFor(2 ** 20 + 1, 16, 43), 21);
    assert.equal(levelFor(3, 16, 43), 16);
    assert.equal(levelFor(2 ** 50, 16, 43), 43);
});

function varint(value) {
    const bytes = [];
    for (; value > 127; value = Math.floor(value / 128)) bytes.push(value % 128 + 128);
    return [...bytes, value];
}

function densityOf(lanes, { flags = 1, columns = 512, known = [0, 512] } = {}) {
    const body = [];
    let before = 0;
    for (const [id, ...planes] of lanes) {
        body.push(...varint(id - before));
        before = id;
        for (const plane of planes) {
            body.push(...varint(plane.length));
            let column = -1;
            for (const [at, count] of plane) {
                body.push(...varint(at - column - 1), ...varint(count));
                column = at;
            }
        }
    }
    const buffer = new ArrayBuffer(24 + body.length), head = new DataView(buffer);
    head.setUint32(0, 0x544d4431);
    head.setUint8(4, 20);
    head.setUint8(5, flags);
    head.setUint16(6, columns, true);
    head.setUint16(16, known[0], true);
    head.setUint16(18, known[1] - known[0], true);
    head.setUint32(20, lanes.length, true);
    new Uint8Array(buffer).set(body, 24);
    return buffer;
}

test("counts are read with their planes", () => {
    const density = readDensity(densityOf([[3, [[0, 1], [200, 300], [511, 2 ** 31]], [[200, 2]], []], [1000, [[7, 1]], [], [[7, 1]]]]));
    assert.deepEqual([...density.lanes.keys()], [3, 1000]);
    const lane = density.lanes.get(3);
    assert.deepEqual([lane.counts[0], lane.counts[200], lane.counts[511], lane.total], [1, 300, 2 ** 31, 2 ** 31 + 301]);
    assert.deepEqual([...lane.late], [200, 2]);
    assert.equal(lane.lost, null);
    assert.deepEqual([...density.lanes.get(1000).lost], [7, 1]);
    assert.deepEqual([density.level, density.isComplete, density.isPartial, density.knownTo], [20, true, false, 512]);
});

test("malformed counts are refused, wherever they end", () => {
    const whole = densityOf([[3, [[0, 1], [200, 300]], [[200, 2]], []]]);
    for (let length = 0; length < whole.byteLength; length += 1) assert.throws(() => readDensity(whole.slice(0, length)), Error, `${length} bytes`);
    assert.throws(() => readDensity(densityOf([[3, [[512, 1]], [], []]])));
    const endless = new Uint8Array(whole.slice(0));
    endless.fill(255, 24);
    assert.throws(() => readDensity(endless.buffer));
});

test("shades rise by eight for each doubling", () => {
    assert.deepEqual([0, 1, 2, 4, 1024, 2 ** 40].map(shadeOf), [0, 1, 9, 17, 81, 255]);
});

test("lists of lanes are written as ranges", () => {
    assert.equal(lanesText(new Set([7, 1, 2, 3, 9, 10])), "1-3,7,9-10");
    assert.equal(lanesText([]), "");
});

test("numbers of JSON stay as they were written", () => {
    const event = readExactJSON('{"ts":1795432391802244545,"f":{"a":18446744073709551615,"b":-0.10,"c":[1e3,true,null,"x\\u0000\\n"]},"a":1,"a":2}');
    assert.equal(event.get("ts").text, "1795432391802244545");
    assert.equal(event.get("f").get("a").text, "18446744073709551615");
    assert.equal(event.get("f").get("b").text, "-0.10");
    assert.deepEqual(event.get("f").get("c"), [new ExactNumber("1e3"), true, null, "x\u0000\n"]);
    assert.equal(event.members.length, 4);
});

test("what is no JSON is refused", () => {
    for (const text of ["", "{", '{"a"}', '{"a":1,}', "[1 2]", "01", '"\n"', "nul", "1 2", "[".repeat(300) + "]".repeat(300), '{"__proto__":']) {
        assert.throws(() => readExactJSON(text), SyntaxError, text.slice(0, 20));
    }
    assert.equal(readExactJSON('{"__proto__":{"x":1}}').members[0][0], "__proto__");
});

test("a member's text is exactly what stood there", () => {
    const text = '{"id":"1.2", "event": {"a" : 1.50 ,"event":[2]} ,"z":0}';
    assert.equal(memberText(text, "event"), '{"a" : 1.50 ,"event":[2]}');
    assert.equal(memberText(text, "none"), null);
});

test("the address keeps what is shown", () => {
    const state = { from: "1795432391802244545", to: "1795432391802249999", filter: '$name == "a&b=c#%"', narrow: false, event: "81.3",
        select: ["1795432391802244545", "1795432391802244546"], rows: "dense", closed: ["r/h"], hidden: ["r/h/s#1", "ü/…"], pinned: ["x"], order: [] };
    assert.deepEqual(readAddress(writeAddress(state)), state);
    assert.equal(readAddress(writeAddress({ follow: 6e10, narrow: true })).follow, 6e10);
});

test("an address that makes no sense is taken for what of it does", () => {
    const state = readAddress("#from=9&to=3&event=<b>&select=5-1&rows=huge&follow=x&filter=a");
    assert.deepEqual([state.from, state.event, state.select, state.rows, state.follow, state.filter, state.narrow], [undefined, undefined, undefined, undefined, undefined, "a", true]);
});

function someTree() {
    const tree = new LaneTree();
    tree.take([
        { id: 1, parent: 0, kind: "host", name: "h", relay: "a", state: "active" },
        { id: 2, parent: 1, kind: "session", name: "s", session_id: 1, state: "active" },
        { id: 3, parent: 2, kind: "stream", name: "c", path: "p", cpu: 1, stream: 1 },
        { id: 4, parent: 2, kind: "stream", name: "c", path: "p", cpu: 0, stream: 0 },
        { id: 5, parent: 0, kind: "host", name: "h", relay: "b", state: "active" },
        { id: 6, parent: 99, kind: "stream", name: "lost", path: "", cpu: 0, stream: 0 },
    ]);
    return tree;
}

const ids = (rows) => rows.map((lane) => lane.id);

test("rows follow the tree, streams of a channel by processor", () => {
    const tree = someTree();
    assert.deepEqual(ids(tree.rows()), [1, 2, 4, 3, 5]);
    assert.notEqual(tree.lanes.get(1).key, tree.lanes.get(5).key);
});

test("lanes are closed, hidden, revealed, moved and dropped", () => {
    const tree = someTree();
    const [host, session, stream] = [1, 2, 3].map((id) => tree.lanes.get(id));
    tree.setClosed(session, true);
    assert.deepEqual(ids(tree.rows()), [1, 2, 5]);
    tree.hide(host);
    assert.deepEqual(ids(tree.rows()), [5]);
    tree.reveal(stream);
    assert.deepEqual(ids(tree.rows()), [1, 2, 4, 3, 5]);
    assert.equal(tree.move(host, tree.lanes.get(5), true), true);
    assert.deepEqual(ids(tree.rows()), [5, 1, 2, 4, 3]);
    assert.equal(tree.move(host, stream, true), false);
    assert.equal(tree.step(stream, -1), true);
    assert.deepEqual(ids(tree.rows()), [5, 1, 2, 3, 4]);
    tree.take([{ id: 7, parent: 2, kind: "stream", name: "c", path: "p", cpu: 9, stream: 9 }]);
    assert.deepEqual(ids(tree.rows()), [5, 1, 2, 3, 4, 7]);
    tree.togglePin(session);
    tree.drop([2]);
    assert.deepEqual(ids(tree.rows()), [5, 1]);
    assert.deepEqual(tree.pinnedRows(), []);
    assert.equal(tree.lanes.has(3), false);
});

test("a new tree is never taken for the old one", () => {
    const tree = someTree(), before = tree.version;
    tree.reset();
    assert.ok(tree.version > before);
});

test("names are found by letters in their order", () => {
    assert.equal(matchScore("beta/web-2 › kernel", "xyz"), 0);
    assert.ok(matchScore("gamma/db-1 › postgres cpu 7", "db pos 7") > 0);
    assert.ok(matchScore("kernel", "ker") > matchScore("k e r nel", "ker"));
});

test("messages of an event stream are whole, however they are cut", async () => {
    const text = "event: tick\ndata: {\"a\":1}\n\n: comment\r\nevent: feed\r\ndata: x\r\ndata: ü\r\n\r\nevent: never\ndata: cut";
    const bytes = new TextEncoder().encode(text);
    for (const size of [1, 2, 3, 7, bytes.length]) {
        const body = new ReadableStream({
            start(controller) {
                for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
                controller.close();
            },
        });
        const messages = [];
        for await (const message of messagesOf(body)) messages.push(message);
        assert.deepEqual(messages, [["tick", '{"a":1}'], ["feed", "x\nü"]], `in pieces of ${size}`);
    }
});

test("events are put into columns, page after page", () => {
    const store = new EventStore({}, () => {}), tile = new EventTile(20, 0, "");
    const page = { base: BEGIN, names: ["a", "b"], dt: [0, 5, 7], lane: [3, 4, 3], name: [1, 0, 1], seq: [80, 0, 2], index: [4, 5, 0], late: [[2, 99]] };
    store.fill(tile, [page, { ...page, base: "1795428800000001000", names: ["b", "c"], late: [[1, 7]] }]);
    assert.deepEqual([...tile.times].map((time) => time - toOffset(BEGIN)), [0, 5, 12, 877, 882, 889]);
    assert.deepEqual([...tile.names].map((number) => store.names[number]), ["b", "a", "b", "c", "b", "c"]);
    assert.deepEqual([tile.idOf(0), tile.idOf(2), tile.late[1], tile.late[2], tile.late[4]], ["80.4", "82.0", 0, 99, 7]);
    assert.equal(firstFrom(tile, toOffset(BEGIN) + 6), 2);
    assert.equal(firstFrom(tile, Infinity), 6);
});

test("tiles are fetched once, again when they are spoiled, and forgotten when there are too many", async () => {
    const calls = [];
    const api = { bytes: async (path, query) => { calls.push(query); return densityOf([[1, [[3, 9]], [], []]]); } };
    const store = new TileStore(api, () => {}), rows = [{ id: 1 }, { id: 2 }];
    const settle = () => new Promise((resolve) => setTimeout(resolve));
    store.want(20, 5, rows, 0, 2, 1000);
    store.start(1000);
    await settle();
    assert.deepEqual(calls.map((call) => [call.level, call.lanes, call.columns]), [[20, "1-2", 512]]);
    assert.equal(calls[0].from, toNs(5 * 512 * 2 ** 20));
    const tile = store.want(20, 5, rows, 0, 2, 2000);
    store.start(2000);
    assert.equal(calls.length, 1);
    assert.equal(tile.lanes.get(2), EMPTY_LANE);
    assert.equal(tile.lanes.get(1).total, 9);
    store.spoil(0, 1);
    store.want(20, 5, rows, 0, 2, 3000);
    store.start(3000);
    assert.equal(calls.length, 1, "what was spoiled is elsewhere");
    store.spoil(tile.index * tile.size + 5, tile.index * tile.size + 6);
    store.want(20, 5, rows, 0, 1, 4000);
    store.start(4000);
    await settle();
    assert.equal(calls.length, 2);
    for (let index = 0; index < 50_000; index += 1) {
        store.fill(store.want(20, 100 + index, [], 0, 0, 5000 + index), [1], readDensity(densityOf([[1, [[3, 9]], [], []]])));
    }
    assert.ok(store.bytes <= 97 << 20, `${store.bytes}`);
    assert.equal(store.at(20, 5), undefined);
    assert.ok(store.at(20, 50_099));
});

test("a tile that cannot be fetched is tried again, not at once", async () => {
    let calls = 0;
    const api = { bytes: async () => { calls += 1; throw new Error("no"); } };
    const store = new TileStore(api, () => {}), rows = [{ id: 1 }];
    const now = performance.now();
    store.want(20, 5, rows, 0, 1, now);
    store.start(now);
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal(store.failure.message, "no");
    store.want(20, 5, rows, 0, 1, now + 100);
    store.start(now + 100);
    assert.equal(calls, 1);
    assert.equal(store.isWaiting, true);
    store.want(20, 5, rows, 0, 1, now + 5000);
    store.start(now + 5000);
    assert.equal(calls, 2);
});

test("nothing of the page is markup made of text, and nothing comes from elsewhere", () => {
    const folder = new URL("../../Sources/Web/Page/", import.meta.url);
    for (const name of readdirSync(folder)) {
        const text = readFileSync(new URL(name, folder), "utf8").replaceAll("http://www.w3.org/2000/svg", "");
        assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?:|\bimport\(/, name);
        if (name.endsWith(".html")) assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/, name);
        if (name.endsWith(".css")) assert.doesNotMatch(text, /@import|url\(/, name);
        if (name.endsWith(".js")) assert.ok(text.split("\n").length <= 600, name);
    }
});
