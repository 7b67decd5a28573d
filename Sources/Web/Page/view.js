// Which times are shown: from `from`, for `span` nanoseconds, on `width` CSS pixels.
// What is asked for is a target, to which the view glides within a few frames.

export const SPAN_LEAST = 64;
export const SPAN_GREATEST = 2 ** 52;

export class View {
    constructor() {
        this.from = 0;
        this.span = 60e9;
        this.width = 1000;
        this.targetFrom = 0;
        this.targetSpan = 60e9;
    }

    get to() {
        return this.from + this.span;
    }

    x(time) {
        return (time - this.from) / this.span * this.width;
    }

    time(x) {
        return this.from + x / this.width * this.span;
    }

    // Shows [from, to): at once, or gliding.
    show(from, to, glide = false) {
        const span = Math.min(Math.max(to - from, SPAN_LEAST), SPAN_GREATEST);
        this.targetFrom = from - (span - (to - from)) / 2;
        this.targetSpan = span;
        if (!glide) this.settle();
    }

    settle() {
        this.from = this.targetFrom;
        this.span = this.targetSpan;
    }

    // Makes the span `factor` times as long; the time at x stays where it is.
    zoom(x, factor, glide = true) {
        const part = x / this.width;
        // Where the time under the pointer is, as it is drawn now: repeated turns of the wheel do not drift.
        const fixed = this.from + part * this.span;
        const span = Math.min(Math.max(this.targetSpan * factor, SPAN_LEAST), SPAN_GREATEST);
        this.targetSpan = span;
        this.targetFrom = fixed - part * span;
        if (!glide) this.settle();
    }

    pan(pixels, glide = false) {
        this.targetFrom += pixels / this.width * this.targetSpan;
        if (!glide) this.from = this.targetFrom;
    }

    // One frame of gliding. Whether anything has moved.
    glide(milliseconds) {
        if (this.from === this.targetFrom && this.span === this.targetSpan) return false;
        const part = 1 - Math.exp(-milliseconds / 45);
        const ratio = this.targetSpan / this.span;
        if (Math.abs(Math.log(ratio)) < 1e-4) {
            this.span = this.targetSpan;
            this.from += (this.targetFrom - this.from) * part;
        } else {
            // Zooming keeps one point fixed: the one that both views have at the same place.
            const span = this.span * ratio ** part;
            const done = (span - this.span) / (this.targetSpan - this.span);
            this.from += (this.targetFrom - this.from) * done;
            this.span = span;
        }
        if (this.span === this.targetSpan && Math.abs(this.from - this.targetFrom) < this.span / this.width / 8) {
            this.from = this.targetFrom;
        }
        return true;
    }
}

// The level of which a column is at least a device pixel wide.
export function levelFor(nsPerPixel, least, greatest) {
    return Math.min(Math.max(Math.ceil(Math.log2(nsPerPixel)), least), greatest);
}
