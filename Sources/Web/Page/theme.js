// Colours: the style sheet's variables as canvases need them, and the ramps of the heat map. Ramps rise in lightness alone as
// well as in hue, so that they read the same without colours; marks differ by shape too.

const RAMPS = {
    dark: ["#21445a", "#235a73", "#28717f", "#4b9a85", "#96c07c", "#f2eaa4"],
    light: ["#d3e6ee", "#a3cbd8", "#66a8bc", "#3580a0", "#225a80", "#16294f"],
};
const EVENTS = {
    dark: ["#6cb6e8", "#e0b04c", "#5cc49b", "#d894bd", "#8fb3ff", "#e58a5b", "#a6cf6a", "#c3b1e1"],
    light: ["#0f6fae", "#a06a00", "#00785a", "#a23e7c", "#3a56c4", "#b34a12", "#4c7a12", "#6a4fa3"],
};
const NAMES = ["ground", "row", "row-host", "line", "grid", "line-strong", "text", "muted", "accent", "late", "lost", "veil", "veil-host", "hatch", "select",
    "select-line", "cursor", "now"];

export class Theme {
    constructor() {
        this.system = matchMedia("(prefers-color-scheme: light)");
        this.chosen = localStorage.getItem("tidemark-theme");
        this.onChange = () => {};
        this.system.addEventListener("change", () => this.apply());
    }

    apply() {
        this.isLight = this.chosen ? this.chosen === "light" : this.system.matches;
        this.name = this.isLight ? "light" : "dark";
        document.documentElement.dataset.theme = this.name;
        const style = getComputedStyle(document.documentElement);
        for (const name of NAMES) this[name] = style.getPropertyValue(`--${name}`).trim();
        this.font = style.getPropertyValue("--font").trim();
        this.mono = style.getPropertyValue("--mono").trim();
        this.events = EVENTS[this.name];
        this.ramp = RAMPS[this.name];
        // Pixels of an ImageData: a skyline's body and its edge.
        this.skyline = [this.ramp[2], this.ramp[3]].map((text) => (255 << 24 | parseInt(text.slice(5, 7), 16) << 16
            | parseInt(text.slice(3, 5), 16) << 8 | parseInt(text.slice(1, 3), 16)) >>> 0);
        this.patterns = new Map();
        this.version = (this.version ?? 0) + 1;
        this.onChange();
    }

    toggle() {
        this.chosen = this.isLight ? "dark" : "light";
        localStorage.setItem("tidemark-theme", this.chosen);
        this.apply();
    }

    // Colours for shades 1 to `greatest`, as pixels of an ImageData, into a table of 256.
    fillTable(table, greatest) {
        const stops = this.ramp.map((text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)));
        table[0] = 0;
        for (let shade = 1; shade < 256; shade += 1) {
            const place = Math.min(1, greatest > 1 ? (shade - 1) / (greatest - 1) : 0.5) * (stops.length - 1);
            const low = Math.min(Math.floor(place), stops.length - 2), part = place - low;
            const [red, green, blue] = [0, 1, 2].map((at) => Math.round(stops[low][at] + (stops[low + 1][at] - stops[low][at]) * part));
            table[shade] = (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
        }
    }

    // Diagonal lines, for times that are not part of the feed.
    hatching(context, color, spacing, ratio) {
        const key = `${color}:${spacing}:${ratio}`;
        let pattern = this.patterns.get(key);
        if (!pattern) {
            const size = Math.round(spacing * ratio);
            const canvas = new OffscreenCanvas(size, size);
            const drawing = canvas.getContext("2d");
            drawing.strokeStyle = color;
            drawing.lineWidth = Math.max(1, ratio);
            drawing.beginPath();
            for (const shift of [-size, 0, size]) {
                drawing.moveTo(shift, size);
                drawing.lineTo(shift + size, 0);
            }
            drawing.stroke();
            pattern = context.createPattern(canvas, "repeat");
            this.patterns.set(key, pattern);
        }
        return pattern;
    }

    // Dots, for what is not known yet.
    dotting(context, color, spacing, ratio) {
        const key = `dots:${color}:${spacing}:${ratio}`;
        let pattern = this.patterns.get(key);
        if (!pattern) {
            const size = Math.round(spacing * ratio), dot = Math.max(1, Math.round(1.5 * ratio));
            const canvas = new OffscreenCanvas(size, size), drawing = canvas.getContext("2d");
            drawing.fillStyle = color;
            drawing.fillRect(0, 0, dot, dot);
            pattern = context.createPattern(canvas, "repeat");
            this.patterns.set(key, pattern);
        }
        return pattern;
    }
}
