// Counts as they come from /api/density.

export const TILE_COLUMNS = 512;

// A count as one byte: 0 for none, else 1 + 8 steps for each doubling. What is drawn looks its colour up by it.
export function shadeOf(count) {
    return count === 0 ? 0 : Math.min(255, 1 + Math.round(8 * Math.log2(count)));
}

// One lane of a tile. Late events and losses are rare: columns and counts beside each other, or null.
export class LaneTile {
    constructor(shades, counts, late, lost) {
        this.shades = shades;
        this.counts = counts;
        this.late = late;
        this.lost = lost;
        this.greatest = 0;
        this.total = 0;
        for (let column = 0; column < counts.length; column += 1) {
            const count = counts[column];
            if (count === 0) continue;
            this.total += count;
            const shade = shadeOf(count);
            shades[column] = shade;
            if (shade > this.greatest) this.greatest = shade;
        }
    }
}

export const EMPTY_LANE = new LaneTile(new Uint8Array(TILE_COLUMNS), new Uint32Array(TILE_COLUMNS), null, null);

class Reader {
    constructor(buffer, at) {
        this.bytes = new Uint8Array(buffer);
        this.at = at;
    }

    varint() {
        let value = 0, scale = 1;
        for (;;) {
            if (this.at >= this.bytes.length || scale > 2 ** 49) throw new Error("the counts are malformed");
            const byte = this.bytes[this.at++];
            value += (byte & 127) * scale;
            if (byte < 128) return value;
            scale *= 128;
        }
    }

    // Calls with each column that is not 0.
    plane(columns, take) {
        const entries = this.varint();
        let column = -1;
        for (let entry = 0; entry < entries; entry += 1) {
            column += 1 + this.varint();
            if (column >= columns) throw new Error("the counts are malformed");
            take(column, this.varint());
        }
        return entries;
    }

    rarePlane(columns) {
        const pairs = [];
        this.plane(columns, (column, count) => pairs.push(column, count));
        return pairs.length ? Uint32Array.from(pairs) : null;
    }
}

export function readDensity(buffer) {
    if (buffer.byteLength < 24) throw new Error("the counts are malformed");
    const head = new DataView(buffer);
    if (head.getUint32(0) !== 0x544d4431) throw new Error("these are no counts");
    const columns = head.getUint16(6, true);
    const laneCount = head.getUint32(20, true);
    if (columns < 1 || columns > 1024) throw new Error("the counts are malformed");
    const reader = new Reader(buffer, 24);
    const lanes = new Map();
    let id = 0;
    for (let lane = 0; lane < laneCount; lane += 1) {
        id += reader.varint();
        const counts = new Uint32Array(columns);
        reader.plane(columns, (column, count) => { counts[column] = Math.min(count, 0xffffffff); });
        const late = reader.rarePlane(columns);
        const lost = reader.rarePlane(columns);
        lanes.set(id, new LaneTile(new Uint8Array(columns), counts, late, lost));
    }
    return {
        level: head.getUint8(4),
        isComplete: (head.getUint8(5) & 1) !== 0,
        isPartial: (head.getUint8(5) & 2) !== 0,
        columns,
        knownFrom: head.getUint16(16, true),
        knownTo: head.getUint16(16, true) + head.getUint16(18, true),
        lanes,
    };
}

// Ids as a list of ranges, ascending: 1-4,7.
export function lanesText(ids) {
    const sorted = [...ids].sort((left, right) => left - right);
    const parts = [];
    for (let at = 0; at < sorted.length;) {
        let end = at;
        while (end + 1 < sorted.length && sorted[end + 1] <= sorted[end] + 1) end += 1;
        parts.push(sorted[at] === sorted[end] ? `${sorted[at]}` : `${sorted[at]}-${sorted[end]}`);
        at = end + 1;
    }
    return parts.join(",");
}
