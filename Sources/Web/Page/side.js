// The names of the lanes: a tree of which only what is in sight is in the document.

import { by, icon, make, plain, say } from "./dom.js";
import { labelOf, pathOf } from "./lanes.js";
import { countText, durationText } from "./time.js";
import { ROWS } from "./stage.js";

const PIN = "M6 2.5h4l-.5 4 2 2.5h-7l2-2.5zM8 9v4.5";
const HIDE = "M3 3l10 10M6.5 4.2C10.5 3.2 13.5 6.5 14.5 8c-.4.6-1 1.3-1.7 2M4 5.5C2.8 6.4 2 7.4 1.5 8c1 1.5 4 4.8 8 3.8";

export class Side {
    constructor(app) {
        this.app = app;
        this.tree = by("tree");
        this.room = by("tree-room");
        this.pinned = by("pinned");
        this.pool = new Map();
        this.pinnedPool = new Map();
        this.active = null;
        this.under = null;
        this.shape = [];
        this.drawnAt = -Infinity;
        this.drag = null;
        this.listen();
    }

    get scrollTop() {
        return this.tree.scrollTop;
    }

    // Brings the document to what the bands show, where that has changed. Numbers of events may be half a second old.
    draw(now) {
        const { stage, app } = this, ratio = stage.ratio;
        const tall = stage.rowPixels / ratio, shape = this.shape;
        const next = [app.tree.version, tall, stage.tree.first, stage.tree.last, stage.tree.top, this.active, app.isNarrow, app.rowSize];
        if (now - this.drawnAt < 500 && next.every((value, index) => value === shape[index])) return;
        this.shape = next;
        this.drawnAt = now;
        const size = app.rowSize;
        this.tree.classList.toggle("small", ROWS[size] < 16);
        this.pinned.classList.toggle("small", ROWS[size] < 16);
        this.tree.classList.toggle("finest", size === "finest");
        this.pinned.classList.toggle("finest", size === "finest");
        this.room.style.height = `${stage.tree.rows.length * tall}px`;
        this.pinned.style.height = `${stage.tree.top / ratio}px`;
        this.fill(this.room, this.pool, stage.tree, tall, 0);
        this.fill(this.pinned, this.pinnedPool, stage.pinned, tall, 1);
        const hidden = app.tree.hidden.size;
        let streams = 0;
        for (const lane of app.tree.lanes.values()) if (lane.kind === "stream") streams += 1;
        say(by("lane-count"), `${app.tree.roots.length} hosts · ${streams} streams`);
        const unhide = by("unhide");
        unhide.hidden = hidden === 0;
        if (hidden) say(unhide, `show ${hidden} hidden`);
    }

    get stage() {
        return this.app.stage;
    }

    fill(parent, pool, band, tall, isPinned) {
        for (const [row, element] of pool) {
            if (row >= band.last || row < band.first) {
                element.remove();
                pool.delete(row);
            }
        }
        for (let row = band.first; row < band.last; row += 1) {
            let element = pool.get(row);
            if (!element) {
                element = this.makeRow();
                pool.set(row, element);
                parent.append(element);
            }
            this.fillRow(element, band.rows[row], row, tall, isPinned);
        }
    }

    makeRow() {
        const element = make("div", "lane");
        element.setAttribute("role", "treeitem");
        const parts = { twisty: make("span", "twisty"), state: make("i", "state"), name: make("span", "name"), place: make("span", "place"),
            skew: make("span", "badge skew"), note: make("span", "badge"), count: make("span", "count"), tools: make("span", "tools") };
        parts.twisty.setAttribute("aria-hidden", "true");
        const pin = make("button"), hide = make("button");
        pin.append(icon(PIN));
        hide.append(icon(HIDE));
        for (const [button, title] of [[pin, "Pin (P)"], [hide, "Hide (H)"]]) {
            button.title = title;
            button.setAttribute("aria-label", title);
            button.tabIndex = -1;
        }
        pin.addEventListener("click", (event) => this.act(event, element, (lane) => this.app.togglePin(lane)));
        hide.addEventListener("click", (event) => this.act(event, element, (lane) => this.app.hide(lane)));
        parts.twisty.addEventListener("click", (event) => this.act(event, element, (lane) => this.toggle(lane)));
        parts.tools.append(pin, hide);
        parts.pin = pin;
        element.append(parts.twisty, parts.state, parts.name, parts.place, parts.skew, parts.note, parts.count, parts.tools);
        element.parts = parts;
        return element;
    }

    act(event, element, action) {
        event.stopPropagation();
        action(element.lane);
    }

    fillRow(element, lane, row, tall, isPinned) {
        const { parts } = element, { tree, live } = this.app;
        element.lane = lane;
        element.style.transform = `translateY(${row * tall}px)`;
        element.style.height = `${tall}px`;
        const isClosed = tree.closed.has(lane.key), hasRows = lane.children.length > 0 && !isPinned;
        element.style.paddingLeft = `${isPinned ? 6 : 4 + lane.depth * (this.app.isNarrow ? 7 : 12)}px`;
        element.className = `lane ${lane.kind}${this.active === lane ? " active" : ""}${this.under === lane ? " under" : ""}${lane.state === "ended" ? " ended" : ""}`;
        element.id = isPinned ? `pin-${lane.id}` : `lane-${lane.id}`;
        element.setAttribute("aria-level", lane.depth + 1);
        element.setAttribute("aria-selected", this.active === lane);
        if (hasRows) element.setAttribute("aria-expanded", !isClosed);
        else element.removeAttribute("aria-expanded");
        say(parts.twisty, hasRows ? (isClosed ? "▶" : "▼") : "");
        parts.state.hidden = lane.kind === "stream" && lane.state !== "lost";
        parts.state.className = `state ${lane.state}`;
        say(parts.name, plain(labelOf(lane)));
        say(parts.place, lane.kind === "host" && lane.relay !== lane.name ? plain(lane.relay) : isPinned && lane.above ? plain(pathOf(lane.above)) : "");
        const holder = live.state?.holder;
        const note = lane.kind === "host" && holder && holder.relay === lane.relay && holder.host === lane.name ? `holds W ${durationText(Math.round(holder.held_ns / 1e9) * 1e9)}`
            : lane.state !== "active" && lane.state !== "quiet" && lane.kind !== "stream" ? lane.state : "";
        say(parts.note, note);
        parts.note.hidden = !note;
        say(parts.count, note ? "" : countText(lane.events));
        parts.note.className = `badge ${note.startsWith("holds") || lane.state === "excluded" || lane.state === "lost" ? "alarm" : "warn"}`;
        const skew = lane.kind === "host" ? skewText(lane.clock) : "";
        say(parts.skew, skew);
        parts.skew.hidden = !skew;
        parts.skew.title = skew ? skewTitle(lane.clock) : "";
        element.title = `${pathOf(lane)}${lane.reason ? `\n${lane.state}: ${lane.reason}` : ""}`;
        parts.pin.setAttribute("aria-pressed", tree.pinned.includes(lane.key));
    }

    toggle(lane) {
        this.app.tree.setClosed(lane, !this.app.tree.closed.has(lane.key));
        this.app.lanesChanged();
    }

    setActive(lane, isShown = true) {
        this.active = lane;
        if (lane && isShown) this.scrollTo(lane);
        if (lane) this.tree.setAttribute("aria-activedescendant", `lane-${lane.id}`);
        this.app.invalidate();
    }

    setUnder(lane) {
        if (this.under === lane) return;
        this.under = lane;
        for (const pool of [this.pool, this.pinnedPool]) for (const element of pool.values()) element.classList.toggle("under", element.lane === lane);
    }

    scrollTo(lane) {
        const { stage } = this, row = stage.tree.rows.indexOf(lane), tall = stage.rowPixels / stage.ratio;
        if (row < 0) return;
        const top = row * tall, height = this.tree.clientHeight;
        if (top < this.tree.scrollTop) this.tree.scrollTop = top;
        else if (top + tall > this.tree.scrollTop + height) this.tree.scrollTop = top + tall - height;
    }

    listen() {
        this.tree.addEventListener("scroll", () => this.app.invalidate());
        for (const parent of [this.tree, this.pinned]) {
            parent.addEventListener("pointerdown", (event) => this.press(event));
            parent.addEventListener("pointermove", (event) => this.moved(event));
            parent.addEventListener("pointerup", (event) => this.release(event));
            parent.addEventListener("pointercancel", () => { this.drag = null; });
            parent.addEventListener("pointerleave", () => this.setUnder(null));
            parent.addEventListener("dblclick", (event) => {
                const element = event.target.closest(".lane");
                if (element && !event.target.closest("button, .twisty")) this.toggle(element.lane);
            });
        }
        this.tree.addEventListener("keydown", (event) => this.key(event));
        by("unhide").addEventListener("click", () => this.app.unhide());
        this.listenEdge();
    }

    listenEdge() {
        const edge = by("side-edge"), root = document.documentElement;
        const set = (width) => {
            root.style.setProperty("--side", `${Math.min(Math.max(80, width), innerWidth * 0.6)}px`);
            localStorage.setItem("tidemark-side", String(width));
            this.app.resized();
        };
        const kept = Number(localStorage.getItem("tidemark-side"));
        if (kept) root.style.setProperty("--side", `${Math.min(Math.max(80, kept), innerWidth * 0.6)}px`);
        edge.addEventListener("pointerdown", (event) => edge.setPointerCapture(event.pointerId));
        edge.addEventListener("pointermove", (event) => { if (edge.hasPointerCapture(event.pointerId)) set(event.clientX); });
        edge.addEventListener("keydown", (event) => {
            const change = event.key === "ArrowLeft" ? -16 : event.key === "ArrowRight" ? 16 : 0;
            if (!change) return;
            event.preventDefault();
            event.stopPropagation();
            set(by("side").offsetWidth + change);
        });
    }

    press(event) {
        const element = event.target.closest(".lane");
        if (!element || event.button !== 0 || event.target.closest("button, .twisty")) return;
        this.setActive(element.lane, false);
        if (event.pointerType === "mouse") this.drag = { lane: element.lane, y: event.clientY, isMoving: false, target: null, isBehind: false };
    }

    moved(event) {
        const element = document.elementFromPoint(event.clientX, event.clientY)?.closest?.(".lane");
        this.setUnder(element?.lane ?? null);
        const drag = this.drag;
        if (!drag || event.buttons !== 1) return;
        if (!drag.isMoving && Math.abs(event.clientY - drag.y) < 5) return;
        drag.isMoving = true;
        this.clearTarget();
        if (!element || element.lane === drag.lane || element.lane.above !== drag.lane.above) {
            drag.target = null;
            return;
        }
        const box = element.getBoundingClientRect();
        drag.target = element.lane;
        drag.isBehind = event.clientY > box.top + box.height / 2;
        element.classList.add(drag.isBehind ? "target" : "target-above");
    }

    release() {
        const drag = this.drag;
        this.drag = null;
        this.clearTarget();
        if (drag?.isMoving && drag.target && this.app.tree.move(drag.lane, drag.target, drag.isBehind)) this.app.lanesChanged();
    }

    clearTarget() {
        for (const element of this.tree.querySelectorAll(".target, .target-above")) element.classList.remove("target", "target-above");
    }

    key(event) {
        if (event.ctrlKey || event.metaKey) return;
        const { rows } = this.stage.tree, { tree } = this.app;
        const at = rows.indexOf(this.active), lane = this.active;
        const go = (row) => this.setActive(rows[Math.max(0, Math.min(rows.length - 1, row))] ?? null);
        if (event.altKey && lane && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
            if (tree.step(lane, event.key === "ArrowUp" ? -1 : 1)) this.app.lanesChanged();
            this.app.frameSoon(() => this.scrollTo(lane));
        } else if (event.key === "ArrowDown") go(at + 1);
        else if (event.key === "ArrowUp") go(at < 0 ? 0 : at - 1);
        else if (event.key === "PageDown") go(at + 20);
        else if (event.key === "PageUp") go(at - 20);
        else if (event.key === "Home") go(0);
        else if (event.key === "End") go(rows.length - 1);
        else if (event.key === "ArrowRight" && lane) {
            if (tree.closed.has(lane.key)) this.toggle(lane);
            else if (lane.children.length) go(at + 1);
        } else if (event.key === "ArrowLeft" && lane) {
            if (lane.children.length && !tree.closed.has(lane.key)) this.toggle(lane);
            else if (lane.above) this.setActive(lane.above);
        } else if ((event.key === "Enter" || event.key === " ") && lane) this.toggle(lane);
        else return;
        event.preventDefault();
        event.stopPropagation();
    }
}

// How far a clock is ahead: its middle and how sure that is, or the one bound that is known.
export function skewText(clock) {
    if (!clock || clock.quality === "absent") return "";
    const { lower_ns: lower, upper_ns: upper } = clock;
    const signed = (value) => `${value > 0 ? "+" : ""}${durationText(value)}`;
    if (clock.quality === "failed") return "clock ?";
    if (lower !== null && upper !== null) return middleText((lower + upper) / 2, (upper - lower) / 2);
    if (lower !== null) return `≥ ${signed(lower)}`;
    return upper !== null ? `≤ ${signed(upper)}` : "";
}

// Both in one unit: that of the greater.
function middleText(middle, error) {
    const size = Math.max(Math.abs(middle), error);
    const [unit, scale] = size >= 1e9 ? ["s", 1e9] : size >= 1e6 ? ["ms", 1e6] : size >= 1e3 ? ["µs", 1e3] : ["ns", 1];
    const short = (value) => Number((value / scale).toPrecision(3));
    return `${middle > 0 ? "+" : middle < 0 ? "−" : ""}${short(Math.abs(middle))} ±${short(error)} ${unit}`;
}

function skewTitle(clock) {
    const lines = [`clock against ${clock.reference || "the coordinator's"}: ${clock.quality}`];
    if (clock.lower_ns !== null) lines.push(`ahead by at least ${durationText(clock.lower_ns)}`);
    if (clock.upper_ns !== null) lines.push(`ahead by at most ${durationText(clock.upper_ns)}`);
    if (clock.drift_ppb !== null) lines.push(`gains ${clock.drift_ppb} ± ${clock.drift_error_ppb} ns a second`);
    if (clock.correction_ns) lines.push(`corrected by ${durationText(clock.correction_ns)}`);
    if (clock.spread_ns) lines.push(`its traces' times differ by ${durationText(clock.spread_ns)}`);
    return lines.join("\n");
}
