// Paints what is not events: W, how far each host has come, times that are not part of the feed, losses, steps of clocks.

export class MarkPainter {
    constructor(app) {
        this.app = app;
    }

    x(time, width) {
        const { view } = this.app;
        return Math.round((time - view.from) / view.span * width);
    }

    drawRows(context, band, width, ratio) {
        this.drawExcluded(context, band, width, ratio);
        this.drawUnknown(context, band, width);
    }

    // Times that the server has not looked at yet for the filter: dotted.
    drawUnsearched(context, pairs, top, bottom, ratio) {
        const { theme } = this.app;
        context.fillStyle = theme.dotting(context, theme["line-strong"], 6, ratio);
        for (let at = 0; at < pairs.length; at += 2) context.fillRect(pairs[at], top, pairs[at + 1] - pairs[at], bottom - top);
    }

    // [from, to) of a span in pixels within the stage, or null.
    clip(from, to, width) {
        const left = Math.max(-2, this.x(from, width)), right = Math.min(width + 2, this.x(to, width));
        return right > left ? [left, right] : null;
    }

    drawExcluded(context, band, width, ratio) {
        const { live, theme } = this.app;
        const until = live.now(performance.now());
        for (const mark of live.marks) {
            if (mark.kind !== "excluded" && mark.kind !== "gap" || mark.from === null) continue;
            const span = this.clip(mark.from, mark.to ?? until, width);
            if (!span) continue;
            const rows = mark.lane === 0 ? [band.first, band.last] : band.spans.get(mark.lane);
            if (!rows) continue;
            const top = band.y(Math.max(rows[0], band.first)), bottom = band.y(Math.min(rows[1], band.last));
            if (bottom <= top) continue;
            context.fillStyle = theme.veil;
            context.fillRect(span[0], top, span[1] - span[0], bottom - top);
            context.fillStyle = theme.hatching(context, theme["muted"], 7, ratio);
            context.globalAlpha = 0.55;
            context.fillRect(span[0], top, span[1] - span[0], bottom - top);
            context.globalAlpha = 1;
        }
    }

    // What nobody knows yet of a host.
    drawUnknown(context, band, width) {
        const { live, theme, tree } = this.app;
        for (const [id, rows] of band.spans) {
            const lane = tree.lanes.get(id), frontier = live.frontiers.get(id);
            if (!lane || lane.kind !== "host" || frontier === undefined) continue;
            const x = this.x(frontier, width);
            const top = band.y(Math.max(rows[0], band.first)), bottom = band.y(Math.min(rows[1], band.last));
            if (bottom <= top || x > width) continue;
            context.fillStyle = theme["veil-host"];
            context.fillRect(Math.max(0, x), top, width - Math.max(0, x), bottom - top);
        }
    }

    // How far each host has come: a line in its rows, above all veils. Red and wide for the one that holds W.
    drawFrontierLines(context, band, width, ratio) {
        const { live, theme, tree } = this.app, holder = live.state.holder;
        for (const [id, rows] of band.spans) {
            const lane = tree.lanes.get(id), frontier = live.frontiers.get(id);
            if (!lane || frontier === undefined) continue;
            const x = this.x(frontier, width);
            const top = band.y(Math.max(rows[0], band.first)), bottom = band.y(Math.min(rows[1], band.last));
            if (bottom <= top || x < 0 || x > width) continue;
            const isHolding = holder && holder.relay === lane.relay || lane.state === "lagging" || lane.state === "excluded";
            context.fillStyle = isHolding ? theme.lost : theme.muted;
            const gap = Math.round(2 * ratio), wide = Math.max(1, Math.round((isHolding ? 3 : 1) * ratio));
            context.fillRect(x - (isHolding ? Math.round(ratio) : 0), top + gap, wide, bottom - top - gap);
        }
    }

    // The zone right of W, and W itself, over all rows.
    drawWatermark(context, width, height, ratio) {
        const { live, theme } = this.app;
        if (live.watermark === null) return;
        const x = this.x(live.watermark, width);
        if (x < width) {
            const left = Math.max(0, x);
            context.fillStyle = theme.veil;
            context.fillRect(left, 0, width - left, height);
            context.fillStyle = theme.hatching(context, theme.line, 5, ratio);
            context.fillRect(left, 0, width - left, height);
        }
        if (x >= 0 && x < width) {
            context.fillStyle = theme.accent;
            context.fillRect(x, 0, Math.max(1, Math.round(1.5 * ratio)), height);
        }
    }

    // Losses with their span along the row's foot, and steps of clocks.
    drawLosses(context, band, width, rowPixels, ratio) {
        const { live, theme } = this.app;
        for (const mark of live.marks) {
            if (mark.kind !== "lost" && mark.kind !== "step") continue;
            const row = band.rowOf[mark.lane];
            if (row === undefined || row < band.first || row >= band.last) continue;
            const from = mark.from ?? mark.to, to = mark.to ?? mark.from;
            if (from === null) continue;
            const right = this.x(to, width), left = Math.min(this.x(from, width), right);
            if (right < -20 || left > width + 20) continue;
            const foot = band.y(row) + rowPixels;
            context.fillStyle = mark.kind === "lost" ? theme.lost : theme.accent;
            const bar = Math.max(2, Math.round(2.5 * ratio));
            context.fillRect(Math.max(-2, left), foot - bar - 1, Math.max(1, Math.min(width + 2, right) - Math.max(-2, left)), bar);
            this.triangle(context, right, foot - 1, Math.min(rowPixels * 0.55, 9 * ratio));
        }
    }

    triangle(context, x, foot, size) {
        context.beginPath();
        context.moveTo(x, foot - size);
        context.lineTo(x + size * 0.62, foot);
        context.lineTo(x - size * 0.62, foot);
        context.closePath();
        context.fill();
    }

    // Zoomed out, where late events are part of a column of counts.
    drawLateColumns(context, painter, band, width, rowPixels, ratio) {
        const { theme } = this.app;
        const half = Math.min(3.5 * ratio, rowPixels * 0.35);
        context.strokeStyle = theme.late;
        context.lineWidth = Math.max(1, 1.5 * ratio);
        context.fillStyle = theme.ground;
        painter.eachMark(band, width, (row, x, isLost) => {
            if (isLost && this.app.live.marks.length < 2000) return;
            const middle = band.y(row) + rowPixels / 2;
            if (isLost) {
                context.fillStyle = theme.lost;
                this.triangle(context, x, band.y(row) + rowPixels - 1, Math.min(rowPixels * 0.55, 9 * ratio));
                context.fillStyle = theme.ground;
                return;
            }
            context.fillRect(Math.round(x - half), Math.round(middle - half), Math.round(2 * half), Math.round(2 * half));
            context.strokeRect(Math.round(x - half), Math.round(middle - half), Math.round(2 * half), Math.round(2 * half));
        });
    }
}
