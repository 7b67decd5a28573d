// Reads JSON without changing its numbers: each stays the text that it was, since 64-bit integers pass 2^53.

export class ExactNumber {
    constructor(text) {
        this.text = text;
    }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const BLANK = /[ \t\r\n]*/y;
const DEPTH_GREATEST = 200;

// Objects become arrays of [name, value], so that order and names that come twice are kept.
export class ExactObject {
    constructor(members) {
        this.members = members;
    }

    get(name) {
        return this.members.find((member) => member[0] === name)?.[1];
    }
}

export function readExactJSON(text) {
    const reader = new ExactReader(text);
    const value = reader.value(0);
    reader.skip();
    if (reader.at !== text.length) throw new SyntaxError("more than one value");
    return value;
}

class ExactReader {
    constructor(text) {
        this.text = text;
        this.at = 0;
    }

    match(expression) {
        expression.lastIndex = this.at;
        const found = expression.exec(this.text);
        if (!found) throw new SyntaxError(`unexpected at ${this.at}`);
        this.at = expression.lastIndex;
        return found[0];
    }

    skip() {
        this.match(BLANK);
    }

    value(depth) {
        if (depth > DEPTH_GREATEST) throw new SyntaxError("nested too deeply");
        this.skip();
        const first = this.text[this.at];
        if (first === "{") return new ExactObject(this.list("}", () => this.member(depth)));
        if (first === "[") return this.list("]", () => this.value(depth + 1));
        if (first === '"') return JSON.parse(this.match(STRING));
        for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
            if (this.text.startsWith(word, this.at)) {
                this.at += word.length;
                return value;
            }
        }
        return new ExactNumber(this.match(NUMBER));
    }

    member(depth) {
        this.skip();
        const name = JSON.parse(this.match(STRING));
        this.expect(":");
        return [name, this.value(depth + 1)];
    }

    list(end, element) {
        const elements = [];
        this.at += 1;
        this.skip();
        if (this.text[this.at] === end) {
            this.at += 1;
            return elements;
        }
        for (;;) {
            elements.push(element());
            this.skip();
            if (this.text[this.at] === end) {
                this.at += 1;
                return elements;
            }
            this.expect(",");
        }
    }

    expect(character) {
        this.skip();
        if (this.text[this.at] !== character) throw new SyntaxError(`expected ${character} at ${this.at}`);
        this.at += 1;
    }
}

// The part of an object's text that is the value of a member at its top, as it stands there.
export function memberText(text, name) {
    const reader = new ExactReader(text);
    let found = null;
    reader.skip();
    if (text[reader.at] !== "{") return null;
    reader.list("}", () => {
        reader.skip();
        const key = JSON.parse(reader.match(STRING));
        reader.expect(":");
        reader.skip();
        const start = reader.at;
        reader.value(1);
        if (key === name) found = text.slice(start, reader.at);
    });
    return found;
}
