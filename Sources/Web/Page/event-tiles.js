// Single events, by the same tiles of time as counts. Only fetched where few enough are in sight.

import { TILE_COLUMNS, lanesText } from "./density.js";
import { toNs, toOffset } from "./time.js";

const TILES_GREATEST = 48;
const PAGES_GREATEST = 3;
const LIMIT = 20_000;
const REFRESH_MS = 250;
const REQUESTS_GREATEST = 2;

// Events in columns, ascending by time.
export class EventTile {
    constructor(level, index, lanesKey) {
        this.level = level;
        this.index = index;
        this.lanesKey = lanesKey;
        this.count = 0;
        this.times = new Float64Array(0);
        this.lanes = new Int32Array(0);
        this.names = new Uint16Array(0);
        this.late = new Float64Array(0);
        this.sequences = new Float64Array(0);
        this.indexes = new Float64Array(0);
        this.isFilled = false;
        this.isStale = true;
        this.isCut = false;
        this.isPending = false;
        this.fetchedAt = -REFRESH_MS;
        this.usedAt = 0;
    }

    idOf(at) {
        return `${this.sequences[at]}.${this.indexes[at]}`;
    }
}

export class EventStore {
    constructor(api, onChange) {
        this.api = api;
        this.onChange = onChange;
        // Names of events, numbered as they come.
        this.names = [];
        this.numbers = new Map();
        this.filter = "";
        this.isWaiting = false;
        this.running = 0;
        this.clear();
    }

    clear() {
        this.tiles = new Map();
        this.epoch = (this.epoch ?? 0) + 1;
    }

    setFilter(filter) {
        if (filter === this.filter) return;
        this.filter = filter;
        this.clear();
    }

    // The tile of a time, for the lanes that are in sight. `lanesKey` stands for these.
    want(level, index, lanesKey, laneIds, now) {
        const key = `${level}:${index}:${lanesKey}`;
        let tile = this.tiles.get(key);
        if (!tile) {
            this.tiles.set(key, tile = new EventTile(level, index, lanesKey));
            if (this.tiles.size > TILES_GREATEST) this.evict();
        }
        tile.usedAt = now;
        if (tile.isStale && !tile.isPending) {
            if (now - tile.fetchedAt >= REFRESH_MS && this.running < REQUESTS_GREATEST) this.fetch(tile, laneIds(), now);
            else this.isWaiting = true;
        }
        return tile;
    }

    evict() {
        let oldest = null, oldestKey = null;
        for (const [key, tile] of this.tiles) {
            if (!tile.isPending && tile.usedAt && (!oldest || tile.usedAt < oldest.usedAt)) [oldest, oldestKey] = [tile, key];
        }
        if (oldest) this.tiles.delete(oldestKey);
    }

    async fetch(tile, ids, now) {
        tile.isPending = true;
        this.running += 1;
        tile.isStale = false;
        tile.fetchedAt = now;
        const epoch = this.epoch;
        const size = TILE_COLUMNS * 2 ** tile.level;
        const range = {
            from: toNs(tile.index * size), to: toNs((tile.index + 1) * size), limit: LIMIT, filter: this.filter,
            lanes: ids ? lanesText(ids) : undefined,
        };
        const pages = [];
        try {
            let after;
            do {
                const page = await this.api.json("/api/events", { ...range, after });
                if (epoch !== this.epoch) return;
                pages.push(page);
                after = page.next ?? undefined;
            } while (after && pages.length < PAGES_GREATEST);
            tile.isCut = after !== undefined;
            this.fill(tile, pages);
        } catch {
            tile.isStale = true;
            tile.fetchedAt = performance.now() + 1000;
        } finally {
            tile.isPending = false;
            this.running -= 1;
            this.onChange();
        }
    }

    numberOf(name) {
        let number = this.numbers.get(name);
        if (number === undefined) {
            number = Math.min(this.names.length, 65535);
            if (number < 65535) this.names.push(name);
            this.numbers.set(name, number);
        }
        return number;
    }

    fill(tile, pages) {
        const count = pages.reduce((sum, page) => sum + page.dt.length, 0);
        tile.times = new Float64Array(count);
        tile.lanes = new Int32Array(count);
        tile.names = new Uint16Array(count);
        tile.late = new Float64Array(count);
        tile.sequences = new Float64Array(count);
        tile.indexes = new Float64Array(count);
        let at = 0;
        for (const page of pages) {
            const numbers = page.names.map((name) => this.numberOf(name));
            const first = at;
            let time = toOffset(page.base), sequence = 0;
            for (let event = 0; event < page.dt.length; event += 1, at += 1) {
                time += page.dt[event];
                sequence += page.seq[event];
                tile.times[at] = time;
                tile.lanes[at] = page.lane[event];
                tile.names[at] = numbers[page.name[event]];
                tile.sequences[at] = sequence;
                tile.indexes[at] = page.index[event];
            }
            for (const [position, amount] of page.late) tile.late[first + position] = amount;
        }
        tile.count = count;
        tile.isFilled = true;
    }

    spoil(from, to) {
        for (const tile of this.tiles.values()) {
            const size = TILE_COLUMNS * 2 ** tile.level;
            if (tile.index * size <= to && (tile.index + 1) * size > from) tile.isStale = true;
        }
    }
}

// The first event at or after a time.
export function firstFrom(tile, time) {
    let low = 0, high = tile.count;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (tile.times[middle] < time) low = middle + 1;
        else high = middle;
    }
    return low;
}
