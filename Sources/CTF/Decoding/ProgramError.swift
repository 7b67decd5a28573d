/// Why a trace class cannot be compiled.
package struct ProgramError: Error, Sendable, Equatable {
    package enum Code: UInt8, Sendable, Equatable {
        /// A limit of `ProgramLimits` is exceeded.
        case tooDeep = 1
        case tooLarge
        /// Many fields that need no bit: a packet could have them for nothing.
        case tooEmpty
        /// An integer that has not 1 to 64 bits, or a float that has not 16, 32 or 64.
        case badSize
        /// An alignment that is not a power of two.
        case badAlignment
        /// A length or selector stands nowhere, or is no integer.
        case unresolvedLocation
        /// A length or selector is read after the field that needs it.
        case locationNotYetRead
        /// A stream class whose clock does not exist, or one without frequency.
        case badClock
    }

    package var code: Code
    /// The names from the scope to the field, for people.
    package let path: String

    package init(_ code: Code, path: String) {
        self.code = code
        self.path = path.shortened(toBytes: 512)
    }
}

extension ProgramError: CustomStringConvertible {
    /// What is wrong and where, for people.
    package var description: String {
        "\(path): \(reason)"
    }

    private var reason: String {
        switch code {
        case .tooDeep: "nested too deeply"
        case .tooLarge: "too many fields"
        case .tooEmpty: "too many fields that may be empty"
        case .badSize: "size is not supported"
        case .badAlignment: "alignment is not a power of two"
        case .unresolvedLocation: "length or selector not found"
        case .locationNotYetRead: "length or selector comes after the field that needs it"
        case .badClock: "clock does not exist or has no frequency"
        }
    }
}

/// Bounds on programs, so that no metadata can make one without measure, and no packet can keep one busy for nothing.
@usableFromInline
package struct ProgramLimits: Sendable, Equatable {
    /// Structures, arrays and variants inside of each other.
    package var nestingMax = 64
    /// Fields of a whole trace.
    package var fieldCountMax = 1 << 20
    /// Instructions of a whole trace, and ranges of its options.
    package var instructionCountMax = 1 << 22
    /// How many of them any trace may have. Each field and each event class allows more: an event class repeats the
    /// common context of its stream class.
    package var instructionsFree = 1 << 18
    package var instructionsPerField = 16
    package var instructionsPerEvent = 256
    /// Lengths and selectors that are kept while an event is read.
    package var slotCountMax = 4_096
    /// How many more fields there may be than bits, in any scope and in any element of an array.
    package var idleFieldsMax = 256
    /// Elements that may be without a bit, in one array.
    @inlinable package static var emptyElementsMax: UInt64 { 1 << 16 }
    /// How many of them an event may have; each of its bits that have been read by then allows some more.
    @inlinable package static var emptyElementsFree: UInt64 { 256 }
    @inlinable package static var emptyElementsPerBit: UInt64 { 8 }

    package init() {}

    func instructionCountMax(fields: Int, events: Int) -> Int {
        // Both numbers are far below 2^40.
        min(instructionCountMax, instructionsFree + fields * instructionsPerField + events * instructionsPerEvent)
    }
}
