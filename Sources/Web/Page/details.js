// The panel at the right: all fields of an event, or what a selected range holds.

import { copyText, by, make, plain, say } from "./dom.js";
import { ExactNumber, ExactObject, memberText, readExactJSON } from "./exact-json.js";
import { pathOf } from "./lanes.js";
import { clockText, dateText, durationText, rfc3339, toNs, toOffset, zoneText } from "./time.js";

const SCOPES = [["fields", "Fields"], ["context", "Context"], ["stream_context", "Stream context"], ["packet", "Packet"]];
const OWN = ["relay", "host", "session", "session_id", "trace", "stream", "stream_class", "cpu", "level", "ts", "raw_ts", "late"];
const ROWS_GREATEST = 2000;

export class Details {
    constructor(app) {
        this.app = app;
        this.panel = by("details");
        this.body = by("details-body");
        this.title = by("details-title");
        this.json = null;
        this.request = 0;
        by("details-close").addEventListener("click", () => this.close());
    }

    close() {
        this.request += 1;
        this.panel.hidden = true;
        this.json = null;
        this.app.chosen = null;
        this.app.setSelection(null);
        this.app.resized();
    }

    open(title) {
        say(this.title, title);
        this.body.replaceChildren();
        this.body.scrollTop = 0;
        if (this.panel.hidden) {
            this.panel.hidden = false;
            this.app.resized();
        }
    }

    async showEvent(id) {
        const request = this.request += 1;
        let text, answer;
        try {
            text = await this.app.api.text(`/api/event/${id}`);
            answer = readExactJSON(text);
        } catch (error) {
            if (request === this.request) this.showFailure(error);
            return null;
        }
        if (request !== this.request) return null;
        const event = answer.get("event"), lane = this.app.tree.lanes.get(Number(answer.get("lane").text));
        this.json = memberText(text, "event");
        const time = event.get("ts") instanceof ExactNumber ? toOffset(event.get("ts").text) : null;
        this.app.chosen = { id, lane: lane?.id ?? 0, time };
        this.open(plain(String(event.get("name"))));
        this.fillHead(event, lane, time);
        this.fillActions(lane);
        for (const [name, title] of SCOPES) {
            const scope = event.get(name);
            if (scope instanceof ExactObject && scope.members.length) this.fillScope(title, scope);
        }
        this.fillScope("Event", new ExactObject(event.members.filter(([name]) => OWN.includes(name))));
        this.app.changed();
        return this.app.chosen;
    }

    fillHead(event, lane, time) {
        if (time !== null) {
            const when = make("div", "when", `${dateText(time)} ${clockText(time)} ${zoneText(time)}`);
            this.body.append(when);
        }
        if (lane) this.body.append(make("div", "where", plain(pathOf(lane))));
        const late = event.get("late");
        if (late instanceof ExactNumber) this.body.append(make("div", "note", `late: ${durationText(Number(late.text))} behind W`));
    }

    fillActions(lane) {
        const actions = make("div", "actions");
        const copy = make("button", "", "copy JSON");
        copy.id = "copy-json";
        copy.addEventListener("click", () => this.copy());
        const back = make("button", "", "‹ in lane"), on = make("button", "", "in lane ›"), show = make("button", "", "show");
        back.addEventListener("click", () => this.app.step(false));
        on.addEventListener("click", () => this.app.step(true));
        show.addEventListener("click", () => this.app.centerChosen());
        actions.append(copy, back, on, show);
        if (!lane) actions.replaceChildren(copy);
        this.body.append(actions);
    }

    async copy() {
        if (this.json === null) return;
        const isDone = await copyText(this.json);
        const button = by("copy-json");
        if (!button) return;
        say(button, isDone ? "copied" : "not allowed");
        setTimeout(() => say(button, "copy JSON"), 1200);
    }

    fillScope(title, scope) {
        this.body.append(make("h3", "", title));
        const table = make("table", "fields");
        let left = ROWS_GREATEST;
        const walk = (prefix, value) => {
            if (left <= 0) return;
            if (value instanceof ExactObject && !isEnumeration(value) && value.members.length) {
                for (const [name, member] of value.members) walk(prefix ? `${prefix}.${name}` : name, member);
            } else if (Array.isArray(value) && value.some((element) => element instanceof ExactObject || Array.isArray(element))) {
                value.forEach((element, index) => walk(`${prefix}[${index}]`, element));
            } else {
                left -= 1;
                this.fillField(table, prefix, value);
            }
        };
        walk("", scope);
        this.body.append(table);
        if (left <= 0) this.body.append(make("div", "note", "more fields are in the JSON"));
    }

    fillField(table, name, value) {
        const row = make("tr"), head = make("th", "", plain(name)), cell = make("td");
        head.scope = "row";
        if (isEnumeration(value)) {
            cell.append(make("span", "number", value.get("value").text), " ", make("span", "label", plain(value.get("labels").join(" | "))));
        } else {
            cell.className = typeof value === "string" ? "text" : "number";
            cell.textContent = valueText(value);
        }
        row.append(head, cell);
        table.append(row);
    }

    showFailure(error) {
        this.open("not available");
        this.body.append(make("p", "note", error.message));
    }

    // A selected range: how many events each host has in it, and where to get exactly these.
    async showRange(selection) {
        const request = this.request += 1;
        const { app } = this;
        this.json = null;
        app.chosen = null;
        const from = toNs(selection.from), to = toNs(selection.to);
        this.open("Selected range");
        this.body.append(make("div", "when", `${dateText(selection.from)} ${clockText(selection.from)}`), make("div", "when", `${dateText(selection.to)} ${clockText(selection.to)}`));
        this.body.append(make("div", "where", `${durationText(selection.to - selection.from)} · ${(BigInt(to) - BigInt(from)).toLocaleString("en").replaceAll(",", " ")} ns`));
        const actions = make("div", "actions");
        const zoom = make("button", "", "zoom to it");
        zoom.addEventListener("click", () => app.show(selection.from, selection.to, true));
        actions.append(zoom);
        for (const [format, title] of [["json", "JSON lines"], ["perfetto", "Perfetto"]]) {
            const link = make("a", "export", `↓ ${title}`);
            const query = new URLSearchParams({ from, to, format });
            if (app.activeFilter) query.set("filter", app.activeFilter);
            link.href = `/api/export?${query}`;
            link.setAttribute("download", "");
            link.addEventListener("click", (event) => this.download(event, link, format));
            actions.append(link);
        }
        this.body.append(actions);
        // CTF is a directory, which only the command makes.
        const filter = app.activeFilter ? ` --filter '${app.activeFilter.replaceAll("'", "'\\''")}'` : "";
        const command = `tidemark export tls://… --from ${rfc3339(from)} --to ${rfc3339(to)}${filter} --format ctf --output DIRECTORY`;
        const copy = make("button", "", "CTF: copy the command");
        copy.title = command;
        copy.addEventListener("click", () => copyText(command));
        actions.append(copy);
        const place = make("div", "", "counting …");
        this.body.append(place);
        try {
            for (;;) {
                const answer = await app.api.json("/api/counts", { from, to, filter: app.activeFilter });
                if (request !== this.request) return;
                place.replaceChildren(this.countsTable(answer, selection), ...this.countsNotes(answer));
                if (!answer.next) return;
            }
        } catch (error) {
            if (request === this.request) place.replaceChildren(make("p", "note", error.message));
        }
    }

    // A link cannot carry a token: then the page fetches the file itself.
    async download(event, link, format) {
        if (!this.app.api.hasToken) return;
        event.preventDefault();
        try {
            const answer = await this.app.api.call(link.getAttribute("href"));
            const url = URL.createObjectURL(await answer.blob()), save = make("a");
            save.href = url;
            save.download = `tidemark-range.${{ json: "json", perfetto: "pftrace" }[format]}`;
            save.click();
            setTimeout(() => URL.revokeObjectURL(url), 60_000);
        } catch (error) {
            this.app.status.notice(`export: ${error.message}`);
        }
    }

    countsTable(answer, selection) {
        const table = make("table", "counts"), head = make("tr");
        for (const title of ["", "events", "/s", "late", "lost"]) {
            const cell = make("th", "", title);
            cell.scope = "col";
            head.append(cell);
        }
        table.append(head);
        const seconds = (selection.to - selection.from) / 1e9;
        const rows = answer.lanes.map(([id, ...counts]) => ({ lane: this.app.tree.lanes.get(id), id, counts }))
            .filter(({ id, lane }) => id === 0 || lane && lane.kind !== "stream");
        for (const { lane, id, counts: [events, late, lost] } of rows) {
            const row = make("tr", lane?.kind === "session" ? "sub" : "");
            const rate = events / seconds;
            const cells = [id === 0 ? "all" : plain(lane.name), events.toLocaleString("en").replaceAll(",", " "), rate >= 10 ? Math.round(rate).toLocaleString("en").replaceAll(",", " ") : rate.toFixed(1), late || "", lost || ""];
            for (const text of cells) row.append(make("td", "", String(text)));
            table.append(row);
        }
        return table;
    }

    countsNotes(answer) {
        const notes = [];
        if (!answer.complete) notes.push(make("p", "note", "W has not passed the end of this range: more may come."));
        if (answer.next) notes.push(make("p", "note", `counted up to ${clockText(toOffset(answer.known_to), 3)} …`));
        return notes;
    }
}

function isEnumeration(value) {
    return value instanceof ExactObject && value.members.length === 2 && value.get("value") instanceof ExactNumber && Array.isArray(value.get("labels"));
}

function valueText(value) {
    if (value instanceof ExactNumber) return value.text;
    if (value === null) return "—";
    if (typeof value === "string") return plain(value);
    if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
    if (value instanceof ExactObject) return "{}";
    return String(value);
}
