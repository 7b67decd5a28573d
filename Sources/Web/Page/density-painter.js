// Paints counts. Streams are a heat map: one pixel row for each lane into a buffer, which is then stretched to the rows' height.
// Hosts and sessions, whose sums hardly ever are nothing, are skylines, made from the same buffer.

import { EMPTY_LANE, TILE_COLUMNS } from "./density.js";
import { levelFor } from "./view.js";

export const KINDS = { feed: 0, host: 1, session: 2, stream: 3 };
const ANCESTORS = 9;

export class DensityPainter {
    constructor(app) {
        this.app = app;
        this.canvas = new OffscreenCanvas(1, 1);
        this.context = this.canvas.getContext("2d");
        this.image = null;
        this.pixels = null;
        this.columns = new Int16Array(0);
        this.tables = [0, 1, 2, 3].map(() => ({ colors: new Uint32Array(256), greatest: -1, theme: -1 }));
        this.skyline = new OffscreenCanvas(1, 1);
        this.skylineContext = this.skyline.getContext("2d");
        this.skylineImage = null;
        this.heights = new Uint8Array(256);
        // Pairs of pixels: what the filter's counts do not tell yet.
        this.unknown = [];
        // Of the last band that was painted: the events in sight, and whether all of them are known.
        this.total = 0;
        this.isKnown = true;
        this.level = 0;
    }

    room(width, rows) {
        if (!this.image || this.image.width !== width || this.image.height < rows) {
            const height = Math.max(64, Math.ceil(rows / 64) * 64);
            this.image = new ImageData(width, height);
            this.pixels = new Uint32Array(this.image.data.buffer);
            this.canvas.width = width;
            this.canvas.height = height;
            this.columns = new Int16Array(width);
        }
        this.pixels.fill(0, 0, width * rows);
    }

    table(level, kind) {
        const table = this.tables[kind], { theme, tiles } = this.app;
        const greatest = Math.max(tiles.greatest.get(level * 4 + kind) ?? 1, kind === 3 ? 17 : 25);
        if (table.greatest !== greatest || table.theme !== theme.version) {
            theme.fillTable(table.colors, greatest);
            table.greatest = greatest;
            table.theme = theme.version;
        }
        return table.colors;
    }

    // Fills the buffer with a band's rows that are in sight; `draw` then puts it on the stage.
    prepare(band, width, now) {
        const { view, tiles, live } = this.app;
        const rows = band.last - band.first;
        this.total = 0;
        this.isKnown = true;
        this.unknown.length = 0;
        if (rows <= 0) return;
        this.room(width, rows);
        band.totals.fill(0, band.first, band.last);
        const nsPerPixel = view.span / width;
        const levels = live.state.levels;
        const level = levelFor(nsPerPixel, levels.least, levels.greatest);
        this.level = level;
        const column = 2 ** level, size = TILE_COLUMNS * column;
        const first = Math.floor(view.from / size), last = Math.floor(view.to / size);
        const least = Math.floor(live.begin / size), greatest = Math.floor(Math.max(live.end, live.begin) / size);
        this.raise(band, level, Math.max(first, least), Math.min(last, greatest));
        for (let index = Math.max(first, least); index <= Math.min(last, greatest); index += 1) {
            const begin = Math.max(0, Math.ceil((index * size - view.from) / nsPerPixel - 0.5));
            const end = Math.min(width, Math.ceil(((index + 1) * size - view.from) / nsPerPixel - 0.5));
            const base = index * TILE_COLUMNS;
            for (let pixel = begin; pixel < end; pixel += 1) {
                const at = Math.floor((view.from + (pixel + 0.5) * nsPerPixel) / column) - base;
                this.columns[pixel] = at < 0 ? 0 : at > 511 ? 511 : at;
            }
            const tile = tiles.want(level, index, band.rows, band.near, band.far, now);
            if (tile.isPartial) this.addUnknown(tile, begin, end, (time) => (time - view.from) / nsPerPixel);
            const from = Math.max(0, Math.floor(view.from / column) - base), to = Math.min(511, Math.floor(view.to / column) - base);
            for (let row = 0; row < rows; row += 1) this.paintRow(tile, band, band.first + row, row * width, begin, end, from, to);
        }
        this.prefetch(band, level, first, last, least, greatest, now);
        this.context.putImageData(this.image, 0, 0, 0, 0, width, rows);
    }

    // Colours are scaled to the greatest count in sight, or one that was: before the first row is painted.
    raise(band, level, first, last) {
        const { tiles } = this.app;
        for (let index = first; index <= last; index += 1) {
            const tile = tiles.at(level, index);
            if (!tile) continue;
            for (let row = band.first; row < band.last; row += 1) {
                const lane = band.rows[row], cells = tile.lanes.get(lane.id);
                if (cells) tiles.raise(level, KINDS[lane.kind], cells.greatest);
            }
        }
    }

    addUnknown(tile, begin, end, pixelOf) {
        const column = 2 ** tile.level, base = tile.index * TILE_COLUMNS;
        const known = [tile.knownFrom, tile.knownTo].map((at) => Math.min(end, Math.max(begin, Math.round(pixelOf((base + at) * column)))));
        if (known[0] > begin) this.unknown.push(begin, known[0]);
        if (known[1] < end) this.unknown.push(known[1], end);
    }

    // A neighbour on either side, and the tiles two levels above: what panning and zooming out need next.
    prefetch(band, level, first, last, least, greatest, now) {
        const { tiles, live } = this.app;
        if (tiles.queue.length) return;
        if (last + 1 <= greatest && last + 1 >= least) tiles.prefetch(level, last + 1, band.rows, band.near, band.far, now);
        if (first - 1 >= least && first - 1 <= greatest) tiles.prefetch(level, first - 1, band.rows, band.near, band.far, now);
        if (level + 2 <= live.state.levels.greatest) {
            for (let index = Math.max(least, first); index <= Math.min(last, greatest); index += 4) {
                tiles.prefetch(level + 2, Math.floor(index / 4), band.rows, band.near, band.far, now);
            }
        }
    }

    paintRow(tile, band, row, start, begin, end, from, to) {
        const lane = band.rows[row];
        const kind = KINDS[lane.kind], { pixels, columns } = this;
        let cells = tile.lanes.get(lane.id), shift = 0, base = 0;
        if (cells === undefined) {
            this.isKnown = false;
            for (shift = 1; shift <= ANCESTORS; shift += 1) {
                const above = Math.floor(tile.index / 2 ** shift);
                cells = this.app.tiles.at(tile.level + shift, above)?.lanes.get(lane.id);
                if (cells !== undefined) {
                    base = ((tile.index - above * 2 ** shift) * TILE_COLUMNS) >> shift;
                    break;
                }
            }
        }
        if (cells === undefined || cells === EMPTY_LANE) return;
        const shades = cells.shades, colors = this.table(tile.level, kind);
        if (shift === 0) {
            if (band.isLeaf[row] === 1) {
                const count = from === 0 && to === 511 ? cells.total : sum(cells.counts, from, to);
                band.totals[row] += count;
                this.total += count;
            }
            for (let pixel = begin; pixel < end; pixel += 1) {
                const shade = shades[columns[pixel]];
                if (shade !== 0) pixels[start + pixel] = kind === 3 ? colors[shade] : shade;
            }
        } else {
            const lower = 8 * shift;
            for (let pixel = begin; pixel < end; pixel += 1) {
                const shade = shades[base + (columns[pixel] >> shift)];
                if (shade === 0) continue;
                const lowered = shade > lower ? shade - lower : 1;
                pixels[start + pixel] = kind === 3 ? colors[lowered] : lowered;
            }
        }
    }

    draw(context, band, width, rowPixels) {
        const rows = band.last - band.first;
        if (rows <= 0) return;
        context.imageSmoothingEnabled = false;
        context.drawImage(this.canvas, 0, 0, width, rows, 0, band.y(band.first), width, rows * rowPixels);
    }

    // Rows of sums: the buffer holds shades of these. A column is as high as the root of its count.
    drawSkylines(context, band, width, rowPixels, ratio, stageOfEvents) {
        const { theme, tiles } = this.app;
        const inset = rowPixels >= 16 * ratio ? Math.round(3 * ratio) : rowPixels >= 8 * ratio ? Math.round(ratio) : 0;
        const tall = Math.max(1, rowPixels - inset);
        if (!this.skylineImage || this.skylineImage.width !== width || this.skylineImage.height !== tall) {
            this.skylineImage = new ImageData(width, tall);
            this.skylinePixels = new Uint32Array(this.skylineImage.data.buffer);
            this.skyline.width = width;
            this.skyline.height = tall;
        }
        const [body, edge] = theme.skyline;
        for (let row = band.first; row < band.last; row += 1) {
            const kind = KINDS[band.rows[row].kind];
            if (kind === 3 || stageOfEvents?.hasEvents(band, row)) continue;
            const greatest = Math.max(tiles.greatest.get(this.level * 4 + kind) ?? 1, 1);
            for (let shade = 1; shade < 256; shade += 1) {
                this.heights[shade] = Math.max(1, Math.min(tall, Math.round(tall * 2 ** ((shade - greatest) / 16))));
            }
            this.fillSkyline((row - band.first) * width, width, tall, body, edge);
            this.skylineContext.putImageData(this.skylineImage, 0, 0);
            context.drawImage(this.skyline, 0, band.y(row) + inset);
        }
    }

    fillSkyline(start, width, tall, body, edge) {
        const target = this.skylinePixels, { heights, pixels } = this;
        target.fill(0);
        for (let pixel = 0; pixel < width; pixel += 1) {
            const shade = pixels[start + pixel];
            if (shade === 0) continue;
            const top = tall - heights[shade];
            target[top * width + pixel] = edge;
            for (let line = top + 1; line < tall; line += 1) target[line * width + pixel] = body;
        }
    }

    // Calls with what is rare: late events and losses of the rows in sight, by the pixel in the middle of their column.
    eachMark(band, width, take) {
        const { view, tiles } = this.app;
        const column = 2 ** this.level, size = TILE_COLUMNS * column;
        let left = 3000;
        for (let index = Math.floor(view.from / size); index <= Math.floor(view.to / size); index += 1) {
            const tile = tiles.at(this.level, index);
            if (!tile) continue;
            for (let row = band.first; row < band.last; row += 1) {
                const cells = tile.lanes.get(band.rows[row].id);
                if (!cells || (cells.late === null && cells.lost === null)) continue;
                for (const [pairs, isLost] of [[cells.late, false], [cells.lost, true]]) {
                    for (let at = 0; pairs && at < pairs.length && left > 0; at += 2, left -= 1) {
                        const time = index * size + (pairs[at] + 0.5) * column;
                        take(row, (time - view.from) / view.span * width, isLost, pairs[at + 1]);
                    }
                }
            }
        }
    }
}

function sum(counts, from, to) {
    let total = 0;
    for (let column = from; column <= to; column += 1) total += counts[column];
    return total;
}

// How many events a lane has in the column at a time, as far as that is known: [count, late, lost, begin, end].
export function countAt(tiles, level, lane, time) {
    const column = 2 ** level, size = TILE_COLUMNS * column, index = Math.floor(time / size);
    const cells = tiles.at(level, index)?.lanes.get(lane.id);
    if (!cells) return null;
    const at = Math.min(511, Math.max(0, Math.floor(time / column) - index * TILE_COLUMNS));
    const rare = (pairs) => {
        for (let pair = 0; pairs && pair < pairs.length; pair += 2) if (pairs[pair] === at) return pairs[pair + 1];
        return 0;
    };
    const begin = (index * TILE_COLUMNS + at) * column;
    return { count: cells.counts[at], late: rare(cells.late), lost: rare(cells.lost), begin, end: begin + column };
}
