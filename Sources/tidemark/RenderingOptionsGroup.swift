import ArgumentParser
import Feed
import Rendering

/// The options of `view` and `tail` that say what is printed; names and meanings of the text options are babeltrace2's.
struct RenderingOptionsGroup: ParsableArguments {
    @Option(help: "text (as babeltrace2 prints), json (one object a line), or count (totals at the end).")
    var format: RenderingFormat = .text

    // An expression may begin with a minus.
    @Option(
        parsing: .unconditional,
        help: """
            Only events for which this expression holds: as of `lttng enable-event --filter`, with $host, $session, \
            $relay, $name, $level and $cpu.
            """
    )
    var filter: String?

    @Option(help: "Stop after N events.")
    var limit: UInt64?

    @Flag(name: .customLong("all"), help: "JSON: print control records too (watermarks, states, losses).")
    var includesControlRecords = false

    @Flag(help: "Text: times in UTC.")
    var clockGmt = false

    @Flag(help: "Text: the date too.")
    var clockDate = false

    @Flag(help: "Text: times in seconds since the clock's origin.")
    var clockSeconds = false

    @Flag(help: "Text: times in cycles of the clock.")
    var clockCycles = false

    @Flag(help: "Text: leave out the time since the event before.")
    var noDelta = false

    @Option(help: "Text: which names to print: payload, context, scope, header, all, none; with commas between.")
    var names: String?

    @Option(
        help: """
            Text: which fields to print: trace, trace:hostname, trace:domain, trace:procname, trace:vpid, loglevel, \
            emf, all; with commas between.
            """
    )
    var fields: String?

    func validate() throws {
        _ = try textOptions()
        _ = try filterExpression()
        if let limit, limit == 0 { throw ValidationError("--limit: at least 1") }
    }

    /// What is to be printed.
    func renderingOptions() throws -> RenderingOptions {
        RenderingOptions(
            format: format,
            text: try textOptions(),
            includesControlRecords: includesControlRecords,
            eventLimit: limit
        )
    }

    /// Which events are wanted; nil: all.
    func filterExpression() throws -> FilterExpression? {
        guard let filter else { return nil }
        do throws(FilterError) {
            return try FilterExpression(filter)
        } catch {
            throw ValidationError("--filter: \(error.text(filter))")
        }
    }

    private func textOptions() throws -> TextOptions {
        var text = TextOptions()
        text.clockGMT = clockGmt
        text.clockDate = clockDate
        text.clockSeconds = clockSeconds
        text.clockCycles = clockCycles
        text.showsDelta = !noDelta
        do throws(UnknownTextName) {
            if let names { text.names = try TextNames(arguments: names) }
        } catch {
            throw ValidationError("--names: \(error)")
        }
        do throws(UnknownTextName) {
            if let fields { text.fields = try TextFields(arguments: fields) }
        } catch {
            throw ValidationError("--fields: \(error)")
        }
        return text
    }
}

extension RenderingFormat: ExpressibleByArgument {}
