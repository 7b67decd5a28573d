// Times inside the page are numbers: nanoseconds since an anchor, which is a multiple of 2^52 ns (52 days) at or before the
// feed's beginning. So all of them are exact for 52 days at least, columns of counts up to 2^43 ns and tiles of 512 of these
// stay aligned, and nothing has to be allocated to compute with them. Only what goes to or comes from the server is a string.

const GRAIN = 1n << 52n;
let anchor = 0n;

export function setAnchor(text) {
    anchor = BigInt(text) / GRAIN * GRAIN;
}

export function toOffset(text) {
    return Number(BigInt(text) - anchor);
}

export function toNs(offset) {
    return (anchor + BigInt(Math.round(offset))).toString();
}

// Where the day that an offset is in begins, by the chosen zone.
const DAY = 86_400e9;
export const zone = { utc: false };

function dateOf(offset) {
    const ns = anchor + BigInt(Math.floor(offset));
    const date = new Date(Number(ns / 1_000_000n));
    return { date, fraction: Number(ns % 1_000_000_000n) };
}

const two = (value) => String(value).padStart(2, "0");

// HH:MM:SS and `digits` of the second's fraction.
export function clockText(offset, digits = 9) {
    const { date, fraction } = dateOf(offset);
    const hours = zone.utc ? date.getUTCHours() : date.getHours();
    const minutes = zone.utc ? date.getUTCMinutes() : date.getMinutes();
    const text = `${two(hours)}:${two(minutes)}:${two(date.getUTCSeconds())}`;
    return digits ? `${text}.${String(fraction).padStart(9, "0").slice(0, digits)}` : text;
}

export function dateText(offset) {
    const { date } = dateOf(offset);
    const year = zone.utc ? date.getUTCFullYear() : date.getFullYear();
    const month = zone.utc ? date.getUTCMonth() : date.getMonth();
    const day = zone.utc ? date.getUTCDate() : date.getDate();
    return `${year}-${two(month + 1)}-${two(day)}`;
}

// As the command line takes it, to the nanosecond.
export function rfc3339(ns) {
    const time = BigInt(ns), second = new Date(Number(time / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
    return `${second}.${String(time % 1_000_000_000n).padStart(9, "0")}Z`;
}

export function zoneText(offset) {
    if (zone.utc) return "UTC";
    const minutes = -dateOf(offset).date.getTimezoneOffset();
    const size = Math.abs(minutes);
    return minutes === 0 ? "UTC" : `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

const UNITS = [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]];

// Up to four digits that matter.
export function durationText(ns) {
    const size = Math.abs(ns), sign = ns < 0 ? "−" : "";
    if (size >= 3600e9) {
        const minutes = Math.round(size / 60e9);
        return `${sign}${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
    }
    if (size >= 60e9) {
        const seconds = Math.round(size / 1e9);
        return `${sign}${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
    }
    let at = 0;
    while (at < 3 && size >= UNITS[at + 1][1]) at += 1;
    const value = size / UNITS[at][1];
    const digits = at === 0 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
    return `${sign}${Number(value.toFixed(digits))} ${UNITS[at][0]}`;
}

export function countText(count) {
    if (count < 10_000) return String(count);
    const [size, unit] = count >= 1e9 ? [1e9, "G"] : count >= 1e6 ? [1e6, "M"] : [1e3, "k"];
    const value = count / size;
    return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
}

const STEPS = [];
for (let size = 1; size < 1e9; size *= 10) STEPS.push(size, 2 * size, 5 * size);
for (const seconds of [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800]) {
    STEPS.push(seconds * 1e9);
}

// The least step of an axis that is at least so long.
export function axisStep(least) {
    for (const step of STEPS) if (step >= least) return step;
    return Math.ceil(least / (7 * DAY)) * 7 * DAY;
}

// What is added to an offset so that multiples of hours and days are those of the zone.
export function zoneShift(offset) {
    const anchorInDay = Number(anchor % 86_400_000_000_000n);
    const minutes = zone.utc ? 0 : -dateOf(offset).date.getTimezoneOffset();
    return anchorInDay + minutes * 60e9;
}

// An axis' label: what changes from one mark to the next. Marks on a whole second (minute) tell it in full.
export function axisText(offset, step) {
    if (step >= DAY) return dateText(offset);
    if (step >= 60e9) {
        const text = clockText(offset, 0).slice(0, 5);
        return text === "00:00" ? dateText(offset) : text;
    }
    if (step >= 1e9) return clockText(offset, 0);
    const digits = Math.min(9, Math.ceil(9 - Math.log10(step) - 1e-9));
    const text = clockText(offset, digits);
    const fraction = text.slice(8);
    if (Number(fraction) === 0) return text.slice(0, 8);
    return fraction.length <= 4 ? fraction : fraction.slice(0, 4) + fraction.slice(4).replace(/(\d{3})(?=\d)/g, " $1").replace(/^(?=\d)/, " ");
}
