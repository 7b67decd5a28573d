// What the server says as the feed flows: where W is, how relays stand, which counts have changed.

import { messagesOf, pause } from "./api.js";
import { setAnchor, toOffset } from "./time.js";

export class LiveState {
    constructor(api, tree) {
        this.api = api;
        this.tree = tree;
        this.generation = null;
        this.state = null;
        this.begin = 0;
        this.end = 0;
        this.watermark = null;
        this.events = 0;
        this.late = 0;
        this.lost = 0;
        this.rate = 0;
        this.frontiers = new Map();
        this.marks = [];
        this.isConnected = false;
        this.nowBase = 0;
        this.nowAt = 0;
        this.nowSpeed = 1;
        this.handlers = { reset() {}, changed() {}, advanced() {}, spoiled() {}, lanes() {}, notice() {} };
    }

    // The coordinator's time, as far as the page can tell. Does not run on for long by itself.
    now(milliseconds) {
        const since = Math.min(milliseconds - this.nowAt, 3000);
        return this.nowBase + since * 1e6 * this.nowSpeed;
    }

    async run() {
        for (let failures = 0; ; failures += 1) {
            try {
                if (await this.read()) failures = 0;
            } catch (error) {
                this.handlers.notice(`no live updates: ${error.message}`);
            }
            this.isConnected = false;
            this.handlers.changed();
            await pause(Math.min(15_000, 1000 * 2 ** Math.min(failures, 4)));
        }
    }

    async read() {
        const answer = await this.api.call("/api/live");
        let isFirst = true;
        for await (const [event, data] of messagesOf(answer.body)) {
            this.isConnected = true;
            await this.take(event, JSON.parse(data));
            isFirst = false;
        }
        return !isFirst;
    }

    async take(event, data) {
        switch (event) {
        case "feed": return this.takeFeed(data);
        case "tick": return this.takeTick(data);
        case "lanes":
            this.tree.take(data.lanes);
            this.takeFrontiers(data.lanes);
            return this.handlers.lanes();
        case "gone":
            this.tree.drop(data.lanes);
            return this.handlers.lanes();
        case "mark": return this.takeMark(data);
        case "notice": return this.handlers.notice(data.text);
        }
    }

    async takeFeed(data) {
        this.state = data;
        if (data.generation !== this.generation) {
            this.generation = data.generation;
            await this.readAll(data);
            this.handlers.reset();
        }
        this.takeNumbers(data);
        this.handlers.changed();
    }

    async readAll(data) {
        const pages = [];
        let after = 0;
        do {
            const page = await this.api.json("/api/lanes", { after, limit: 5000 });
            pages.push(page.lanes);
            after = page.next;
        } while (after);
        const { marks } = await this.api.json("/api/marks", { from: data.begin ?? data.now, to: (BigInt(data.now) + (1n << 50n)).toString() });
        setAnchor(data.begin ?? data.now);
        this.tree.reset();
        this.frontiers.clear();
        this.nowBase = 0;
        this.begin = toOffset(data.begin ?? data.now);
        for (const lanes of pages) {
            this.tree.take(lanes);
            this.takeFrontiers(lanes);
        }
        this.marks = [];
        marks.forEach((mark) => this.keepMark(mark));
        this.nowAt = performance.now();
        this.takeNumbers(data);
    }

    takeNumbers(data) {
        const now = toOffset(data.now), at = performance.now();
        if (at - this.nowAt > 100) {
            this.nowSpeed = now > this.nowBase ? 1 : 0;
            // Small differences are taken over little by little, so that following does not jerk.
            const guess = this.now(at);
            this.nowBase = this.nowBase && Math.abs(now - guess) < 300e6 ? guess + (now - guess) * 0.1 : now;
        } else if (!this.nowBase) {
            this.nowBase = now;
        }
        this.nowAt = at;
        if (data.begin !== null) this.begin = toOffset(data.begin);
        if (data.watermark !== null) this.watermark = toOffset(data.watermark);
        if (data.end !== null) this.end = toOffset(data.end);
        this.events = data.events;
        this.late = data.late;
        this.lost = typeof data.lost === "number" ? data.lost : data.lost.records;
    }

    takeTick(data) {
        const before = this.events, at = this.nowAt;
        this.takeNumbers(data);
        const seconds = (this.nowAt - at) / 1000;
        if (seconds > 0.02) this.rate += ((this.events - before) / seconds - this.rate) * Math.min(1, seconds / 2);
        for (const [id, time] of data.frontiers) this.frontiers.set(id, toOffset(time));
        for (const [id, events, late, lost] of data.lanes) {
            const lane = this.tree.lanes.get(id);
            if (lane) Object.assign(lane, { events, late, lost });
        }
        for (const [from, to] of data.changed) this.handlers.spoiled(toOffset(from), toOffset(to));
        this.handlers.advanced();
    }

    takeFrontiers(records) {
        for (const record of records) {
            if (record.kind === "host" && record.frontier) this.frontiers.set(record.id, toOffset(record.frontier));
        }
    }

    takeMark(mark) {
        this.keepMark(mark);
        this.handlers.changed();
    }

    keepMark(mark) {
        const from = mark.from === null ? null : toOffset(mark.from), to = mark.to === null ? null : toOffset(mark.to);
        const known = this.marks.find((other) => other.kind === mark.kind && other.lane === mark.lane && other.from === from
            && (mark.kind === "excluded" || other.to === to));
        if (known) Object.assign(known, mark, { from, to });
        else this.marks.push({ ...mark, from, to });
        if (this.marks.length > 20_000) this.marks.splice(0, 1000);
    }
}
