/// What keys do to the view of `tidemark top`.
package struct TopKeys: Sendable {
    package enum Result: Sendable, Equatable {
        case goOn
        case quit
    }

    package private(set) var view: TopTable.View
    /// Which row is marked, from 0.
    package private(set) var marked = 0
    /// Whether keys are a filter's letters.
    package private(set) var isTyping = false
    /// Bytes of a sequence that has begun.
    private var sequence: [UInt8] = []
    private static let filterBytesMax = 128

    package init(_ view: TopTable.View) { self.view = view }

    package static let help = "q quit  s sort  r reverse  up/down mark  enter sessions  b back  / filter"

    /// - Parameters:
    ///   - bytes: as the terminal sends them.
    ///   - names: of the rows as they are shown.
    package mutating func pressed(_ bytes: [UInt8], names: [String]) -> Result {
        for byte in bytes {
            if !sequence.isEmpty || byte == 0x1B {
                takeSequence(byte, count: names.count)
            } else if isTyping {
                type(byte)
            } else if byte == UInt8(ascii: "q") {
                return .quit
            } else {
                command(byte, names: names)
            }
        }
        marked = max(min(marked, names.count - 1), 0)
        return .goOn
    }

    private mutating func command(_ byte: UInt8, names: [String]) {
        switch byte {
        case UInt8(ascii: "s"):
            let columns = TopTable.Column.allCases
            let place = columns.firstIndex(of: view.sort) ?? 0
            view.sort = columns[(place + 1) % columns.count]
        case UInt8(ascii: "r"): view.isReversed.toggle()
        case UInt8(ascii: "j"): marked += 1
        case UInt8(ascii: "k"): marked -= 1
        case UInt8(ascii: "/"): isTyping = true
        case UInt8(ascii: "b"), 0x7F, 0x08: leave()
        case 0x0D, 0x0A:
            guard view.relay == nil, names.indices.contains(marked) else { return }
            view.relay = names[marked]
            view.filter = ""
            marked = 0
        default: break
        }
    }

    private mutating func leave() {
        if !view.filter.isEmpty { view.filter = "" } else { view.relay = nil }
        marked = 0
    }

    private mutating func type(_ byte: UInt8) {
        switch byte {
        case 0x0D, 0x0A: isTyping = false
        case 0x7F, 0x08: view.filter = String(view.filter.dropLast())
        case 0x20...0x7E where view.filter.utf8.count < Self.filterBytesMax:
            view.filter.unicodeScalars.append(Unicode.Scalar(byte))
        default: break
        }
    }

    /// Arrows are ESC [ A and ESC [ B (or ESC O A); anything else that begins with ESC does nothing.
    private mutating func takeSequence(_ byte: UInt8, count: Int) {
        sequence.append(byte)
        switch sequence.count {
        case 1: return
        case 2 where byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O"): return
        case 3 where byte == UInt8(ascii: "A"): marked -= 1
        case 3 where byte == UInt8(ascii: "B"): marked += 1
        default: break
        }
        sequence = []
    }
}
