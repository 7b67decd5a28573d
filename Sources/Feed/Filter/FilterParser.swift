/// Turns a filter expression into nodes, and refuses what cannot mean anything whatever the event.
///
/// By precedence climbing: recursion goes as deep as parentheses and unary operators do, which is limited, times the
/// number of precedences.
struct FilterParser {
    private let limits: FilterLimits
    private var lexer: FilterLexer
    private var token: FilterToken
    private(set) var nodes: [FilterNode] = []
    private var depth = 0
    private var textCount = 0

    init(_ expression: String, limits: FilterLimits) throws(FilterError) {
        self.limits = limits
        lexer = FilterLexer(expression)
        token = try lexer.next()
    }

    /// - Returns: operands before their operators, so that the last node stands for all.
    mutating func parse() throws(FilterError) -> [FilterNode] {
        let root = try binary(atLeast: 1)
        guard token.kind == .end else {
            switch token.kind {
            case .symbol(.plus), .symbol(.minus):
                throw unexpected("an operator of a filter was expected, which does not calculate")
            default: throw unexpected("an operator or the end was expected")
            }
        }
        try expectCondition(root)
        return nodes
    }

    // MARK: Words

    private mutating func advance() throws(FilterError) {
        token = try lexer.next()
    }

    private func unexpected(_ expected: String) -> FilterError {
        lexer.error(token.offset, "\(expected), not \(lexer.quoted(token))")
    }

    private mutating func append(_ kind: FilterNode.Kind, _ type: FilterType, at offset: Int) throws(FilterError) -> Int
    {
        guard nodes.count < limits.nodes else {
            throw lexer.error(offset, "at most \(limits.nodes) operands and operators were expected")
        }
        nodes.append(FilterNode(kind: kind, type: type, offset: offset))
        return nodes.count - 1
    }

    // MARK: Operators

    private mutating func binary(atLeast precedence: Int) throws(FilterError) -> Int {
        var left = try unary()
        while case .symbol(let symbol) = token.kind, let operation = FilterBinary(symbol),
            operation.precedence >= precedence
        {
            let offset = token.offset
            try advance()
            let right = try binary(atLeast: operation.precedence + 1)
            left = try apply(operation, left, right, at: offset)
        }
        return left
    }

    private mutating func unary() throws(FilterError) -> Int {
        let offset = token.offset
        let operation: FilterUnary
        switch token.kind {
        case .symbol(.not): operation = .not
        case .symbol(.complement): operation = .complement
        case .symbol(.plus): operation = .plus
        case .symbol(.minus): operation = .negate
        default: return try operand()
        }
        try enter()
        defer { depth -= 1 }
        try advance()
        return try apply(operation, try unary(), at: offset)
    }

    private mutating func enter() throws(FilterError) {
        guard depth < limits.depth else {
            throw lexer.error(
                token.offset,
                "at most \(limits.depth) parentheses and signs inside of each other were expected"
            )
        }
        depth += 1
    }

    private mutating func apply(_ operation: FilterUnary, _ value: Int, at offset: Int) throws(FilterError) -> Int {
        switch operation {
        case .not:
            try expectCondition(value)
            return try append(.unary(.not, value), .integer, at: offset)
        case .complement: try expectInteger(value)
        case .plus, .negate: try expectNumber(value)
        }
        switch (operation, nodes[value].kind) {
        case (.negate, .integer(let number)): nodes[value].kind = .integer(0 &- number)
        case (.negate, .float(let number)): nodes[value].kind = .float(-number)
        case (.complement, .integer(let number)): nodes[value].kind = .integer(~number)
        case (.plus, .integer), (.plus, .float): break
        default: return try append(.unary(operation, value), nodes[value].type, at: offset)
        }
        // A literal stays one.
        nodes[value].offset = offset
        return value
    }

    private mutating func apply(
        _ operation: FilterBinary,
        _ left: Int,
        _ right: Int,
        at offset: Int
    ) throws(FilterError) -> Int {
        switch operation {
        case .logicalAnd, .logicalOr:
            try expectCondition(left)
            try expectCondition(right)
        case .leftShift, .rightShift, .and, .xor, .or:
            try expectInteger(left)
            try expectInteger(right)
            if case .integer(let bits) = nodes[right].kind {
                if operation == .leftShift || operation == .rightShift, !(0...63).contains(bits) {
                    throw lexer.error(nodes[right].offset, "a shift by 0 to 63 bits was expected")
                }
                if case .integer(let value) = nodes[left].kind {
                    let result = FilterArithmetic.bits(operation, value, bits)
                    let start = nodes[left].offset
                    nodes.removeLast(2)
                    return try append(.integer(result), .integer, at: start)
                }
            }
        case .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual:
            try nameLevel(left, of: right)
            try nameLevel(right, of: left)
            try expectComparable(operation, left, right)
        }
        return try append(.binary(operation, left, right), .integer, at: offset)
    }

    // MARK: Operands

    private mutating func operand() throws(FilterError) -> Int {
        let offset = token.offset
        switch token.kind {
        case .symbol(.leftParenthesis):
            try enter()
            defer { depth -= 1 }
            try advance()
            let inner = try binary(atLeast: 1)
            guard token.kind == .symbol(.rightParenthesis) else { throw unexpected("an operator or `)` was expected") }
            try advance()
            return inner
        case .integer(let value):
            try advance()
            return try append(.integer(value), .integer, at: offset)
        case .float(let value):
            try advance()
            return try append(.float(value), .float, at: offset)
        case .text(let pattern):
            textCount += 1
            guard textCount <= limits.texts else {
                throw lexer.error(offset, "at most \(limits.texts) texts were expected")
            }
            try advance()
            return try append(.text(pattern), .text, at: offset)
        case .name(let name):
            try advance()
            return try field(.payload, [.name(name)], at: offset)
        case .variable(let name): return try variable(name, at: offset)
        case .symbol, .end: throw unexpected("a field, a number, a text or `(` was expected")
        }
    }

    private mutating func variable(_ name: String, at offset: Int) throws(FilterError) -> Int {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if let variable = FilterVariable(rawValue: name) {
            try advance()
            let type: FilterType = variable == .level || variable == .cpu ? .integer : .text
            return try append(.variable(variable), type, at: offset)
        }
        guard parts.count > 1, parts[0] == "ctx" || parts[0] == "app" else {
            throw lexer.error(offset, "one of \(FilterVariable.all) was expected")
        }
        guard parts.allSatisfy({ !$0.isEmpty }), name.last != ":" else {
            throw lexer.error(offset, "a name was expected behind each point and colon of `$\(name)`")
        }
        guard parts[0] == "ctx" || parts[1].contains(":") else {
            throw lexer.error(offset, "$app.PROVIDER:TYPE was expected")
        }
        // As the tracer's metadata names them.
        var names = parts.dropFirst().map { $0.replacingPunctuation }
        if parts[0] == "app" { names[0] = "_app_" + names[0] }
        try advance()
        return try field(.context, names.map { .name($0) }, at: offset)
    }

    /// What stands behind a field's first names.
    private mutating func field(
        _ place: FilterField.Place,
        _ start: [FilterField.Component],
        at offset: Int
    ) throws(FilterError) -> Int {
        var path = start
        while true {
            guard path.count <= limits.pathComponents else {
                throw lexer.error(offset, "a field of at most \(limits.pathComponents) names and indexes was expected")
            }
            switch token.kind {
            case .symbol(.point):
                try advance()
                guard case .name(let name) = token.kind else { throw unexpected("a field's name was expected") }
                path.append(.name(name))
                try advance()
            case .symbol(.leftBracket):
                try advance()
                guard case .integer(let index) = token.kind, index >= 0 else {
                    throw unexpected("an index, a constant from 0 up, was expected")
                }
                path.append(.index(UInt64(index)))
                try advance()
                guard token.kind == .symbol(.rightBracket) else { throw unexpected("`]` was expected") }
                try advance()
            default: return try append(.field(FilterField(place: place, path: path)), .unknown, at: offset)
            }
        }
    }

    // MARK: Types

    private func expectCondition(_ node: Int) throws(FilterError) {
        switch nodes[node].type {
        case .integer, .unknown: return
        case .text: throw lexer.error(nodes[node].offset, "a condition was expected, not a text alone")
        case .float:
            throw lexer.error(nodes[node].offset, "a condition was expected, not a floating-point number alone")
        }
    }

    private func expectInteger(_ node: Int) throws(FilterError) {
        switch nodes[node].type {
        case .integer, .unknown: return
        case .text: throw lexer.error(nodes[node].offset, "an integer was expected, not a text")
        case .float: throw lexer.error(nodes[node].offset, "an integer was expected, not a floating-point number")
        }
    }

    private func expectNumber(_ node: Int) throws(FilterError) {
        guard nodes[node].type == .text else { return }
        throw lexer.error(nodes[node].offset, "a number was expected, not a text")
    }

    private func expectComparable(_ operation: FilterBinary, _ left: Int, _ right: Int) throws(FilterError) {
        switch (nodes[left].type, nodes[right].type) {
        case (.text, .integer), (.text, .float):
            throw lexer.error(nodes[right].offset, "a text was expected, to be compared with a text")
        case (.integer, .text), (.float, .text):
            throw lexer.error(nodes[right].offset, "a number was expected, to be compared with a number")
        default: break
        }
        let stars = [left, right].filter { node in
            guard case .text(let pattern) = nodes[node].kind else { return false }
            return pattern.hasStar
        }
        guard let star = stars.last else { return }
        guard operation == .equal || operation == .notEqual else {
            throw lexer.error(
                nodes[star].offset,
                "a text without `*` was expected: only == and != know patterns (\\* is a star)"
            )
        }
        if stars.count == 2 {
            throw lexer.error(nodes[star].offset, "a text without `*` was expected: the other has one")
        }
    }

    /// A text that `$level` is compared with is a level's name.
    private mutating func nameLevel(_ node: Int, of variable: Int) throws(FilterError) {
        guard nodes[variable].kind == .variable(.level), case .text(let pattern) = nodes[node].kind else { return }
        guard !pattern.hasStar, let level = LogLevelNames.level(String(decoding: pattern.bytes, as: UTF8.self)) else {
            throw lexer.error(nodes[node].offset, "a log level was expected: a number, or a name from EMERG to DEBUG")
        }
        nodes[node].kind = .integer(level)
        nodes[node].type = .integer
    }
}

extension String {
    fileprivate var replacingPunctuation: String {
        String(map { $0 == ":" || $0 == "-" ? "_" : $0 })
    }
}

/// What operators do to numbers.
enum FilterArithmetic {
    /// - Precondition: shifts are by 0 ... 63 bits.
    static func bits(_ operation: FilterBinary, _ left: Int64, _ right: Int64) -> Int64 {
        let (left, right) = (UInt64(bitPattern: left), UInt64(bitPattern: right))
        return switch operation {
        case .leftShift: Int64(bitPattern: left << right)
        case .rightShift: Int64(bitPattern: left >> right)
        case .and: Int64(bitPattern: left & right)
        case .xor: Int64(bitPattern: left ^ right)
        case .or: Int64(bitPattern: left | right)
        default: preconditionFailure("not a bitwise operator")
        }
    }

    static func isTrue<Value: Comparable>(_ operation: FilterBinary, _ left: Value, _ right: Value) -> Bool {
        switch operation {
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        case .equal: left == right
        case .notEqual: left != right
        default: preconditionFailure("not a comparison")
        }
    }
}
