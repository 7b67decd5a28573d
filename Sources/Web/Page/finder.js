// Finds a lane by its name, as one types.

import { by, make, plain } from "./dom.js";
import { labelOf, matchScore, pathOf } from "./lanes.js";

const SHOWN_GREATEST = 40;

export class Finder {
    constructor(app) {
        this.app = app;
        this.dialog = by("finder");
        this.input = by("finder-input");
        this.list = by("finder-list");
        this.found = [];
        this.at = 0;
        this.input.addEventListener("input", () => this.search());
        this.input.addEventListener("keydown", (event) => this.key(event));
        this.list.addEventListener("click", (event) => {
            const item = event.target.closest("li");
            if (item) this.take(Number(item.dataset.at));
        });
        this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
    }

    open() {
        if (this.dialog.open) return;
        this.dialog.showModal();
        this.input.value = "";
        this.search();
        this.input.focus();
    }

    search() {
        const typed = this.input.value, scored = [];
        for (const lane of this.app.tree.lanes.values()) {
            const score = matchScore(`${pathOf(lane)}`, typed);
            if (score > 0) scored.push({ lane, score: score + (lane.kind === "host" ? 0.5 : lane.kind === "session" ? 0.25 : 0) });
        }
        scored.sort((left, right) => right.score - left.score || left.lane.id - right.lane.id);
        this.found = scored.slice(0, SHOWN_GREATEST).map(({ lane }) => lane);
        this.at = 0;
        this.draw();
    }

    draw() {
        this.list.replaceChildren(...this.found.map((lane, at) => {
            const item = make("li");
            item.setAttribute("role", "option");
            item.id = `found-${at}`;
            item.dataset.at = String(at);
            item.setAttribute("aria-selected", at === this.at);
            item.append(make("span", "", plain(labelOf(lane))), make("small", "", plain(lane.above ? pathOf(lane.above) : lane.relay)));
            return item;
        }));
        this.input.setAttribute("aria-activedescendant", this.found.length ? `found-${this.at}` : "");
        this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
    }

    key(event) {
        const change = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
        if (change && this.found.length) {
            this.at = (this.at + change + this.found.length) % this.found.length;
            this.draw();
        } else if (event.key === "Enter") this.take(this.at);
        else return;
        event.preventDefault();
    }

    take(at) {
        const lane = this.found[at];
        if (!lane) return;
        this.dialog.close();
        this.app.reveal(lane);
    }
}
