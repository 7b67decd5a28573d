// The strip above: all that is kept, how much of it there is, and a brush for what is shown.

import { TILE_COLUMNS } from "./density.js";
import { axisStep, axisText, zoneShift } from "./time.js";

const FEED_ROW = [{ id: 0, kind: "feed" }];
const EDGE = 7;

export class Overview {
    constructor(app) {
        this.app = app;
        this.canvas = document.getElementById("overview");
        this.context = this.canvas.getContext("2d", { alpha: false });
        // All but the brush, which moves in every frame.
        this.base = new OffscreenCanvas(1, 1);
        this.baseContext = this.base.getContext("2d", { alpha: false });
        this.baseAt = -Infinity;
        this.baseKey = 0;
        this.width = this.height = 0;
        this.sums = new Float64Array(0);
        this.unknown = [];
        this.drag = null;
        this.listen();
    }

    resize() {
        const ratio = window.devicePixelRatio || 1, box = this.canvas.parentElement.getBoundingClientRect();
        const width = Math.max(1, Math.round(box.width * ratio)), height = Math.max(1, Math.round(box.height * ratio));
        if (width === this.width && height === this.height) return;
        this.ratio = ratio;
        this.canvas.width = this.width = width;
        this.canvas.height = this.height = height;
        this.base.width = width;
        this.base.height = height;
        this.baseAt = -Infinity;
        this.sums = new Float64Array(width);
    }

    // The times that it spans: all that is kept, up to now.
    range() {
        const { live } = this.app;
        const to = Math.max(live.now(performance.now()), live.end, live.begin + 1e9);
        return [live.begin, to + (to - live.begin) * 0.01];
    }

    x(time) {
        const [from, to] = this.range();
        return (time - from) / (to - from) * this.width / this.ratio;
    }

    time(x) {
        const [from, to] = this.range();
        return from + x / (this.width / this.ratio) * (to - from);
    }

    draw(now) {
        const { context, width, height, ratio } = this;
        const { theme, view, tiles, selection } = this.app;
        const key = theme.version * 1e9 + tiles.fills;
        if (now - this.baseAt > 400 || key !== this.baseKey || selection !== this.baseSelection) {
            this.baseAt = now;
            this.baseKey = key;
            this.baseSelection = selection;
            this.drawBase(now);
        }
        context.drawImage(this.base, 0, 0);
        const [from, to] = this.baseRange;
        const left = Math.round((view.from - from) / (to - from) * width), right = Math.round((view.to - from) / (to - from) * width);
        context.fillStyle = theme["veil-host"];
        context.fillRect(0, 0, Math.max(0, left), height);
        context.fillRect(right, 0, Math.max(0, width - right), height);
        const line = Math.max(1, Math.round(1.5 * ratio));
        context.strokeStyle = theme.accent;
        context.lineWidth = line;
        const shown = Math.max(right - left, 3 * ratio);
        context.strokeRect(left + line / 2, line / 2, shown - line, height - line);
        context.fillStyle = theme.accent;
        if (shown > 24 * ratio) {
            for (const x of [left, left + shown]) context.fillRect(x - 1.5 * ratio, height / 2 - 7 * ratio, 3 * ratio, 14 * ratio);
        }
    }

    drawBase(now) {
        const { baseContext: context, width, height, ratio } = this;
        const { theme } = this.app;
        const [from, to] = this.baseRange = this.range();
        context.fillStyle = theme.row;
        context.fillRect(0, 0, width, height);
        const greatest = this.collect(from, to, now);
        const foot = height - Math.round(2 * ratio), tall = foot - Math.round(14 * ratio);
        context.fillStyle = theme.ramp[2];
        for (let pixel = 0; pixel < width; pixel += 1) {
            const sum = this.sums[pixel];
            if (sum > 0) {
                const size = Math.max(ratio, (sum / greatest) ** 0.4 * tall);
                context.fillRect(pixel, foot - size, 1, size);
            }
        }
        if (this.app.activeFilter) this.app.stage.marks.drawUnsearched(context, this.unknown, 0, height, ratio);
        this.drawAxis(from, to);
        this.drawMarks(from, to);
    }

    collect(from, to, now) {
        const { tiles, live } = this.app, levels = live.state.levels, width = this.width;
        const level = Math.min(levels.greatest, Math.max(levels.least, Math.ceil(Math.log2((to - from) / width))));
        const column = 2 ** level, size = TILE_COLUMNS * column, scale = width / (to - from);
        this.sums.fill(0);
        this.unknown.length = 0;
        let greatest = 1;
        for (let index = Math.floor(from / size); index <= Math.floor(live.end / size); index += 1) {
            const tile = tiles.want(level, index, FEED_ROW, 0, 1, now), cells = tile.lanes.get(0);
            if (tile.isPartial || !cells) this.unknown.push(((index * TILE_COLUMNS + (cells ? tile.knownTo : 0)) * column - from) * scale, ((index + 1) * size - from) * scale);
            if (!cells) continue;
            for (let at = 0; at < TILE_COLUMNS; at += 1) {
                const count = cells.counts[at];
                if (count === 0) continue;
                // A column may be up to two pixels wide.
                const begin = Math.max(0, Math.floor((index * size + at * column - from) * scale));
                const end = Math.min(width, Math.max(begin + 1, Math.floor((index * size + (at + 1) * column - from) * scale)));
                for (let pixel = begin; pixel < end; pixel += 1) {
                    if (count > this.sums[pixel]) this.sums[pixel] = count;
                    if (count > greatest) greatest = count;
                }
            }
        }
        return greatest;
    }

    drawAxis(from, to) {
        const { baseContext: context, width, ratio } = this, { theme } = this.app;
        const step = axisStep((to - from) / width * 110 * ratio), shift = zoneShift(from);
        context.font = `${Math.round(10 * ratio)}px ${theme.font}`;
        context.textBaseline = "top";
        for (let time = Math.ceil((from + shift) / step) * step - shift; time < to; time += step) {
            const x = Math.round((time - from) / (to - from) * width);
            context.fillStyle = theme.line;
            context.fillRect(x, 0, 1, this.height);
            context.fillStyle = theme.muted;
            if (x < width - 40 * ratio) context.fillText(axisText(time, step), x + 4 * ratio, 3 * ratio);
        }
    }

    drawMarks(from, to) {
        const { baseContext: context, width, height, ratio } = this, { theme, live, selection } = this.app;
        const x = (time) => Math.round((time - from) / (to - from) * width);
        for (const mark of live.marks) {
            if (mark.kind === "excluded" || mark.kind === "gap") {
                const left = x(mark.from), right = Math.max(left + 2, x(mark.to ?? to));
                context.globalAlpha = 0.75;
                context.fillStyle = theme.hatching(context, theme.muted, 5, ratio);
                context.fillRect(left, height - Math.round(9 * ratio), right - left, Math.round(9 * ratio));
                context.globalAlpha = 1;
            } else if (mark.kind === "lost") {
                context.fillStyle = theme.lost;
                const middle = x(mark.to ?? mark.from ?? from);
                context.fillRect(middle - ratio, height - Math.round(9 * ratio), 2 * ratio, Math.round(9 * ratio));
            }
        }
        if (selection) {
            context.fillStyle = theme.select;
            context.fillRect(x(selection.from), 0, Math.max(1, x(selection.to) - x(selection.from)), height);
        }
        if (live.watermark !== null) {
            context.fillStyle = theme.accent;
            context.fillRect(x(live.watermark), 0, Math.max(1, Math.round(ratio)), height);
        }
    }

    listen() {
        const canvas = this.canvas;
        canvas.addEventListener("pointerdown", (event) => {
            if (!this.app.live.state) return;
            canvas.setPointerCapture(event.pointerId);
            const { view } = this.app, x = event.offsetX;
            const left = this.x(view.from), right = this.x(view.to);
            const isWide = right - left > 3 * EDGE;
            const kind = isWide && Math.abs(x - left) < EDGE ? "left" : isWide && Math.abs(x - right) < EDGE ? "right"
                : x > left - 2 && x < right + 2 ? "move" : "new";
            this.drag = { kind, start: x, from: view.from, to: view.to, moved: false };
            this.app.stopFollowing();
        });
        canvas.addEventListener("pointermove", (event) => {
            if (this.drag) this.move(event.offsetX);
            else this.hover(event.offsetX);
        });
        canvas.addEventListener("pointerup", (event) => {
            const drag = this.drag;
            this.drag = null;
            if (drag && !drag.moved && drag.kind === "new") {
                const half = this.app.view.span / 2, middle = this.time(event.offsetX);
                this.app.show(middle - half, middle + half, true);
            }
        });
        canvas.addEventListener("dblclick", () => this.app.showAll());
        canvas.addEventListener("wheel", (event) => {
            event.preventDefault();
            this.app.stopFollowing();
            const { view } = this.app;
            view.zoom(view.width / 2, Math.exp(event.deltaY * 0.0016));
            this.app.invalidate();
        }, { passive: false });
    }

    hover(x) {
        if (!this.app.live.state) return;
        const { view } = this.app, left = this.x(view.from), right = this.x(view.to);
        const isEdge = right - left > 3 * EDGE && (Math.abs(x - left) < EDGE || Math.abs(x - right) < EDGE);
        this.canvas.style.cursor = isEdge ? "ew-resize" : x > left && x < right ? "grab" : "crosshair";
    }

    move(x) {
        const drag = this.drag;
        if (Math.abs(x - drag.start) > 2) drag.moved = true;
        if (!drag.moved) return;
        const change = this.time(x) - this.time(drag.start);
        if (drag.kind === "move") this.app.show(drag.from + change, drag.to + change);
        else if (drag.kind === "left") this.app.show(Math.min(drag.from + change, drag.to - 1e3), drag.to);
        else if (drag.kind === "right") this.app.show(drag.from, Math.max(drag.to + change, drag.from + 1e3));
        else this.app.show(this.time(Math.min(x, drag.start)), this.time(Math.max(x, drag.start)));
    }
}
