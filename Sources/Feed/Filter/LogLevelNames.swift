/// The names of LTTng's log levels in user space.
package enum LogLevelNames {
    private static let names = [
        "EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG_SYSTEM", "DEBUG_PROGRAM", "DEBUG_PROCESS",
        "DEBUG_MODULE", "DEBUG_UNIT", "DEBUG_FUNCTION", "DEBUG_LINE", "DEBUG",
    ]

    /// The number of a level: the lower the graver.
    static func level(_ name: String) -> Int64? {
        let name = name.uppercased()
        let plain = name.hasPrefix("TRACE_") ? String(name.dropFirst(6)) : name
        return names.firstIndex(of: plain).map { Int64($0) }
    }

    /// The name of a level; nil where LTTng has none.
    package static func name(_ level: Int64) -> String? {
        names.indices.contains(Int(clamping: level)) ? names[Int(clamping: level)] : nil
    }
}
