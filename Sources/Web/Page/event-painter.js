// Paints single events: a bar each, hollow where it is late, with its name where there is room.

import { TILE_COLUMNS } from "./density.js";
import { firstFrom } from "./event-tiles.js";

const COLORS = 8;

export class EventPainter {
    constructor(app) {
        this.app = app;
        this.tiles = [];
        this.widths = new Map();
        this.widthsFont = "";
        this.lastX = new Int32Array(0);
        this.nextX = new Float64Array(0);
    }

    // The tiles of the times in sight; whether all of them are there.
    prepare(level, lanesKey, laneIds, now) {
        const { view, events, live } = this.app;
        const size = TILE_COLUMNS * 2 ** level;
        const least = Math.floor(live.begin / size), greatest = Math.floor(Math.max(live.end, live.begin) / size);
        this.tiles.length = 0;
        let isWhole = true;
        for (let index = Math.max(least, Math.floor(view.from / size)); index <= Math.min(greatest, Math.floor(view.to / size)); index += 1) {
            const tile = events.want(level, index, lanesKey, laneIds, now);
            this.tiles.push(tile);
            if (!tile.isFilled || tile.isCut) isWhole = false;
        }
        return isWhole;
    }

    draw(context, band, width, rowPixels, ratio) {
        const { view, theme, stage } = this.app;
        const scale = width / view.span, from = view.from, rowOf = band.rowOf;
        if (this.lastX.length < band.rows.length) {
            this.lastX = new Int32Array(band.rows.length + 64);
            this.nextX = new Float64Array(band.rows.length + 64);
        }
        const inset = Math.max(1, Math.round(rowPixels * 0.16)), bar = Math.max(1, Math.round(2 * ratio));
        const height = Math.max(1, rowPixels - 2 * inset);
        for (let color = 0; color < COLORS; color += 1) {
            context.fillStyle = theme.events[color];
            this.lastX.fill(-100);
            for (const tile of this.tiles) {
                const end = firstFrom(tile, view.to);
                for (let at = firstFrom(tile, from - 4 / scale); at < end; at += 1) {
                    if (tile.names[at] % COLORS !== color || tile.late[at] > 0) continue;
                    const row = rowOf[tile.lanes[at]];
                    if (row < band.first || row >= band.last || !stage.hasEvents(band, row)) continue;
                    const x = Math.round((tile.times[at] - from) * scale);
                    if (this.lastX[row] === x) continue;
                    this.lastX[row] = x;
                    context.fillRect(x, band.y(row) + inset, bar, height);
                }
            }
        }
        this.drawLate(context, band, width, inset, height, ratio);
        if (rowPixels >= 13 * ratio) this.drawNames(context, band, width, rowPixels, ratio);
    }

    drawLate(context, band, width, inset, height, ratio) {
        const { view, theme } = this.app;
        context.strokeStyle = theme.late;
        context.lineWidth = Math.max(1, 1.25 * ratio);
        for (const tile of this.tiles) {
            const end = firstFrom(tile, view.to);
            for (let at = firstFrom(tile, view.from); at < end; at += 1) {
                if (!(tile.late[at] > 0)) continue;
                const row = band.rowOf[tile.lanes[at]];
                if (row < band.first || row >= band.last) continue;
                const x = Math.round((tile.times[at] - view.from) / view.span * width), half = 3 * ratio;
                context.strokeRect(x - half + 0.5, band.y(row) + inset + 0.5, 2 * half, height - 1);
            }
        }
    }

    // From the right to the left: each name up to the next event of its row.
    drawNames(context, band, width, rowPixels, ratio) {
        const { view, theme, events, stage } = this.app;
        const font = `${Math.round(11 * ratio)}px ${theme.font}`;
        if (this.widthsFont !== font) {
            this.widths.clear();
            this.widthsFont = font;
        }
        context.font = font;
        context.textBaseline = "middle";
        context.fillStyle = theme.text;
        context.globalAlpha = 0.78;
        this.nextX.fill(Infinity);
        for (let index = this.tiles.length - 1; index >= 0; index -= 1) {
            const tile = this.tiles[index], first = firstFrom(tile, view.from - view.span * 0.2);
            const end = firstFrom(tile, view.to + view.span * 0.05);
            for (let at = end - 1; at >= first; at -= 1) {
                const row = band.rowOf[tile.lanes[at]];
                if (row < band.first || row >= band.last || !stage.hasEvents(band, row)) continue;
                const x = (tile.times[at] - view.from) / view.span * width, next = this.nextX[row];
                this.nextX[row] = x;
                if (next - x < 40 * ratio) continue;
                const name = events.names[tile.names[at]];
                let size = this.widths.get(name);
                if (size === undefined) this.widths.set(name, size = context.measureText(name).width);
                if (x + 6 * ratio + size < next - 4 * ratio) {
                    context.fillText(name, x + (tile.late[at] > 0 ? 8 : 6) * ratio, band.y(row) + rowPixels / 2 + ratio * 0.5);
                }
            }
        }
        context.globalAlpha = 1;
    }

    // The event nearest to a place, within some pixels: its tile and position, or null.
    near(band, row, x, width, reach) {
        const { view } = this.app;
        const perPixel = view.span / width;
        let best = null, distance = reach * perPixel;
        const time = view.from + x * perPixel;
        for (const tile of this.tiles) {
            for (let at = firstFrom(tile, time - distance); at < tile.count && tile.times[at] <= time + reach * perPixel; at += 1) {
                if (band.rowOf[tile.lanes[at]] !== row) continue;
                const away = Math.abs(tile.times[at] - time);
                if (away <= distance) {
                    distance = away;
                    best = { tile, at };
                }
            }
        }
        return best;
    }
}
