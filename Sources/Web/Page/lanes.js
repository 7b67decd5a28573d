// The tree of lanes, and which rows it has: what is closed, hidden, pinned and in which order. Knows no document.

export class LaneTree {
    constructor() {
        // Rises with whatever may change the rows.
        this.version = 0;
        this.reset();
        this.closed = new Set();
        this.hidden = new Set();
        this.pinned = [];
        // Keys in the order that was chosen for them; all others come behind, by id.
        this.order = new Map();
    }

    reset() {
        this.lanes = new Map();
        this.roots = [];
        this.version += 1;
        this.isSorted = true;
    }

    // Takes records of /api/lanes; of lanes that are known what the record says replaces what was known.
    take(records) {
        for (const record of records) {
            const known = this.lanes.get(record.id);
            if (known) {
                Object.assign(known, record);
                continue;
            }
            const parent = record.parent ? this.lanes.get(record.parent) : null;
            if (record.parent && !parent) continue;
            const lane = Object.assign({ children: [], above: parent, key: "", depth: parent ? parent.depth + 1 : 0 }, record);
            lane.key = keyOf(lane);
            this.lanes.set(lane.id, lane);
            (parent ? parent.children : this.roots).push(lane);
        }
        this.isSorted = false;
        this.version += 1;
    }

    // Forgets lanes, and those below them.
    drop(ids) {
        for (const id of ids) {
            const lane = this.lanes.get(id);
            if (!lane) continue;
            const among = lane.above ? lane.above.children : this.roots;
            const at = among.indexOf(lane);
            if (at >= 0) among.splice(at, 1);
            const stack = [lane];
            while (stack.length) {
                const next = stack.pop();
                this.lanes.delete(next.id);
                stack.push(...next.children);
            }
        }
        this.version += 1;
    }

    sort() {
        const place = (lane) => this.order.get(lane.key) ?? Infinity;
        const compare = (left, right) => {
            const [first, second] = [place(left), place(right)];
            if (first !== second) return first - second;
            if (left.kind === "stream" && left.name === right.name && left.path === right.path && left.cpu !== right.cpu) {
                return (left.cpu ?? -1) - (right.cpu ?? -1);
            }
            return left.id - right.id;
        };
        this.roots.sort(compare);
        for (const lane of this.lanes.values()) if (lane.children.length > 1) lane.children.sort(compare);
        this.isSorted = true;
    }

    // The rows from top to bottom, without the pinned copies.
    rows() {
        if (!this.isSorted) this.sort();
        const rows = [];
        const walk = (lanes) => {
            for (const lane of lanes) {
                if (this.hidden.has(lane.key)) continue;
                rows.push(lane);
                if (!this.closed.has(lane.key)) walk(lane.children);
            }
        };
        walk(this.roots);
        return rows;
    }

    pinnedRows() {
        if (!this.pinned.length) return [];
        const byKey = new Map();
        for (const lane of this.lanes.values()) byKey.set(lane.key, lane);
        return this.pinned.map((key) => byKey.get(key)).filter(Boolean);
    }

    setClosed(lane, isClosed) {
        if (!lane.children.length) return;
        if (isClosed) this.closed.add(lane.key);
        else this.closed.delete(lane.key);
        this.version += 1;
    }

    hide(lane) {
        this.hidden.add(lane.key);
        this.version += 1;
    }

    showAll() {
        this.hidden.clear();
        this.version += 1;
    }

    togglePin(lane) {
        const at = this.pinned.indexOf(lane.key);
        if (at >= 0) this.pinned.splice(at, 1);
        else this.pinned.push(lane.key);
        this.version += 1;
    }

    // Opens and shows whatever hides a lane.
    reveal(lane) {
        this.hidden.delete(lane.key);
        for (let above = lane.above; above; above = above.above) {
            this.closed.delete(above.key);
            this.hidden.delete(above.key);
        }
        this.version += 1;
    }

    // Moves a lane before or behind another one of the same parent.
    move(lane, target, isBehind) {
        if (lane === target || lane.above !== target.above) return false;
        if (!this.isSorted) this.sort();
        const among = lane.above ? lane.above.children : this.roots;
        among.splice(among.indexOf(lane), 1);
        among.splice(among.indexOf(target) + (isBehind ? 1 : 0), 0, lane);
        among.forEach((other, index) => this.order.set(other.key, index));
        this.version += 1;
        return true;
    }

    step(lane, direction) {
        if (!this.isSorted) this.sort();
        const among = lane.above ? lane.above.children : this.roots;
        const target = among[among.indexOf(lane) + direction];
        return target ? this.move(lane, target, direction > 0) : false;
    }
}

export function keyOf(lane) {
    const own = lane.kind === "host" ? `${lane.relay}/${lane.name}`
        : lane.kind === "session" ? `${lane.name}#${lane.session_id}`
            : `${lane.path ?? ""}:${lane.name}:${lane.stream}`;
    return lane.above ? `${lane.above.key}/${own}` : own;
}

export function labelOf(lane) {
    if (lane.kind === "stream") return lane.cpu === null || lane.cpu === undefined ? `${lane.name} · ${lane.stream}` : `cpu ${lane.cpu}`;
    return lane.name;
}

export function pathOf(lane) {
    const parts = [];
    for (let at = lane; at; at = at.above) {
        parts.unshift(at.kind === "host" ? `${at.relay}/${at.name}` : at.kind === "stream" ? `${at.name} ${labelOf(at)}` : at.name);
    }
    return parts.join(" › ");
}

// How well a name answers to what was typed; 0 when it does not. All characters in their order, better where they stand
// together or begin a word.
export function matchScore(name, typed) {
    const text = name.toLowerCase(), wanted = typed.toLowerCase().replace(/\s+/g, "");
    if (!wanted) return 1;
    let score = 0, at = -1, run = 0;
    for (const character of wanted) {
        const next = text.indexOf(character, at + 1);
        if (next < 0) return 0;
        run = next === at + 1 ? run + 1 : 0;
        score += 1 + run * 2 + (next === 0 || /[^a-z0-9]/.test(text[next - 1]) ? 3 : 0);
        at = next;
    }
    return score / (1 + text.length / 200);
}
