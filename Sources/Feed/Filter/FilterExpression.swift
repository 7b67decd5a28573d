/// A filter expression that has been understood: the language of `lttng enable-event --filter`, and a few variables of
/// ours.
///
/// Operands are payload fields by name (`a.b`, `a[3]`), contexts (`$ctx.vpid`, `$app.provider:type`), the variables
/// `$host $session $relay $name $level $cpu`, integers (decimal, 0x…, 0…), floating-point numbers, and texts in double
/// quotes, in which `*` is any characters. Operators, from the tightest on, as LTTng has them and not as C:
///
///     ! ~ - +  (unary)      << >>      &      ^      |      < <= > >=      == !=      &&      ||
///
/// Integers count as signed ones of 64 bits; those of mixed comparisons become floating-point numbers. Bitwise
/// operators work on the 64 bits. A comparison is 1 or 0, and so is what `!`, `&&` and `||` say. An event is one of
/// those wanted if the value is an integer other than 0, and nothing went wrong: a field that the event does not have,
/// an index past an array's end, a shift by less than 0 or more than 63 bits, or a comparison of a text with a number
/// makes the whole expression false. Beyond LTTng, enumerations compare with texts by their labels, and what `&&` rules
/// out by variables of ours, whichever side they stand on, need not be there: `$name == "a" && x == 1 || $name == "b"
/// && y == 2` does what it looks like.
package struct FilterExpression: Sendable, Equatable {
    /// As it was written.
    package let text: String
    let nodes: [FilterNode]

    /// - Throws: where it is wrong, and what was expected.
    package init(_ text: String, limits: FilterLimits = FilterLimits()) throws(FilterError) {
        guard text.utf8.count <= limits.expressionBytes else {
            throw FilterError(
                column: 1,
                reason: "an expression of at most \(limits.expressionBytes) bytes was expected"
            )
        }
        var parser = try FilterParser(text, limits: limits)
        nodes = try parser.parse()
        self.text = text
    }

    /// The last node is what the expression says.
    var root: Int { nodes.count - 1 }
}

/// An operand or an operator. Operands of operators stand before them.
struct FilterNode: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case integer(Int64)
        case float(Double)
        case text(FilterPattern)
        case field(FilterField)
        case variable(FilterVariable)
        case unary(FilterUnary, Int)
        case binary(FilterBinary, Int, Int)
    }

    var kind: Kind
    /// What is known of its value without an event.
    var type: FilterType
    /// Where it stands, bytes from the expression's start.
    var offset: Int
}

/// Which kind of value a node has.
enum FilterType: Sendable, Equatable {
    case integer
    case float
    case text
    /// Fields and contexts: the event class decides.
    case unknown
}

/// A field that is named.
struct FilterField: Sendable, Hashable {
    enum Place: Sendable, Hashable {
        case payload
        /// The event's own context, or the common one.
        case context
    }

    enum Component: Sendable, Hashable {
        case name(String)
        case index(UInt64)
    }

    var place: Place
    var path: [Component]
}

/// What the feed knows of an event besides what was traced.
enum FilterVariable: String, Sendable, CaseIterable {
    case host
    case session
    case relay
    case name
    case level
    case cpu

    /// For messages.
    static var all: String {
        "$ctx.NAME, $app.PROVIDER:TYPE, " + allCases.map { "$" + $0.rawValue }.joined(separator: ", ")
    }
}

enum FilterUnary: Sendable, Equatable {
    case plus
    case negate
    case complement
    case not
}

enum FilterBinary: Sendable, Equatable {
    case leftShift
    case rightShift
    case and
    case xor
    case or
    case less
    case lessOrEqual
    case greater
    case greaterOrEqual
    case equal
    case notEqual
    case logicalAnd
    case logicalOr

    /// The higher the tighter.
    var precedence: Int {
        switch self {
        case .logicalOr: 1
        case .logicalAnd: 2
        case .equal, .notEqual: 3
        case .less, .lessOrEqual, .greater, .greaterOrEqual: 4
        case .or: 5
        case .xor: 6
        case .and: 7
        case .leftShift, .rightShift: 8
        }
    }

    init?(_ symbol: FilterToken.Symbol) {
        switch symbol {
        case .leftShift: self = .leftShift
        case .rightShift: self = .rightShift
        case .and: self = .and
        case .xor: self = .xor
        case .or: self = .or
        case .less: self = .less
        case .lessOrEqual: self = .lessOrEqual
        case .greater: self = .greater
        case .greaterOrEqual: self = .greaterOrEqual
        case .equal: self = .equal
        case .notEqual: self = .notEqual
        case .logicalAnd: self = .logicalAnd
        case .logicalOr: self = .logicalOr
        case .not, .complement, .plus, .minus, .leftParenthesis, .rightParenthesis, .leftBracket, .rightBracket,
            .point:
            return nil
        }
    }
}
