/// The form in which `view` and `tail` print the feed.
package enum RenderingFormat: String, Sendable, CaseIterable {
    /// What babeltrace2's `sink.text.pretty` prints.
    case text
    /// One JSON object a line.
    case json
    /// One line of totals at the end.
    case count
}

/// How a feed is to be printed.
package struct RenderingOptions: Sendable, Equatable {
    package var format: RenderingFormat
    package var text: TextOptions
    /// JSON: print control records (watermarks, states, losses) between the events.
    package var includesControlRecords: Bool
    /// Stop after so many events; nil for no limit.
    package var eventLimit: UInt64?

    package init(
        format: RenderingFormat = .text,
        text: TextOptions = TextOptions(),
        includesControlRecords: Bool = false,
        eventLimit: UInt64? = nil
    ) {
        self.format = format
        self.text = text
        self.includesControlRecords = includesControlRecords
        self.eventLimit = eventLimit
    }
}

/// The switches of babeltrace2's text output, with its names and its defaults.
package struct TextOptions: Sendable, Equatable, BitwiseCopyable {
    /// `--clock-cycles`: the clock's value in cycles instead of a time.
    package var clockCycles = false
    /// `--clock-date`: the date before the time.
    package var clockDate = false
    /// `--clock-gmt`: UTC instead of local time.
    package var clockGMT = false
    /// `--clock-seconds`: seconds since the clock's origin instead of a time of day.
    package var clockSeconds = false
    /// Not `--no-delta`: the time since the event before.
    package var showsDelta = true
    package var names = TextNames.standard
    package var fields = TextFields.standard

    package init() {}
}

/// Which names text shows (`--names`).
package struct TextNames: OptionSet, Sendable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Member names and indexes in the event's payload.
    package static let payload = TextNames(rawValue: 1 << 0)
    /// Member names and indexes in the packet's and the events' contexts.
    package static let context = TextNames(rawValue: 1 << 1)
    /// Names of the header's parts (`timestamp = `, `name = `).
    package static let header = TextNames(rawValue: 1 << 2)
    /// Names of the scopes (`event.fields = `).
    package static let scope = TextNames(rawValue: 1 << 3)

    package static let all: TextNames = [.payload, .context, .header, .scope]
    /// What is shown when nothing is asked for.
    package static let standard: TextNames = [.payload, .context]

    /// Reads the argument of `--names`: a list with commas. `none` adds nothing, and does not go with `all`.
    /// - Throws: the word that names nothing.
    package init(arguments: String) throws(UnknownTextName) {
        let words = try splitArguments(arguments)
        var names: TextNames = []
        for word in words {
            switch word {
            case "payload", "arg", "args": names.insert(.payload)
            case "context", "ctx": names.insert(.context)
            case "header": names.insert(.header)
            case "scope": names.insert(.scope)
            case "all": names = .all
            case "none": if words.contains("all") { throw UnknownTextName(word: word) }
            default: throw UnknownTextName(word: word)
            }
        }
        self = names
    }
}

/// Which parts of the event's header text shows beside its time and name (`--fields`).
package struct TextFields: OptionSet, Sendable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let trace = TextFields(rawValue: 1 << 0)
    package static let hostname = TextFields(rawValue: 1 << 1)
    package static let domain = TextFields(rawValue: 1 << 2)
    package static let procname = TextFields(rawValue: 1 << 3)
    package static let vpid = TextFields(rawValue: 1 << 4)
    package static let logLevel = TextFields(rawValue: 1 << 5)
    package static let emfURI = TextFields(rawValue: 1 << 6)

    package static let all: TextFields = [.trace, .hostname, .domain, .procname, .vpid, .logLevel, .emfURI]
    /// What is shown when nothing is asked for.
    package static let standard: TextFields = [.hostname, .procname, .vpid]

    /// Reads the argument of `--fields`: a list with commas.
    /// - Throws: the word that names nothing.
    package init(arguments: String) throws(UnknownTextName) {
        var fields: TextFields = []
        for word in try splitArguments(arguments) {
            switch word {
            case "trace": fields.insert(.trace)
            case "trace:hostname": fields.insert(.hostname)
            case "trace:domain": fields.insert(.domain)
            case "trace:procname": fields.insert(.procname)
            case "trace:vpid": fields.insert(.vpid)
            case "loglevel": fields.insert(.logLevel)
            case "emf": fields.insert(.emfURI)
            case "all": fields = .all
            default: throw UnknownTextName(word: word)
            }
        }
        self = fields
    }
}

/// A word in the argument of `--names` or `--fields` that names nothing.
package struct UnknownTextName: Error, Equatable, CustomStringConvertible {
    package var word: String

    package var description: String { "unknown name: '\(word)'" }
}

/// The words of a list with commas; spaces around them do not count.
private func splitArguments(_ arguments: String) throws(UnknownTextName) -> [String] {
    var words: [String] = []
    for part in arguments.split(separator: ",", omittingEmptySubsequences: false) {
        let word = part.drop { $0 == " " }
        var end = word.endIndex
        while end > word.startIndex, word[word.index(before: end)] == " " { end = word.index(before: end) }
        guard end > word.startIndex else { throw UnknownTextName(word: String(part)) }
        words.append(String(word[word.startIndex..<end]))
    }
    return words
}
