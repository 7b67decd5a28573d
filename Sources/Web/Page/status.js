// The line at the bottom, the follow button, and what is said while nothing can be shown.

import { by, make, plain, say } from "./dom.js";
import { clockText, countText, durationText, zoneText } from "./time.js";

export class Status {
    constructor(app) {
        this.app = app;
        this.noticeTimer = null;
        this.heldAt = null;
    }

    draw(milliseconds) {
        const { live, view, stage, tiles } = this.app;
        const now = live.now(milliseconds);
        const watermark = by("status-watermark");
        if (live.watermark === null) {
            say(watermark, "W is not set yet");
        } else {
            if (watermark.children.length !== 2) watermark.replaceChildren(make("b"), make("span"));
            say(watermark.children[0], `W ${clockText(live.watermark, 3)}`);
            say(watermark.children[1], ` ${durationText(Math.max(0, roundTo(now - live.watermark, 1e8)))} behind`);
        }
        const holder = live.state.holder;
        say(by("status-holder"), holder ? `held by ${plain([holder.relay, holder.host, holder.session].filter(Boolean).join("/"))} for ${durationText(roundTo(holder.held_ns, 1e9))}` : this.missingText());
        say(by("status-detail"), stage.showsEvents ? "events" : `${durationText(2 ** stage.density[0].level)} a column`);
        this.number("status-late", live.late, "late");
        this.number("status-lost", live.lost, live.lost === 1 ? "loss" : "losses");
        const rate = by("status-rate");
        say(rate, `${countText(live.events)} events${live.rate > 0.5 ? ` · ${countText(Math.round(live.rate))}/s` : ""}`);
        say(by("zone"), zoneText(view.from));
        if (live.state.log.condition !== "writing") this.notice(`the log fails: ${live.state.log.reason}`);
        else if (tiles.failure) this.notice(`no counts: ${tiles.failure.message}`);
        this.drawFollow();
    }

    // Relays that are not there, and have no lane that could say so.
    missingText() {
        const { live, tree } = this.app, seen = new Set(tree.roots.map((lane) => lane.relay));
        const missing = live.state.relays.filter(({ relay, state }) => !seen.has(relay) && !["active", "quiet", "ended"].includes(state));
        return plain(missing.slice(0, 3).map(({ relay, state, reason }) => `${relay} ${state}${reason ? `: ${reason}` : ""}`).join(" · "))
            + (missing.length > 3 ? ` · ${missing.length - 3} more` : "");
    }

    number(id, count, unit) {
        const element = by(id);
        if (!count) {
            say(element, "");
            return;
        }
        if (element.children.length !== 1) element.replaceChildren(make("b"), "");
        say(element.children[0], countText(count));
        const text = ` ${unit}`;
        if (element.lastChild.nodeValue !== text) element.lastChild.nodeValue = text;
    }

    drawFollow() {
        const { app } = this, { live } = app;
        const button = by("follow"), behind = by("behind");
        button.setAttribute("aria-pressed", app.isFollowing);
        button.classList.toggle("off", !live.isConnected);
        say(by("follow-text"), !live.isConnected ? "offline" : app.isFollowing ? "live" : "paused");
        const since = app.isFollowing || this.heldAt === null ? 0 : live.events - this.heldAt;
        behind.hidden = since <= 0;
        if (since > 0) say(behind, `+${countText(since)}`);
    }

    notice(text) {
        const element = by("status-notice");
        say(element, plain(text).slice(0, 300));
        clearTimeout(this.noticeTimer);
        this.noticeTimer = setTimeout(() => say(element, ""), 8000);
    }

    veil(text) {
        by("veil").hidden = text === null;
        if (text !== null) say(by("veil-text"), text);
    }
}

function roundTo(value, grain) {
    return Math.round(value / grain) * grain;
}
