// The page's state in its address, so that a link shows what its sender saw.
//
//     #from=NS&to=NS | #follow=NS of span    &filter=…&narrow=0&event=ID&select=NS-NS&closed=…&hidden=…&pinned=…&rows=…
//
// Lanes are named by their keys, which outlive a restart; ids would not.

const LIST = ["closed", "hidden", "pinned", "order"];

export function readAddress(hash) {
    const parts = new URLSearchParams(hash.replace(/^#/, ""));
    const state = {};
    for (const name of LIST) state[name] = parts.getAll(name).slice(0, 2000);
    const isTime = (text) => text !== null && /^\d{1,19}$/.test(text);
    if (isTime(parts.get("from")) && isTime(parts.get("to")) && BigInt(parts.get("from")) < BigInt(parts.get("to"))) {
        state.from = parts.get("from");
        state.to = parts.get("to");
    }
    if (isTime(parts.get("follow"))) state.follow = Number(parts.get("follow"));
    const select = /^(\d{1,19})-(\d{1,19})$/.exec(parts.get("select") ?? "");
    if (select && BigInt(select[1]) < BigInt(select[2])) state.select = [select[1], select[2]];
    if (/^\d{1,20}\.\d{1,10}$/.test(parts.get("event") ?? "")) state.event = parts.get("event");
    state.filter = parts.get("filter") ?? "";
    state.narrow = parts.get("narrow") !== "0";
    if (["roomy", "dense", "finest"].includes(parts.get("rows"))) state.rows = parts.get("rows");
    return state;
}

export function writeAddress(state) {
    const parts = new URLSearchParams();
    if (state.follow !== undefined) {
        parts.set("follow", String(Math.round(state.follow)));
    } else if (state.from !== undefined) {
        parts.set("from", state.from);
        parts.set("to", state.to);
    }
    if (state.filter) {
        parts.set("filter", state.filter);
        if (!state.narrow) parts.set("narrow", "0");
    }
    if (state.event) parts.set("event", state.event);
    if (state.select) parts.set("select", `${state.select[0]}-${state.select[1]}`);
    if (state.rows && state.rows !== "roomy") parts.set("rows", state.rows);
    for (const name of LIST) for (const key of state[name] ?? []) parts.append(name, key);
    return `#${parts}`;
}
