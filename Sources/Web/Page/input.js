// What pointer, wheel and keys do to the stage.

import { by, plain, say } from "./dom.js";
import { labelOf, pathOf } from "./lanes.js";
import { clockText, durationText } from "./time.js";

const CLICK = 4;

export class StageInput {
    constructor(app) {
        this.app = app;
        this.layer = by("overlay");
        this.tip = by("tip");
        this.pointers = new Map();
        this.drag = null;
        this.pinch = null;
        this.listen();
    }

    listen() {
        const { layer } = this;
        layer.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
        layer.addEventListener("pointerdown", (event) => this.down(event));
        layer.addEventListener("pointermove", (event) => this.moved(event));
        layer.addEventListener("pointerup", (event) => this.up(event, true));
        layer.addEventListener("pointercancel", (event) => this.up(event, false));
        layer.addEventListener("pointerleave", () => this.leave());
        layer.addEventListener("dblclick", (event) => {
            this.app.stopFollowing();
            this.app.view.zoom(event.offsetX, 1 / 4);
            this.app.invalidate();
        });
        layer.addEventListener("contextmenu", (event) => { if (this.drag) event.preventDefault(); });
    }

    wheel(event) {
        event.preventDefault();
        const { app } = this, unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
        const across = event.deltaX * unit, down = event.deltaY * unit;
        if (event.shiftKey) {
            app.side.tree.scrollTop += down || across;
            return;
        }
        if (Math.abs(across) > Math.abs(down)) {
            app.stopFollowing();
            app.view.pan(across);
        } else {
            // While following, the right edge stays where it is.
            const x = app.isFollowing ? app.view.width : event.offsetX;
            app.view.zoom(x, Math.exp(Math.max(-400, Math.min(400, down)) * (event.ctrlKey ? 0.01 : 0.0018)));
            if (app.isFollowing) app.followSpan = app.view.targetSpan;
        }
        app.changed();
    }

    down(event) {
        const { app } = this;
        if (!app.isReady) return;
        this.layer.focus({ preventScroll: true });
        this.layer.setPointerCapture(event.pointerId);
        this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
        this.hideTip();
        if (this.pointers.size === 2) {
            this.startPinch();
            return;
        }
        if (this.pointers.size > 2) return;
        this.drag = {
            x: event.offsetX, y: event.offsetY, from: app.view.from, to: app.view.to, scroll: app.side.scrollTop, hasMoved: false,
            selects: event.shiftKey || event.button === 2, anchor: app.view.time(event.offsetX),
        };
    }

    startPinch() {
        const [first, second] = [...this.pointers.values()], { view } = this.app;
        this.drag = null;
        this.app.stopFollowing();
        this.pinch = { first: view.time(first.x), second: view.time(second.x), distance: Math.abs(first.x - second.x) };
        if (this.pinch.distance < 20) this.pinch = null;
    }

    moved(event) {
        const { app } = this, point = this.pointers.get(event.pointerId);
        if (point) {
            point.x = event.offsetX;
            point.y = event.offsetY;
        }
        if (this.pinch && this.pointers.size === 2) {
            this.movePinch();
            return;
        }
        if (this.drag) {
            this.moveDrag(event);
            return;
        }
        if (event.pointerType !== "touch") this.hover(event.offsetX, event.offsetY);
    }

    // Both fingers keep the times that they took hold of.
    movePinch() {
        const [first, second] = [...this.pointers.values()], { view } = this.app, pinch = this.pinch;
        if (Math.abs(first.x - second.x) < 10) return;
        const span = (pinch.second - pinch.first) / (second.x - first.x) * view.width;
        if (!(span > 0)) return;
        const from = pinch.first - first.x / view.width * span;
        this.app.show(from, from + span);
    }

    moveDrag(event) {
        const { app, drag } = this;
        const across = event.offsetX - drag.x, down = event.offsetY - drag.y;
        if (!drag.hasMoved && Math.abs(across) < CLICK && Math.abs(down) < CLICK) return;
        if (!drag.hasMoved && !drag.selects && Math.abs(across) >= CLICK) app.stopFollowing();
        drag.hasMoved = true;
        this.layer.classList.add("dragging");
        if (drag.selects) {
            const time = app.view.time(event.offsetX);
            app.setSelection({ from: Math.min(drag.anchor, time), to: Math.max(drag.anchor, time) });
            return;
        }
        app.side.tree.scrollTop = drag.scroll - down;
        if (!app.isFollowing) {
            const shift = -across / app.view.width * (drag.to - drag.from);
            app.show(drag.from + shift, drag.to + shift);
        }
        app.changed();
    }

    up(event, isDone) {
        const { app, drag } = this;
        this.pointers.delete(event.pointerId);
        this.layer.classList.remove("dragging");
        if (this.pinch) {
            if (this.pointers.size === 0) this.pinch = null;
            return;
        }
        this.drag = null;
        if (!drag || !isDone) return;
        if (drag.hasMoved) {
            if (drag.selects && app.selection) app.details.showRange(app.selection);
            return;
        }
        const hit = app.stage.hit(event.offsetX, event.offsetY);
        if (hit) this.click(hit);
        else app.side.setActive(null);
    }

    async click(hit) {
        const { app } = this;
        app.side.setActive(hit.lane, false);
        if (hit.event) {
            app.choose({ id: hit.event.tile.idOf(hit.event.at) }, false);
        } else if (hit.column && hit.column.count > 0) {
            // The first event of the column that was hit.
            const found = await app.query.run(app.nsOf(hit.column.begin), true, { lanes: hit.lane.id, filter: app.activeFilter, until: app.nsOf(hit.column.end) });
            if (found) app.choose(found, false);
        }
    }

    hover(x, y) {
        const { app } = this;
        if (!app.isReady) return;
        app.pointer = { x, y, hit: null };
        this.refresh();
        app.side.setUnder(app.pointer.hit?.lane ?? null);
        app.invalidateOverlay();
    }

    // What is under the pointer changes under it as well.
    refresh() {
        const { app } = this, { pointer } = app, hit = app.stage.hit(pointer.x, pointer.y);
        pointer.hit = hit;
        this.layer.classList.toggle("event", Boolean(hit?.event || hit?.column?.count));
        say(by("status-cursor"), clockText(app.view.time(pointer.x)));
        if (this.pointers.size === 0) this.fillTip(hit, pointer.x, pointer.y);
    }

    fillTip(hit, x, y) {
        const { app } = this;
        if (!hit || !hit.event && !(hit.column && (hit.column.count || hit.column.lost))) {
            this.hideTip();
            return;
        }
        const lines = [];
        if (hit.event) {
            const { tile, at } = hit.event;
            lines.push(app.events.names[tile.names[at]], clockText(tile.times[at]));
            if (tile.late[at] > 0) lines.push(`late: ${durationText(tile.late[at])} behind W`);
            const lane = app.tree.lanes.get(tile.lanes[at]);
            lines.push(lane ? pathOf(lane) : "");
        } else {
            const { count, late, lost, begin, end } = hit.column;
            lines.push(`${count.toLocaleString("en").replaceAll(",", " ")} ${count === 1 ? "event" : "events"} in ${durationText(end - begin)}`);
            if (late) lines.push(`${late} late`);
            if (lost) lines.push(`${lost} ${lost === 1 ? "loss" : "losses"}`);
            lines.push(`${clockText(begin, 6)}`, hit.lane.kind === "stream" ? pathOf(hit.lane) : labelOf(hit.lane));
        }
        const { tip } = this;
        while (tip.children.length < lines.length) tip.append(document.createElement(tip.children.length ? "span" : "b"));
        while (tip.children.length > lines.length) tip.lastChild.remove();
        lines.forEach((line, index) => say(tip.children[index], plain(line)));
        tip.hidden = false;
        const axis = 26, width = tip.offsetWidth, height = tip.offsetHeight, box = by("stage");
        const left = x + 14 + width > box.clientWidth ? x - 14 - width : x + 14;
        const top = y + axis + 16 + height > box.clientHeight ? y + axis - 12 - height : y + axis + 16;
        tip.style.transform = `translate(${Math.max(2, Math.round(left))}px, ${Math.max(2, Math.round(top))}px)`;
    }

    hideTip() {
        this.tip.hidden = true;
    }

    leave() {
        this.app.pointer = null;
        this.app.side.setUnder(null);
        this.hideTip();
        say(by("status-cursor"), "");
        this.app.invalidateOverlay();
    }
}

// Keys of the page, wherever the focus is; but not while one types.
export class Keys {
    constructor(app) {
        this.app = app;
        addEventListener("keydown", (event) => {
            if (this.handle(event)) event.preventDefault();
        });
    }

    handle(event) {
        const { app } = this;
        const isCommand = event.ctrlKey || event.metaKey, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
        if (document.querySelector("dialog[open]")) return false;
        if (isCommand && key === "p") return app.finder.open(), true;
        if (isCommand && key === "f") return by("expression").focus(), by("expression").select(), true;
        const typing = event.target.matches?.("input, textarea, select");
        if (typing || isCommand || event.altKey) return false;
        if ((key === " " || key === "Enter") && event.target.matches?.("button, a")) return false;
        if (!app.isReady && key !== "?" && key !== "t") return false;
        const action = this.actions[key];
        if (!action) return false;
        action(app, event);
        app.changed();
        return true;
    }

    actions = {
        w: (app) => app.zoomBy(1 / 1.6),
        s: (app) => app.zoomBy(1.6),
        "+": (app) => app.zoomBy(1 / 1.6),
        "=": (app) => app.zoomBy(1 / 1.6),
        "-": (app) => app.zoomBy(1.6),
        a: (app) => app.panBy(-0.18),
        d: (app) => app.panBy(0.18),
        ArrowLeft: (app, event) => app.panBy(event.shiftKey ? -0.9 : -0.18),
        ArrowRight: (app, event) => app.panBy(event.shiftKey ? 0.9 : 0.18),
        ArrowUp: (app) => { app.side.tree.scrollTop -= 60; },
        ArrowDown: (app) => { app.side.tree.scrollTop += 60; },
        PageUp: (app) => { app.side.tree.scrollTop -= app.side.tree.clientHeight * 0.9; },
        PageDown: (app) => { app.side.tree.scrollTop += app.side.tree.clientHeight * 0.9; },
        " ": (app) => app.toggleFollowing(),
        j: (app) => app.follow(),
        End: (app) => app.follow(),
        0: (app) => app.showAll(),
        Home: (app) => app.showAll(),
        z: (app) => app.zoomToChosen(),
        m: (app) => app.markTime(),
        ".": (app) => app.step(true),
        ",": (app) => app.step(false),
        n: (app, event) => app.query.find(!event.shiftKey),
        c: (app) => app.details.copy(),
        f: () => { by("expression").focus(); by("expression").select(); },
        "/": (app) => app.finder.open(),
        "?": () => by("sheet").showModal(),
        l: (app) => { by("tree").focus(); if (!app.side.active) app.side.setActive(app.stage.tree.rows[0] ?? null); },
        p: (app) => { if (app.lanePointed) app.togglePin(app.lanePointed); },
        h: (app) => { if (app.lanePointed) app.hide(app.lanePointed); },
        "[": (app) => app.fold(true),
        "]": (app) => app.fold(false),
        v: (app) => app.nextRowSize(),
        t: (app) => app.theme.toggle(),
        u: (app) => app.toggleZone(),
        Escape: (app) => app.escape(),
    };
}
