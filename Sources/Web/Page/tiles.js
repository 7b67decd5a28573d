// Tiles of counts: 512 columns of 2^level ns for each lane. What is drawn asks for them with `at`; what is missing or stale is
// fetched, newest wish first, and the least recently used ones are forgotten.

import { EMPTY_LANE, TILE_COLUMNS, lanesText, readDensity } from "./density.js";
import { toNs } from "./time.js";

const BYTES_GREATEST = 96 << 20;
const REQUESTS_GREATEST = 4;
const LANES_GREATEST = 400;
// Counts that have changed are fetched again after this long, or when half a column has gone by.
const REFRESH_MS = 250;
const REFRESH_GREATEST_MS = 2000;
const PARTIAL_MS = 60;

export class Tile {
    constructor(level, index) {
        this.level = level;
        this.index = index;
        this.lanes = new Map();
        this.wanted = new Set();
        this.pending = 0;
        this.bytes = 200;
        this.usedAt = 0;
        this.fetchedAt = 0;
        this.isStale = false;
        this.isPartial = false;
        this.knownFrom = 0;
        this.knownTo = TILE_COLUMNS;
        this.failedAt = 0;
        this.refreshAfter = Math.min(REFRESH_GREATEST_MS, Math.max(REFRESH_MS, 2 ** level / 2e6));
    }

    get size() {
        return TILE_COLUMNS * 2 ** this.level;
    }
}

export class TileStore {
    constructor(api, onChange) {
        this.api = api;
        this.onChange = onChange;
        this.filter = "";
        this.onlyLanes = null;
        this.clear();
        this.running = 0;
        this.failure = null;
        // How many answers have come.
        this.fills = 0;
        // Since the last frame began: something in sight is to be fetched again, but not yet.
        this.isWaiting = false;
    }

    clear() {
        this.levels = new Map();
        this.bytes = 0;
        this.epoch = (this.epoch ?? 0) + 1;
        this.queue = [];
        // By level and kind: the greatest shade seen, by which colours are scaled.
        this.greatest = new Map();
    }

    setFilter(filter) {
        if (filter === this.filter) return;
        this.filter = filter;
        this.clear();
    }

    at(level, index) {
        return this.levels.get(level)?.get(index);
    }

    // Marks a tile as used, and has it fetched for those of the lanes that it lacks. `rows` are lanes of the tree.
    want(level, index, rows, first, last, now) {
        let byIndex = this.levels.get(level);
        if (!byIndex) this.levels.set(level, byIndex = new Map());
        let tile = byIndex.get(index);
        if (!tile) byIndex.set(index, tile = new Tile(level, index));
        tile.usedAt = now;
        if (tile.pending > 0) return tile;
        const isStale = tile.isStale || tile.isPartial;
        const isOld = isStale && now - tile.fetchedAt >= (tile.isPartial ? PARTIAL_MS : tile.refreshAfter);
        if (isStale && !isOld || tile.failedAt && now - tile.failedAt < 2000) this.isWaiting = true;
        if (tile.failedAt && now - tile.failedAt < 2000) return tile;
        let isMissing = false;
        for (let row = first; row < last; row += 1) {
            const id = rows[row].id;
            if (isOld || !tile.lanes.has(id)) {
                tile.wanted.add(id);
                isMissing = true;
            }
        }
        if (isMissing && !this.queue.includes(tile)) this.queue.push(tile);
        return tile;
    }

    // Has a tile fetched that is not there at all.
    prefetch(level, index, rows, first, last, now) {
        const tile = this.at(level, index);
        if (tile && (tile.isStale || tile.isPartial)) return;
        this.want(level, index, rows, first, last, now);
    }

    // Starts what was wished for since the last time. What is not in sight any more is not fetched.
    start(now) {
        while (this.running < REQUESTS_GREATEST && this.queue.length) {
            const tile = this.queue.pop();
            if (now - tile.usedAt > 300) {
                tile.wanted.clear();
                continue;
            }
            this.fetch(tile, now);
        }
    }

    async fetch(tile, now) {
        const ids = [...tile.wanted].slice(0, LANES_GREATEST);
        tile.wanted.clear();
        const wasStale = tile.isStale;
        tile.isStale = false;
        tile.pending += 1;
        tile.fetchedAt = now;
        this.running += 1;
        const epoch = this.epoch;
        try {
            const buffer = await this.api.bytes("/api/density", {
                level: tile.level, from: toNs(tile.index * tile.size), columns: TILE_COLUMNS, lanes: lanesText(ids), filter: this.filter,
            });
            if (epoch !== this.epoch) return;
            this.fill(tile, ids, readDensity(buffer));
            tile.failedAt = 0;
            this.failure = null;
        } catch (error) {
            if (epoch !== this.epoch) return;
            tile.isStale = wasStale;
            tile.failedAt = performance.now();
            this.failure = error;
        } finally {
            this.running -= 1;
            tile.pending -= 1;
            this.onChange(tile);
        }
    }

    fill(tile, ids, density) {
        this.fills += 1;
        for (const id of ids) {
            const lane = density.lanes.get(id) ?? EMPTY_LANE;
            if ((tile.lanes.get(id) ?? EMPTY_LANE) === EMPTY_LANE && lane !== EMPTY_LANE) {
                this.bytes += 5 * TILE_COLUMNS;
                tile.bytes += 5 * TILE_COLUMNS;
            }
            tile.lanes.set(id, lane);
        }
        tile.isPartial = density.isPartial;
        tile.knownFrom = density.knownFrom;
        tile.knownTo = density.knownTo;
        if (this.bytes > BYTES_GREATEST) this.evict(tile);
    }

    evict(keep) {
        const all = [];
        for (const byIndex of this.levels.values()) for (const tile of byIndex.values()) if (tile !== keep && !tile.pending) all.push(tile);
        all.sort((left, right) => left.usedAt - right.usedAt);
        for (const tile of all) {
            if (this.bytes <= BYTES_GREATEST * 0.75) return;
            this.bytes -= tile.bytes;
            const byIndex = this.levels.get(tile.level);
            byIndex.delete(tile.index);
            if (!byIndex.size) this.levels.delete(tile.level);
        }
    }

    // Counts have changed between two times: tiles that touch it are fetched again when they are next in sight.
    spoil(from, to) {
        for (const byIndex of this.levels.values()) {
            for (const tile of byIndex.values()) {
                if (tile.index * tile.size <= to && (tile.index + 1) * tile.size > from) tile.isStale = true;
            }
        }
    }

    // The greatest shade of a kind at a level, which does not fall while one looks.
    raise(level, kind, shade) {
        const key = level * 4 + kind;
        const known = this.greatest.get(key) ?? 0;
        if (shade > known) this.greatest.set(key, shade);
    }
}
