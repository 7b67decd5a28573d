/// Why a trace class cannot be compiled.
package struct ProgramError: Error, Sendable, Equatable {
    package enum Code: UInt8, Sendable, Equatable {
        /// A limit of `ProgramLimits` is exceeded.
        case tooDeep = 1
        case tooLarge
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
    package var path: String

    package init(_ code: Code, path: String) {
        self.code = code
        self.path = path
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
        case .badSize: "size is not supported"
        case .badAlignment: "alignment is not a power of two"
        case .unresolvedLocation: "length or selector not found"
        case .locationNotYetRead: "length or selector comes after the field that needs it"
        case .badClock: "clock does not exist or has no frequency"
        }
    }
}

/// Bounds on programs, so that no metadata can make one without measure.
@usableFromInline
package struct ProgramLimits: Sendable, Equatable {
    /// Structures, arrays and variants inside of each other.
    package var nestingMax = 64
    /// Fields of a whole trace.
    package var fieldCountMax = 1 << 20
    /// Instructions of a whole trace.
    package var instructionCountMax = 1 << 22
    /// Elements without a single bit that one event may have.
    @inlinable package static var emptyElementsMax: UInt64 { 1 << 16 }

    package init() {}
}
