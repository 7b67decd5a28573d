// Loads a trace into Perfetto's own trace processor, and prints what it answers to queries:
//
//     nodejs trace_processor.js DIRECTORY TRACE SQL...
//
// One line of JSON a query: an array of rows, each an array of columns. Numbers of 64 bits are strings. DIRECTORY is
// that of Perfetto's page, with `engine_bundle.js` and `trace_processor.wasm`: the engine is run as its page runs it, as
// a worker, and spoken to in messages of TraceProcessorRpcStream.
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');

const [directory, traceFile, ...queries] = process.argv.slice(2);

function fail(text) {
    process.stderr.write(`trace_processor: ${text}\n`);
    process.exit(1);
}

// Protobuf: what little is needed.

function varint(value) {
    const bytes = [];
    let rest = BigInt(value);
    while (rest >= 128n) {
        bytes.push(Number(rest & 127n) | 128);
        rest >>= 7n;
    }
    bytes.push(Number(rest));
    return Buffer.from(bytes);
}

const number = (member, value) => Buffer.concat([varint(member << 3), varint(value)]);
const message = (member, content) => Buffer.concat([varint(member << 3 | 2), varint(content.length), content]);

/// Members of a message in their order: [number, BigInt or Buffer].
function members(bytes) {
    const result = [];
    let at = 0;
    const next = () => {
        let value = 0n;
        for (let shift = 0n; ; shift += 7n) {
            const byte = bytes[at++];
            value |= BigInt(byte & 127) << shift;
            if (byte < 128) return value;
        }
    };
    while (at < bytes.length) {
        const tag = Number(next());
        switch (tag & 7) {
        case 0: result.push([tag >> 3, next()]); break;
        case 1: result.push([tag >> 3, bytes.subarray(at, at += 8)]); break;
        case 2: { const length = Number(next()); result.push([tag >> 3, bytes.subarray(at, at += length)]); break; }
        case 5: result.push([tag >> 3, bytes.subarray(at, at += 4)]); break;
        default: fail(`an answer with wire type ${tag & 7}`);
        }
    }
    return result;
}

function packedVarints(bytes) {
    const result = [];
    let value = 0n, shift = 0n;
    for (const byte of bytes) {
        value |= BigInt(byte & 127) << shift;
        shift += 7n;
        if (byte < 128) {
            result.push(BigInt.asIntN(64, value));
            value = 0n;
            shift = 0n;
        }
    }
    return result;
}

// The engine in surroundings that look like a worker's.

function engine() {
    return new Promise((resolve) => {
        const worker = {
            console: { log: () => {}, warn: (text) => process.stderr.write(`${text}\n`), error: () => {} },
            location: { href: 'http://localhost/' }, WorkerGlobalScope: class {}, postMessage: () => {},
            addEventListener: () => {}, removeEventListener: () => {},
            XMLHttpRequest: class {
                open(_, name) { this.name = path.basename(String(name)); }
                send() {
                    const bytes = fs.readFileSync(path.join(directory, this.name));
                    this.response = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
                }
            },
            TextDecoder, TextEncoder, URL, performance, setTimeout, clearTimeout,
        };
        worker.self = worker;
        worker.globalThis = worker;
        vm.createContext(worker);
        vm.runInContext(fs.readFileSync(path.join(directory, 'engine_bundle.js'), 'utf8'), worker);
        // It knows only arrays of its own kind.
        const own = vm.runInContext('(bytes) => Uint8Array.from(bytes)', worker);
        const port = { own, replies: [], postMessage: (bytes) => port.replies.push(Buffer.from(bytes)) };
        worker.onmessage({ data: port });
        // Its answers go where it was told by then.
        setImmediate(() => resolve(port));
    });
}

let sequence = 0;

/// Sends a request, and gives the content of the answer's member.
function call(port, method, content, answer) {
    const request = Buffer.concat([number(1, ++sequence), number(2, method), content]);
    port.replies = [];
    port.onmessage({ data: port.own(message(1, request)) });
    const contents = [];
    for (const [, rpc] of members(Buffer.concat(port.replies))) {
        for (const [member, value] of members(rpc)) {
            if (member === 5) fail(value.toString());
            if (member === answer) contents.push(value);
        }
    }
    return contents;
}

/// The rows of an answer.
function rows(results) {
    let columns = 0;
    const cells = [];
    for (const result of results) {
        for (const [member, value] of members(result)) {
            if (member === 1) columns += 1;
            if (member === 2 && value.length) fail(value.toString());
            if (member === 3) cells.push(...batch(value));
        }
    }
    const table = [];
    for (let at = 0; at < cells.length; at += columns) table.push(cells.slice(at, at + columns));
    return table;
}

function batch(bytes) {
    let kinds = [], integers = [], reals = [], texts = [];
    for (const [member, value] of members(bytes)) {
        if (member === 1) kinds = kinds.concat(packedVarints(value));
        if (member === 2) integers = integers.concat(packedVarints(value));
        if (member === 3) for (let at = 0; at < value.length; at += 8) reals.push(value.readDoubleLE(at));
        if (member === 5) texts = value.toString().split('\0');
    }
    const cells = [];
    for (const kind of kinds) {
        switch (Number(kind)) {
        case 1: cells.push(null); break;
        case 2: cells.push(String(integers.shift())); break;
        case 3: cells.push(reals.shift()); break;
        case 4: cells.push(texts.shift()); break;
        default: fail(`a cell of kind ${kind}`);
        }
    }
    return cells;
}

async function main() {
    const port = await engine();
    const trace = fs.readFileSync(traceFile);
    for (let at = 0; at < trace.length; at += 1 << 20) {
        const piece = message(101, trace.subarray(at, at + (1 << 20)));
        for (const result of call(port, 1, piece, 201)) {
            for (const [member, value] of members(result)) if (member === 2) fail(value.toString());
        }
    }
    call(port, 2, Buffer.alloc(0), 209);
    for (const query of queries) {
        const answer = call(port, 3, message(103, message(1, Buffer.from(query))), 203);
        process.stdout.write(JSON.stringify(rows(answer)) + '\n');
    }
    process.exit(0);
}

// Of an error in the engine, which is one long line, only the end is of use.
process.on('uncaughtException', (error) => fail(`${error.message}\n${String(error.stack).slice(-600)}`));
main().catch((error) => { throw error; });
