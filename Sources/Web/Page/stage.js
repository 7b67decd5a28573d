// The stage: axis, pinned rows, the tree's rows, and a layer above them for what follows the pointer. Draws only when something
// has changed.

import { countAt, DensityPainter } from "./density-painter.js";
import { EventPainter } from "./event-painter.js";
import { MarkPainter } from "./mark-painter.js";
import { axisStep, axisText, clockText, dateText, durationText, zoneShift } from "./time.js";

export const ROWS = { roomy: 20, dense: 11, finest: 5 };
const EVENTS_PER_PIXEL = 4;
const PIXELS_PER_EVENT = 3.5;
const LANES_GREATEST = 512;

// Rows that scroll together: the pinned ones, or the tree's.
export class Band {
    constructor() {
        this.rows = [];
        this.isLeaf = new Uint8Array(0);
        // Of the rows in sight: events in sight.
        this.totals = new Float64Array(0);
        this.rowOf = new Int32Array(0);
        this.spans = new Map();
        this.top = 0;
        this.height = 0;
        this.scroll = 0;
        this.rowPixels = 20;
        this.first = this.last = this.near = this.far = 0;
    }

    // Takes over rows. Lanes that have none belong to the row above them in the tree.
    setRows(rows, lanes, isPinned) {
        this.rows = rows;
        this.isLeaf = new Uint8Array(rows.length);
        this.totals = new Float64Array(rows.length);
        let greatest = 0;
        for (const id of lanes.keys()) if (id > greatest) greatest = id;
        this.rowOf = new Int32Array(greatest + 1).fill(-1);
        this.spans.clear();
        rows.forEach((lane, row) => { this.rowOf[lane.id] = row; });
        for (const [id, lane] of lanes) {
            if (this.rowOf[id] >= 0) continue;
            let at = lane.above;
            while (at && !rows[this.rowOf[at.id]]) at = at.above;
            if (at && (isPinned || this.isClosedRow(this.rowOf[at.id]))) this.rowOf[id] = this.rowOf[at.id];
        }
        rows.forEach((lane, row) => {
            this.isLeaf[row] = isPinned || !(rows[row + 1]?.above === lane) ? 1 : 0;
            let host = lane;
            while (host.above) host = host.above;
            const span = this.spans.get(host.id);
            if (!span) this.spans.set(host.id, [row, row + 1]);
            else span[1] = row + 1;
        });
    }

    // A row without rows for what lies below it.
    isClosedRow(row) {
        return this.rows[row + 1]?.above !== this.rows[row];
    }

    // In device pixels.
    place(top, height, scroll, rowPixels) {
        this.top = top;
        this.height = height;
        this.scroll = scroll;
        this.rowPixels = rowPixels;
        this.first = Math.max(0, Math.min(this.rows.length, Math.floor(scroll / rowPixels)));
        this.last = Math.max(this.first, Math.min(this.rows.length, Math.ceil((scroll + height) / rowPixels)));
        this.near = Math.max(0, Math.floor((this.first - 24) / 48) * 48);
        this.far = Math.min(this.rows.length, Math.ceil((this.last + 24) / 48) * 48);
    }

    y(row) {
        return this.top + row * this.rowPixels - this.scroll;
    }

    rowAt(y) {
        if (y < this.top || y >= this.top + this.height) return -1;
        const row = Math.floor((y - this.top + this.scroll) / this.rowPixels);
        return row < this.rows.length ? row : -1;
    }
}

export class Stage {
    constructor(app) {
        this.app = app;
        this.axis = document.getElementById("axis");
        this.canvas = document.getElementById("rows");
        this.overlay = document.getElementById("overlay");
        this.axisContext = this.axis.getContext("2d");
        this.context = this.canvas.getContext("2d", { alpha: false });
        this.overlayContext = this.overlay.getContext("2d");
        this.tree = new Band();
        this.pinned = new Band();
        this.density = [new DensityPainter(app), new DensityPainter(app)];
        this.events = new EventPainter(app);
        this.marks = new MarkPainter(app);
        this.showsEvents = false;
        this.isOverlayEmpty = false;
        this.ratio = 1;
        this.width = this.height = 0;
        this.labels = new Map();
        this.labelsKey = "";
        this.treeVersion = -1;
        this.frameTimes = new Float64Array(240);
        this.frames = 0;
    }

    resize() {
        const ratio = window.devicePixelRatio || 1;
        const box = this.canvas.parentElement.getBoundingClientRect();
        const axisHeight = Math.round(26 * ratio);
        const width = Math.max(1, Math.round(box.width * ratio)), height = Math.max(1, Math.round(box.height * ratio));
        if (width === this.width && height === this.height && ratio === this.ratio) return;
        this.ratio = ratio;
        this.width = width;
        this.height = height;
        for (const [canvas, tall] of [[this.axis, axisHeight], [this.canvas, height], [this.overlay, height]]) {
            canvas.width = width;
            canvas.height = tall;
            canvas.style.width = `${width / ratio}px`;
            canvas.style.height = `${tall / ratio}px`;
        }
        this.app.view.width = width / ratio;
        this.isOverlayEmpty = false;
    }

    // Few rows share the room that there is, as far as that helps.
    get rowPixels() {
        const least = ROWS[this.app.rowSize], rows = this.tree.rows.length + this.pinned.rows.length;
        const shared = rows && this.app.rowSize === "roomy" ? Math.min(52, Math.floor((this.height / this.ratio - 4) / rows)) : 0;
        return Math.max(2, Math.round(Math.max(least, shared) * this.ratio));
    }

    layout(scrollTop) {
        const { tree, rows, pinnedRows } = this.app;
        if (this.treeVersion !== tree.version) {
            this.treeVersion = tree.version;
            this.tree.setRows(rows(), tree.lanes, false);
            this.pinned.setRows(pinnedRows(), tree.lanes, true);
            this.rowsKey = `${tree.version}`;
        }
        const pinnedHeight = this.pinned.rows.length ? this.pinned.rows.length * this.rowPixels + Math.round(3 * this.ratio) : 0;
        this.pinned.place(0, Math.max(0, pinnedHeight - Math.round(3 * this.ratio)), 0, this.rowPixels);
        this.tree.place(pinnedHeight, this.height - pinnedHeight, Math.round(scrollTop * this.ratio), this.rowPixels);
    }

    // Ids of the lanes of which single events are wanted: the rows near the sight, and the pinned ones.
    laneIds() {
        const ids = new Set(this.pinned.rows.map((lane) => lane.id));
        for (let row = this.tree.near; row < this.tree.far && ids.size < LANES_GREATEST; row += 1) {
            if (this.tree.isLeaf[row]) ids.add(this.tree.rows[row].id);
        }
        return ids;
    }

    draw(now) {
        const { width, height, ratio, context } = this;
        const { theme, tiles } = this.app;
        context.fillStyle = theme.ground;
        context.fillRect(0, 0, width, height);
        this.density[0].prepare(this.tree, width, now);
        this.density[1].prepare(this.pinned, width, now);
        this.chooseDetail(now);
        for (const [band, painter] of [[this.tree, this.density[0]], [this.pinned, this.density[1]]]) {
            this.withClip(context, band, () => this.drawBand(band, painter));
        }
        if (this.pinned.rows.length) {
            context.fillStyle = theme["line-strong"];
            context.fillRect(0, this.tree.top - Math.round(2 * ratio), width, Math.max(1, Math.round(ratio)));
        }
        this.marks.drawWatermark(context, width, height, ratio);
        for (const band of [this.tree, this.pinned]) this.withClip(context, band, () => this.marks.drawFrontierLines(context, band, width, ratio));
        this.drawAxis();
        tiles.start(now);
        this.frames += 1;
    }

    withClip(context, band, draw) {
        if (band.last <= band.first) return;
        context.save();
        context.beginPath();
        context.rect(0, band.top, this.width, band.height);
        context.clip();
        draw();
        context.restore();
    }

    // Single events where few enough are in sight, and all of them are there.
    chooseDetail(now) {
        const [tree, pinned] = this.density;
        const total = tree.total + pinned.total;
        const most = EVENTS_PER_PIXEL * this.width / this.ratio * (this.showsEvents ? 1.15 : 1);
        const wants = tree.isKnown && pinned.isKnown && total <= most && this.tree.rows.length > 0;
        const level = tree.level;
        const key = `${this.rowsKey}:${this.tree.near}:${this.tree.far}`;
        this.showsEvents = wants && this.events.prepare(level, key, () => this.laneIds(), now);
    }

    drawBand(band, painter) {
        const { context, width, ratio } = this;
        const { theme } = this.app;
        const tall = band.rowPixels, line = Math.max(1, Math.round(ratio));
        for (let row = band.first; row < band.last; row += 1) {
            context.fillStyle = band.rows[row].kind === "stream" ? theme.row : theme["row-host"];
            context.fillRect(0, band.y(row), width, tall);
        }
        painter.draw(context, band, width, tall, ratio);
        if (this.showsEvents) this.coverLeaves(band, tall);
        painter.drawSkylines(context, band, width, tall, ratio, this.showsEvents ? this : null);
        const gap = tall >= 16 * ratio ? Math.round(1.5 * ratio) : tall >= 8 * ratio ? line : 0;
        context.fillStyle = theme.ground;
        for (let row = band.first; gap > 0 && row < band.last; row += 1) {
            context.fillRect(0, band.y(row), width, band.rows[row].kind === "host" && row > 0 ? gap * 2 : gap);
        }
        if (painter.unknown.length) this.marks.drawUnsearched(context, painter.unknown, band.top, band.y(band.last), ratio);
        this.drawGrid(band);
        this.marks.drawRows(context, band, width, ratio);
        if (this.showsEvents) this.events.draw(context, band, width, tall, ratio);
        else this.marks.drawLateColumns(context, painter, band, width, tall, ratio);
        this.marks.drawLosses(context, band, width, tall, ratio);
    }

    // Where single events stand, once they are shown at all: not in rows of sums, nor where they would run together.
    hasEvents(band, row) {
        return band.isLeaf[row] === 1 && band.totals[row] * PIXELS_PER_EVENT <= this.width / this.ratio;
    }

    coverLeaves(band, tall) {
        const { context, width } = this;
        const { theme } = this.app;
        for (let row = band.first; row < band.last; row += 1) {
            if (!this.hasEvents(band, row)) continue;
            context.fillStyle = band.rows[row].kind === "stream" ? theme.row : theme["row-host"];
            context.fillRect(0, band.y(row), width, tall);
        }
    }

    step() {
        const { view } = this.app;
        return axisStep(view.span / view.width * (view.width < 500 ? 78 : 96));
    }

    drawGrid(band) {
        const { context, width } = this;
        const { view, theme } = this.app;
        const step = this.step(), shift = zoneShift(view.from);
        context.fillStyle = theme.grid;
        const bottom = Math.min(band.top + band.height, band.y(band.last));
        for (let time = Math.ceil((view.from + shift) / step) * step - shift; time < view.to; time += step) {
            context.fillRect(Math.round((time - view.from) / view.span * width), band.top, 1, bottom - band.top);
        }
    }

    label(time, step, key) {
        if (this.labelsKey !== key || this.labels.size > 400) {
            this.labels.clear();
            this.labelsKey = key;
        }
        let text = this.labels.get(time);
        if (text === undefined) this.labels.set(time, text = axisText(time, step));
        return text;
    }

    drawAxis() {
        const context = this.axisContext, { width, ratio } = this, tall = this.axis.height;
        const { view, theme, live } = this.app;
        context.fillStyle = theme.ground;
        context.fillRect(0, 0, width, tall);
        const step = this.step(), shift = zoneShift(view.from);
        context.font = `${Math.round(11 * ratio)}px ${theme.font}`;
        context.textBaseline = "middle";
        const middle = tall / 2;
        // Of a span within a second the axis tells fractions; which second, day or hour it is stands at its left.
        const base = step < 1e9 ? `${dateText(view.from)}  ${clockText(view.from, 0)}` : step < 60e9 || step < 86_400e9 ? dateText(view.from) : "";
        const baseWidth = base ? context.measureText(base).width + 20 * ratio : 0;
        const key = `${step}:${this.app.zoneName}`;
        const flag = live.watermark === null ? -1e9 : this.marks.x(live.watermark, width);
        for (let time = Math.ceil((view.from + shift) / step) * step - shift; time < view.to; time += step) {
            const x = Math.round((time - view.from) / view.span * width);
            context.fillStyle = theme["line-strong"];
            context.fillRect(x, tall - Math.round(6 * ratio), 1, Math.round(6 * ratio));
            const fromFlag = x - flag;
            if (x < baseWidth || fromFlag > -64 * ratio && fromFlag < 84 * ratio) continue;
            context.fillStyle = theme.muted;
            context.fillText(this.label(time, step, key), x + Math.round(4 * ratio), middle);
        }
        if (base) {
            context.fillStyle = theme.text;
            context.fillText(base, 8 * ratio, middle);
        }
        if (live.watermark !== null) this.drawFlag(context, this.marks.x(live.watermark, width), tall, base ? baseWidth : 0);
    }

    // W's flag on the axis, and what the zone behind it is.
    drawFlag(context, x, tall, least) {
        const { ratio, width } = this;
        const { theme } = this.app;
        if (x < 0 || x > width) return;
        const size = Math.round(14 * ratio), half = Math.round(8 * ratio);
        const top = Math.round((tall - size) / 2);
        context.fillStyle = theme.accent;
        context.beginPath();
        context.roundRect(Math.max(x - half, 0), top, 2 * half, size, 3 * ratio);
        context.fill();
        context.fillRect(x, tall - top, Math.max(1, Math.round(1.5 * ratio)), top);
        context.fillStyle = theme.ground;
        context.textAlign = "center";
        context.font = `600 ${Math.round(10 * ratio)}px ${theme.font}`;
        context.fillText("W", Math.max(x, half), tall / 2 + ratio * 0.5);
        context.textAlign = "left";
        const text = "incomplete", font = `${Math.round(11 * ratio)}px ${theme.font}`;
        context.font = font;
        const room = width - x - half;
        const textWidth = context.measureText(text).width;
        if (room > textWidth + 12 * ratio && x > least) {
            context.fillStyle = theme.ground;
            context.fillRect(x + half, 0, textWidth + 10 * ratio, tall - Math.round(7 * ratio));
            context.fillStyle = theme.muted;
            context.fillText(text, x + half + 5 * ratio, tall / 2);
        }
    }

    // What is under the pointer: { band, lane, row, event } or with counts of its column.
    hit(x, y) {
        const band = y * this.ratio < this.tree.top && this.pinned.rows.length ? this.pinned : this.tree;
        const row = band.rowAt(y * this.ratio);
        if (row < 0) return null;
        const lane = band.rows[row], time = this.app.view.time(x);
        const hit = { band, row, lane, time, event: null, column: null };
        if (this.showsEvents && this.hasEvents(band, row)) {
            const near = this.events.near(band, row, x * this.ratio, this.width, 7 * this.ratio);
            if (near) hit.event = near;
        } else {
            hit.column = countAt(this.app.tiles, this.density[0].level, lane, time);
        }
        return hit;
    }

    // What follows the pointer, and what is chosen.
    drawOverlay() {
        const context = this.overlayContext, { width, height, ratio } = this;
        const { theme, pointer, selection, chosen, mark } = this.app;
        // A layer that is touched is composed again, even when nothing is on it.
        const isEmpty = !selection && !chosen && !pointer && mark === null;
        if (isEmpty && this.isOverlayEmpty) return;
        this.isOverlayEmpty = isEmpty;
        context.clearRect(0, 0, width, height);
        if (selection) {
            const left = this.marks.x(selection.from, width), right = this.marks.x(selection.to, width);
            context.fillStyle = theme.select;
            context.fillRect(left, 0, right - left, height);
            context.fillStyle = theme["select-line"];
            for (const x of [left, right]) context.fillRect(x, 0, Math.max(1, Math.round(ratio)), height);
            this.drawSpanText(context, left, right);
        }
        if (mark !== null) {
            context.fillStyle = theme["select-line"];
            context.fillRect(this.marks.x(mark, width), 0, Math.max(1, Math.round(2 * ratio)), height);
        }
        if (chosen) this.drawChosen(context, chosen);
        if (pointer && pointer.x >= 0) {
            context.fillStyle = theme.cursor;
            context.fillRect(Math.round(pointer.x * ratio), 0, 1, height);
            const hit = pointer.hit;
            if (hit && hit.event) this.ring(context, hit.band, hit.row, hit.event.tile.times[hit.event.at], theme.text);
        }
    }

    drawSpanText(context, left, right) {
        const { ratio, width } = this;
        const { theme, selection } = this.app;
        const text = durationText(selection.to - selection.from);
        context.font = `600 ${Math.round(11 * ratio)}px ${theme.font}`;
        const size = context.measureText(text).width + 12 * ratio;
        const x = Math.max(0, Math.min(width - size, (Math.max(left, 0) + Math.min(right, width) - size) / 2));
        context.fillStyle = theme["select-line"];
        context.beginPath();
        context.roundRect(x, 4 * ratio, size, 18 * ratio, 3 * ratio);
        context.fill();
        context.fillStyle = theme.ground;
        context.textBaseline = "middle";
        context.fillText(text, x + 6 * ratio, 13.5 * ratio);
    }

    drawChosen(context, chosen) {
        const { theme } = this.app;
        for (const band of [this.tree, this.pinned]) {
            const row = band.rowOf[chosen.lane];
            if (row === undefined || row < band.first || row >= band.last) continue;
            this.withClip(context, band, () => this.ring(context, band, row, chosen.time, theme.accent));
        }
    }

    ring(context, band, row, time, color) {
        const { ratio } = this;
        const x = this.marks.x(time, this.width), half = 4 * ratio;
        context.strokeStyle = color;
        context.lineWidth = Math.max(1, 1.75 * ratio);
        context.beginPath();
        context.roundRect(x + ratio - half, band.y(row) + ratio, 2 * half, band.rowPixels - 2 * ratio, 2 * ratio);
        context.stroke();
    }
}
