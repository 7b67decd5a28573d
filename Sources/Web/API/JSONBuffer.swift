/// JSON without white space, as it is written. Commas come by themselves.
struct JSONBuffer {
    private(set) var bytes: [UInt8] = []

    init(capacityBytes: Int = 1024) {
        bytes.reserveCapacity(capacityBytes)
    }

    // MARK: Values

    /// - Parameter body: appends members.
    mutating func object(_ body: (inout JSONBuffer) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "{"))
        body(&self)
        bytes.append(UInt8(ascii: "}"))
    }

    /// - Parameter body: appends values.
    mutating func array(_ body: (inout JSONBuffer) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "["))
        body(&self)
        bytes.append(UInt8(ascii: "]"))
    }

    mutating func append(_ text: String) {
        separate()
        bytes += JSONText.string(text).utf8
    }

    mutating func append(_ number: some BinaryInteger) {
        separate()
        appendDigits(Int64(clamping: number))
    }

    /// A time: a decimal string, or null.
    mutating func append(ns: Int64?) {
        separate()
        guard let ns else {
            bytes += "null".utf8
            return
        }
        bytes.append(UInt8(ascii: "\""))
        appendDigits(ns)
        bytes.append(UInt8(ascii: "\""))
    }

    /// What is JSON already.
    mutating func append(json: some Sequence<UInt8>) {
        separate()
        bytes += json
    }

    // MARK: Members of objects

    /// The value follows.
    mutating func key(_ name: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes += name.utf8
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    mutating func member(_ name: String, _ text: String?) {
        key(name)
        if let text { append(text) } else { append(json: "null".utf8) }
    }

    mutating func member(_ name: String, _ number: (some BinaryInteger)?) {
        key(name)
        if let number { append(number) } else { append(json: "null".utf8) }
    }

    mutating func member(_ name: String, _ flag: Bool) {
        key(name)
        append(json: (flag ? "true" : "false").utf8)
    }

    mutating func member(_ name: String, ns: Int64?) {
        key(name)
        append(ns: ns)
    }

    /// - Parameter progress: 0 to 1, written with three places.
    mutating func member(_ name: String, progress: Double) {
        key(name)
        let thousandths = Int((min(max(progress, 0), 1) * 1000).rounded(.down))
        let digits = String(thousandths % 1000)
        append(json: "\(thousandths / 1000).\(String(repeating: "0", count: 3 - digits.count))\(digits)".utf8)
    }

    // MARK: Bytes

    private mutating func separate() {
        guard let last = bytes.last else { return }
        switch last {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): break
        default: bytes.append(UInt8(ascii: ","))
        }
    }

    private mutating func appendDigits(_ number: Int64) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var first = 20
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            bytes.append(contentsOf: digits[first...])
        }
    }
}
