// Calls of the server. Errors carry what it says about them.

export class CallError extends Error {
    constructor(status, code, message, column) {
        super(message);
        this.status = status;
        this.code = code;
        this.column = column;
    }
}

const TOKEN = "tidemark-token";

export class API {
    constructor() {
        // Asked for a token, once at a time; resolves when one has been given.
        this.askToken = null;
        // Told how far the server is with reading its log, 0 to 1.
        this.onStarting = () => {};
        this.asking = null;
    }

    get hasToken() {
        return sessionStorage.getItem(TOKEN) !== null;
    }

    setToken(token) {
        sessionStorage.setItem(TOKEN, token);
    }

    async call(path, parameters, signal) {
        const query = new URLSearchParams();
        for (const [name, value] of Object.entries(parameters ?? {})) {
            if (value !== undefined && value !== null && value !== "") query.set(name, value);
        }
        const text = query.toString();
        const url = text ? `${path}?${text}` : path;
        for (let attempt = 0; ; attempt += 1) {
            const token = sessionStorage.getItem(TOKEN);
            const headers = token ? { Authorization: `Bearer ${token}` } : {};
            const answer = await fetch(url, { headers, signal, credentials: "same-origin" });
            if (answer.ok) return answer;
            const error = await errorOf(answer);
            if (answer.status === 401 && this.askToken && attempt < 3) {
                this.asking ??= this.askToken(error.message).finally(() => { this.asking = null; });
                await this.asking;
                continue;
            }
            if (error.code === "starting") this.onStarting(error.progress);
            if (answer.status === 429 && attempt < 20 || error.code === "starting") {
                await pause(Math.min(5000, Number(answer.headers.get("Retry-After") ?? 0) * 1000 || 250 * (attempt + 1)), signal);
                continue;
            }
            throw error;
        }
    }

    async json(path, parameters, signal) {
        return (await this.call(path, parameters, signal)).json();
    }

    async text(path, parameters, signal) {
        return (await this.call(path, parameters, signal)).text();
    }

    async bytes(path, parameters, signal) {
        return (await this.call(path, parameters, signal)).arrayBuffer();
    }
}

async function errorOf(answer) {
    try {
        if (!answer.headers.get("Content-Type")?.includes("json")) {
            return new CallError(answer.status, "status", `${answer.status}: ${(await answer.text()).slice(0, 200).trim()}`);
        }
        const { error } = await answer.json(), { progress } = error;
        return Object.assign(new CallError(answer.status, error.code, error.message, error.column), { progress });
    } catch {
        return new CallError(answer.status, "status", `the server answers ${answer.status}`);
    }
}

export function pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, milliseconds);
        signal?.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(signal.reason);
        }, { once: true });
    });
}

// The messages of an event stream. Yields [event, data]; ends when the server does.
export async function* messagesOf(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "", event = "message", data = [];
    for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        rest += value;
        if (rest.length > 16 << 20) throw new Error("a message is too long");
        const lines = rest.split(/\r\n|\n|\r(?!$)/);
        rest = lines.pop();
        for (const line of lines) {
            if (line === "") {
                if (data.length) yield [event, data.join("\n")];
                event = "message";
                data = [];
            } else if (line.startsWith("event:")) {
                event = line.slice(6).trim();
            } else if (line.startsWith("data:")) {
                data.push(line.slice(line[5] === " " ? 6 : 5));
            }
        }
    }
}
