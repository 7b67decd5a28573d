// The page: what it shows, and what happens when something changes. Everything else is drawn from here.

import { readAddress, writeAddress } from "./address.js";
import { API } from "./api.js";
import { Details } from "./details.js";
import { by, say } from "./dom.js";
import { EventStore } from "./event-tiles.js";
import { Finder } from "./finder.js";
import { Keys, StageInput } from "./input.js";
import { LaneTree } from "./lanes.js";
import { LiveState } from "./live.js";
import { Overview } from "./overview.js";
import { Query } from "./query.js";
import { Side } from "./side.js";
import { Stage } from "./stage.js";
import { Status } from "./status.js";
import { Theme } from "./theme.js";
import { TileStore } from "./tiles.js";
import { toNs, toOffset, zone } from "./time.js";
import { View } from "./view.js";

// Where now is drawn while following: so much of the width is left for what is still to come.
const AHEAD = 0.08;
const ROW_SIZES = ["roomy", "dense", "finest"];

class Page {
    constructor() {
        this.api = new API();
        this.theme = new Theme();
        this.view = new View();
        this.tree = new LaneTree();
        this.live = new LiveState(this.api, this.tree);
        this.tiles = new TileStore(this.api, (tile) => this.filled(tile));
        this.events = new EventStore(this.api, () => this.invalidate());
        this.isReady = false;
        this.isFollowing = true;
        this.followSpan = 60e9;
        this.rowSize = "roomy";
        this.pointer = null;
        this.selection = null;
        this.chosen = null;
        // Where a range begins that is being selected by keys.
        this.mark = null;
        this.stillness = matchMedia("(prefers-reduced-motion: reduce)");
        this.matching = null;
        this.needsFrame = this.needsOverlay = this.needsNumbers = false;
        // Something on the stage is to be fetched again, but not yet.
        this.stageWaits = false;
        this.frame = null;
        this.timer = null;
        this.lastFrame = 0;
        this.followedAt = 0;
        this.soon = [];
        zone.utc = localStorage.getItem("tidemark-zone") === "utc";
        this.stage = new Stage(this);
        this.side = new Side(this);
        this.overview = new Overview(this);
        this.status = new Status(this);
        this.details = new Details(this);
        this.query = new Query(this);
        this.finder = new Finder(this);
        this.input = new StageInput(this);
        this.keys = new Keys(this);
    }

    start() {
        this.theme.onChange = () => this.invalidate();
        this.theme.apply();
        this.takeAddress(readAddress(location.hash));
        this.listen();
        this.resized();
        this.live.handlers = {
            reset: () => this.reset(),
            changed: () => this.invalidate(),
            advanced: () => this.advanced(),
            spoiled: (from, to) => {
                this.tiles.spoil(from, to);
                this.events.spoil(from, to);
                if (from < this.view.to && to > this.view.from) this.invalidate();
            },
            lanes: () => {
                this.lanesChanged(false);
                if (this.matching) this.askMatching();
            },
            notice: (text) => {
                this.status.notice(text);
                if (!this.isReady) this.status.veil(text);
            },
        };
        this.api.askToken = (reason) => this.askToken(reason);
        this.api.onStarting = (progress) => {
            const text = `reading the log … ${Math.floor((progress ?? 0) * 100)} %`;
            if (this.isReady) this.status.notice(text);
            else this.status.veil(text);
        };
        this.live.run();
    }

    get isNarrow() {
        return innerWidth <= 720;
    }

    get zoneName() {
        return zone.utc ? "utc" : "local";
    }

    get activeFilter() {
        return this.query.isNarrowing ? this.query.applied : "";
    }

    get lanePointed() {
        return this.side.under ?? this.side.active;
    }

    nsOf(time) {
        return toNs(time);
    }

    rows = () => {
        const rows = this.tree.rows();
        if (!this.matching) return rows;
        return rows.filter((lane) => this.matching.has(lane.id));
    };

    pinnedRows = () => this.tree.pinnedRows();

    listen() {
        const observer = new ResizeObserver(() => this.resized());
        observer.observe(by("stage"));
        observer.observe(by("overview-box"));
        addEventListener("hashchange", () => {
            if (location.hash !== this.written) this.takeAddress(readAddress(location.hash), true);
        });
        by("follow").addEventListener("click", () => this.toggleFollowing());
        by("find").addEventListener("click", () => this.finder.open());
        by("theme").addEventListener("click", () => this.theme.toggle());
        by("help").addEventListener("click", () => by("sheet").showModal());
        by("sheet").addEventListener("click", (event) => { if (event.target === by("sheet")) by("sheet").close(); });
        by("fold").addEventListener("click", () => this.fold(!this.isFolded));
        by("row-size").addEventListener("click", () => this.nextRowSize());
        by("zone").addEventListener("click", () => this.toggleZone());
        by("home").addEventListener("click", (event) => {
            event.preventDefault();
            this.follow();
        });
        document.addEventListener("visibilitychange", () => this.invalidate());
    }

    // ------------------------------------------------------------------------------------------ frames

    invalidate() {
        this.needsFrame = true;
        this.schedule();
    }

    invalidateOverlay() {
        this.needsOverlay = true;
        this.schedule();
    }

    // Counts have come. Those of the overview's level alone do not show on the stage.
    filled(tile) {
        const painter = this.stage.density[0];
        if (tile.level === painter.level || !painter.isKnown) this.invalidate();
        else this.numbersChanged();
    }

    // The feed has gone on. Where all that is in sight is complete, only numbers have changed.
    advanced() {
        if (this.isFollowing || this.live.watermark === null || this.live.watermark < this.view.to) {
            this.invalidate();
        } else {
            this.numbersChanged();
        }
    }

    numbersChanged() {
        this.needsNumbers = true;
        this.schedule();
    }

    // What has been changed by hand is kept in the address as well.
    changed() {
        this.invalidate();
        clearTimeout(this.addressTimer);
        this.addressTimer = setTimeout(() => this.writeAddress(), 250);
    }

    frameSoon(action) {
        this.soon.push(action);
        this.invalidate();
    }

    schedule() {
        if (this.frame === null) this.frame = requestAnimationFrame(this.onFrame);
    }

    onFrame = (milliseconds) => {
        this.frame = null;
        if (!this.isReady) return;
        const since = Math.min(100, milliseconds - this.lastFrame);
        this.lastFrame = milliseconds;
        if (this.isFollowing) this.moveToNow(milliseconds);
        if (this.stillness.matches) this.view.settle();
        if (this.view.glide(since)) this.needsFrame = true;
        if (this.needsFrame) {
            this.needsFrame = this.needsOverlay = this.needsNumbers = false;
            this.drawAll(milliseconds);
        } else {
            if (this.needsOverlay) this.stage.drawOverlay();
            if (this.needsNumbers) this.drawNumbers(milliseconds);
            this.needsOverlay = this.needsNumbers = false;
        }
        this.plan();
    };

    drawAll(milliseconds) {
        this.tiles.isWaiting = this.events.isWaiting = false;
        this.stage.layout(this.side.scrollTop);
        this.stage.draw(milliseconds);
        this.stageWaits = this.tiles.isWaiting || this.events.isWaiting;
        this.side.draw(milliseconds);
        this.overview.draw(milliseconds);
        this.tiles.start(milliseconds);
        if (this.pointer) this.input.refresh();
        this.stage.drawOverlay();
        this.status.draw(milliseconds);
        while (this.soon.length) this.soon.pop()();
        if (this.view.from !== this.view.targetFrom || this.view.span !== this.view.targetSpan) this.needsFrame = true;
    }

    drawNumbers(milliseconds) {
        this.tiles.isWaiting = false;
        this.status.draw(milliseconds);
        this.side.draw(milliseconds);
        this.overview.draw(milliseconds);
        this.tiles.start(milliseconds);
    }

    // The next frame: at once while something glides, when following moves by a pixel, or when stale tiles may be fetched.
    plan() {
        if (this.needsFrame) {
            this.schedule();
            return;
        }
        clearTimeout(this.timer);
        const perPixel = this.view.span / this.stage.width / 1e6;
        const moves = this.isFollowing && this.live.nowSpeed > 0;
        if (moves && perPixel <= 20) this.invalidate();
        else if (moves) this.timer = setTimeout(() => this.invalidate(), Math.min(250, perPixel));
        else if (this.stageWaits) this.timer = setTimeout(() => this.invalidate(), 100);
        else if (this.tiles.isWaiting) this.timer = setTimeout(() => this.numbersChanged(), 450);
    }

    moveToNow(milliseconds) {
        const { view, live } = this;
        const from = live.now(milliseconds) - this.followSpan * (1 - AHEAD);
        const isClose = Math.abs(from - view.targetFrom) < view.targetSpan * 0.02 && view.span === view.targetSpan;
        view.targetSpan = this.followSpan;
        view.targetFrom = from;
        if (isClose) view.settle();
    }

    // ------------------------------------------------------------------------------------------ what happens

    reset() {
        const isFirst = !this.isReady;
        this.isReady = true;
        this.tiles.clear();
        this.events.clear();
        this.status.veil(this.tree.roots.length ? null : "no lanes yet: no relay has a session");
        if (isFirst) this.openView();
        this.lanesChanged(false);
        if (this.query.applied) this.filterChanged();
        if (isFirst && this.pendingEvent) this.choose({ id: this.pendingEvent }, false);
        if (isFirst && this.selection) this.details.showRange(this.selection);
    }

    // What is shown first, where the address says nothing: the newest minute, or all of it when nothing flows.
    openView() {
        const { live, wanted } = this;
        this.selection = wanted.select ? { from: toOffset(wanted.select[0]), to: toOffset(wanted.select[1]) } : null;
        if (wanted.from) {
            this.isFollowing = false;
            this.status.heldAt = live.events;
            this.view.show(toOffset(wanted.from), toOffset(wanted.to));
            return;
        }
        const now = live.now(performance.now());
        if (!wanted.follow && live.events > 0 && now - live.end > this.followSpan) {
            this.isFollowing = false;
            this.status.heldAt = live.events;
            this.view.show(...this.overview.range());
            return;
        }
        if (wanted.follow) this.followSpan = Math.min(Math.max(wanted.follow, 1e6), 2 ** 52);
        else if (now - live.begin < this.followSpan) this.followSpan = Math.max(5e9, (now - live.begin) * 1.2);
        this.view.show(now - this.followSpan * (1 - AHEAD), now + this.followSpan * AHEAD);
    }

    lanesChanged(isByHand = true) {
        this.tree.version += 1;
        if (this.isReady) this.status.veil(this.tree.roots.length ? null : "no lanes yet: no relay has a session");
        if (isByHand) this.changed();
        else this.invalidate();
    }

    async filterChanged() {
        const filter = this.activeFilter;
        this.tiles.setFilter(filter);
        this.events.setFilter(filter);
        this.matching = null;
        this.lanesChanged();
        if (this.selection && this.isReady) this.details.showRange(this.selection);
        if (filter && this.isReady) await this.askMatching();
    }

    // Which lanes can match at all, where the filter says so by itself.
    async askMatching() {
        const filter = this.activeFilter;
        try {
            const { lanes } = await this.api.json("/api/filter", { expression: filter });
            if (filter === this.activeFilter && lanes) this.matching = this.withParents(lanes);
        } catch (error) {
            this.query.showError(filter, error);
        }
        this.lanesChanged(false);
    }

    withParents(ids) {
        const all = new Set();
        for (const id of ids) for (let lane = this.tree.lanes.get(id); lane; lane = lane.above) all.add(lane.id);
        return all;
    }

    resized() {
        this.stage.resize();
        this.overview.resize();
        this.invalidate();
        // A canvas is empty after it has been resized: drawn before it is seen.
        if (this.isReady && this.frame !== null) {
            cancelAnimationFrame(this.frame);
            this.onFrame(performance.now());
        }
    }

    show(from, to, glide = false) {
        this.stopFollowing();
        this.view.show(from, to, glide);
        this.changed();
    }

    showAll() {
        const [from, to] = this.overview.range();
        this.show(from, to, true);
    }

    zoomBy(factor) {
        const { view } = this;
        const x = this.isFollowing ? view.width * (1 - AHEAD) : this.pointer ? this.pointer.x : view.width / 2;
        view.zoom(x, factor);
        if (this.isFollowing) this.followSpan = view.targetSpan;
    }

    panBy(part) {
        this.stopFollowing();
        this.view.pan(part * this.view.width, true);
    }

    follow() {
        this.followSpan = Math.min(this.view.targetSpan, Math.max(60e9, this.followSpan));
        this.isFollowing = true;
        this.status.heldAt = null;
        this.changed();
    }

    stopFollowing() {
        if (!this.isFollowing) return;
        this.isFollowing = false;
        this.status.heldAt = this.live.events;
        this.view.targetFrom = this.view.from;
        this.view.targetSpan = this.view.span;
    }

    toggleFollowing() {
        if (this.isFollowing) this.stopFollowing();
        else this.follow();
        this.changed();
    }

    // The first time begins a range, the second one ends it: at the pointer, else at the event that is chosen, else in the middle.
    markTime() {
        const time = this.pointer ? this.view.time(this.pointer.x) : this.chosen?.time ?? this.view.time(this.view.width / 2);
        if (this.mark === null || this.mark === time) {
            this.mark = time;
            return;
        }
        this.setSelection({ from: Math.min(this.mark, time), to: Math.max(this.mark, time) });
        this.mark = null;
        this.details.showRange(this.selection);
    }

    setSelection(selection) {
        this.selection = selection;
        this.changed();
    }

    // An event that was found, clicked or stepped to: its fields are shown, and it is brought into sight.
    async choose(found, comesIntoSight = true) {
        const chosen = await this.details.showEvent(found.id);
        if (!chosen || chosen.time === null) return;
        this.selection = null;
        if (comesIntoSight) this.bringIntoSight(chosen);
        this.changed();
    }

    bringIntoSight({ time, lane: id }) {
        const { view } = this;
        if (time < view.targetFrom + view.targetSpan * 0.02 || time > view.targetFrom + view.targetSpan * 0.98) {
            this.show(time - view.targetSpan / 2, time + view.targetSpan / 2, true);
        } else {
            this.stopFollowing();
        }
        const lane = this.tree.lanes.get(id);
        if (!lane) return;
        const row = this.stage.tree.rowOf[id];
        const shown = row >= 0 ? this.stage.tree.rows[row] : lane;
        this.side.setActive(shown);
    }

    centerChosen() {
        if (!this.chosen || this.chosen.time === null) return;
        const lane = this.tree.lanes.get(this.chosen.lane);
        if (lane) this.reveal(lane);
        this.show(this.chosen.time - this.view.targetSpan / 2, this.chosen.time + this.view.targetSpan / 2, true);
    }

    zoomToChosen() {
        if (this.selection) {
            this.show(this.selection.from, this.selection.to, true);
        } else if (this.chosen && this.chosen.time !== null) {
            const span = this.view.targetSpan / 8;
            this.show(this.chosen.time - span / 2, this.chosen.time + span / 2, true);
        }
    }

    // The next event in the lane of the one that is chosen; without one, in the lane that is active.
    async step(isForward) {
        const lane = this.chosen ? this.chosen.lane : this.lanePointed?.id;
        if (lane === undefined) return;
        const origin = this.chosen ? this.chosen.id : toNs(this.view.time(this.pointer ? this.pointer.x : this.view.width / 2));
        const found = await this.query.run(origin, isForward, { lanes: lane, filter: this.activeFilter });
        if (found) await this.choose(found);
    }

    reveal(lane) {
        this.tree.reveal(lane);
        this.lanesChanged();
        this.frameSoon(() => this.side.setActive(lane));
    }

    togglePin(lane) {
        this.tree.togglePin(lane);
        this.lanesChanged();
    }

    hide(lane) {
        this.tree.hide(lane);
        this.side.setUnder(null);
        this.lanesChanged();
    }

    unhide() {
        this.tree.showAll();
        this.lanesChanged();
    }

    get isFolded() {
        return this.tree.roots.every((lane) => this.tree.closed.has(lane.key));
    }

    fold(isClosed) {
        for (const lane of this.tree.lanes.values()) if (lane.kind === "host") this.tree.setClosed(lane, isClosed);
        this.lanesChanged();
    }

    nextRowSize() {
        this.rowSize = ROW_SIZES[(ROW_SIZES.indexOf(this.rowSize) + 1) % ROW_SIZES.length];
        this.lanesChanged();
    }

    toggleZone() {
        zone.utc = !zone.utc;
        localStorage.setItem("tidemark-zone", zone.utc ? "utc" : "local");
        this.changed();
    }

    escape() {
        if (this.query.cancel()) return;
        if (this.mark !== null) {
            this.mark = null;
            return;
        }
        if (!by("details").hidden) this.details.close();
        else this.setSelection(null);
    }

    async askToken(reason) {
        const dialog = by("token");
        say(by("token-text"), reason);
        dialog.showModal();
        await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
        this.api.setToken(by("token-input").value);
        by("token-input").value = "";
    }

    // ------------------------------------------------------------------------------------------ address

    takeAddress(state, isLater = false) {
        // What was asked for first; lanes by their keys, which may come later.
        this.wanted = state;
        this.tree.closed = new Set(state.closed);
        this.tree.hidden = new Set(state.hidden);
        this.tree.pinned = state.pinned;
        this.tree.order = new Map(state.order.map((key, index) => [key, index]));
        this.tree.isSorted = false;
        this.rowSize = state.rows ?? "roomy";
        this.pendingEvent = state.event;
        this.tree.version += 1;
        if (!isLater) {
            this.query.box.value = state.filter;
            this.query.applied = state.filter;
            this.query.isNarrowing = state.narrow;
            by("narrow").setAttribute("aria-pressed", state.narrow);
            by("clear").hidden = !state.filter;
            return;
        }
        if (!this.isReady) return;
        this.isFollowing = !state.from;
        this.openView();
        this.query.set(state.filter, state.narrow);
        if (state.event) this.choose({ id: state.event }, false);
        this.invalidate();
    }

    writeAddress() {
        if (!this.isReady) return;
        const { view, tree } = this;
        const state = {
            filter: this.query.applied, narrow: this.query.isNarrowing, event: this.chosen?.id, rows: this.rowSize,
            closed: tree.closed, hidden: tree.hidden, pinned: tree.pinned, order: tree.order.size ? [...tree.order.entries()].sort((a, b) => a[1] - b[1]).map(([key]) => key) : [],
            select: this.selection ? [toNs(this.selection.from), toNs(this.selection.to)] : null,
        };
        if (this.isFollowing) state.follow = this.followSpan;
        else Object.assign(state, { from: toNs(view.targetFrom), to: toNs(view.targetFrom + view.targetSpan) });
        this.written = writeAddress(state);
        history.replaceState(null, "", this.written);
    }
}

const page = new Page();
page.start();
// For tests and for whoever looks from the console.
window.tidemark = page;
