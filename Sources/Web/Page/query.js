// The filter box: an expression of the feed's language. It narrows what is shown, and is what the search looks for.

import { by, make, plain, say } from "./dom.js";
import { clockText, toNs, toOffset } from "./time.js";

export class Query {
    constructor(app) {
        this.app = app;
        this.form = by("query");
        this.box = by("expression");
        this.note = by("query-note");
        this.applied = "";
        this.isNarrowing = true;
        this.search = null;
        this.checks = 0;
        this.listen();
    }

    listen() {
        this.form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.enter(true);
        });
        this.box.addEventListener("keydown", (event) => {
            if (event.key === "Enter") {
                event.preventDefault();
                this.enter(!event.shiftKey);
            } else if (event.key === "Escape") {
                this.hideNote();
                this.cancel();
                by("overlay").focus();
                event.stopPropagation();
            }
        });
        this.box.addEventListener("input", () => {
            this.hideNote();
            by("clear").hidden = !this.box.value && !this.applied;
        });
        by("clear").addEventListener("click", () => this.set("", this.isNarrowing));
        by("narrow").addEventListener("click", () => this.set(this.applied, !this.isNarrowing));
        by("next").addEventListener("click", () => this.find(true));
        by("previous").addEventListener("click", () => this.find(false));
    }

    // A new expression is applied; the one that is applied already is searched for.
    async enter(isForward) {
        const text = this.box.value.trim();
        if (text === this.applied) {
            if (text) await this.find(isForward);
            return;
        }
        if (await this.check(text)) this.set(text, this.isNarrowing);
    }

    // Whether the server takes the expression; where not, says why and where.
    async check(text) {
        const check = this.checks += 1;
        if (!text) return true;
        try {
            await this.app.api.json("/api/filter", { expression: text });
            if (check !== this.checks) return false;
            this.hideNote();
            return true;
        } catch (error) {
            if (check === this.checks) this.showError(text, error);
            return false;
        }
    }

    set(text, isNarrowing) {
        this.cancel();
        this.box.value = text;
        this.applied = text;
        this.isNarrowing = isNarrowing;
        by("narrow").setAttribute("aria-pressed", isNarrowing);
        by("clear").hidden = !text;
        this.hideNote();
        this.app.filterChanged();
    }

    // The expression, with a mark below the column at which it is wrong.
    showError(text, error) {
        this.form.classList.add("wrong");
        this.note.classList.add("wrong");
        this.box.setAttribute("aria-invalid", "true");
        this.note.hidden = false;
        if (!error.column) {
            this.note.textContent = error.message;
            return;
        }
        const characters = Array.from(text), first = Math.max(0, error.column - 40);
        const shown = characters.slice(first, error.column + 30).join("");
        const line = make("div", "", plain(shown));
        const mark = make("div", "", " ".repeat(error.column - 1 - first));
        mark.append(make("b", "", "^"), ` ${error.message}`);
        this.note.replaceChildren(line, mark);
        const units = characters.slice(0, error.column - 1).join("").length;
        if (document.activeElement === this.box) this.box.setSelectionRange(units, units);
    }

    hideNote() {
        this.note.hidden = true;
        this.note.classList.remove("wrong");
        this.form.classList.remove("wrong", "busy");
        this.box.removeAttribute("aria-invalid");
    }

    say(text) {
        this.note.hidden = false;
        say(this.note, text);
    }

    cancel() {
        if (!this.search) return false;
        this.search.abort();
        this.search = null;
        this.hideNote();
        return true;
    }

    // The next event that matches, from the one that is chosen, else from the middle of what is shown.
    async find(isForward) {
        const { app } = this;
        const text = this.box.value.trim();
        if (text !== this.applied) {
            if (!await this.check(text)) return;
            this.set(text, this.isNarrowing);
        }
        const origin = app.chosen ? app.chosen.id : toNs(app.view.from + app.view.span / 2);
        const found = await this.run(origin, isForward, { filter: this.applied });
        if (found) app.choose(found);
    }

    // Searches until something is found, there is nothing, or it is ended. What is found, or null.
    async run(origin, isForward, scope) {
        this.cancel();
        const search = this.search = new AbortController();
        this.form.classList.add("busy");
        let from = origin;
        try {
            for (;;) {
                const answer = await this.app.api.json("/api/search", { from, direction: isForward ? "next" : "previous", ...scope }, search.signal);
                if (answer.found) {
                    this.hideNote();
                    return answer.found;
                }
                if (!answer.next) break;
                from = answer.next;
                this.say(`searching … ${clockText(toOffset(answer.scanned_to), 3)}   Esc ends it`);
            }
            this.say(isForward ? "none from here on" : "none before this");
            setTimeout(() => { if (!this.note.classList.contains("wrong")) this.hideNote(); }, 2500);
        } catch (error) {
            if (!search.signal.aborted) this.showError(this.applied, error);
        } finally {
            if (this.search === search) this.search = null;
            this.form.classList.remove("busy");
        }
        return null;
    }
}
