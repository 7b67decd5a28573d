import Feed

/// How a host's clock stands, in a line for people.
enum ClockNotice {
    static func text(_ report: ClockReport) -> String {
        let host = name(report.relay, report.host)
        let reference =
            report.isAgainstCoordinator
            ? "the coordinator's" : "that of \(name(report.referenceRelay, report.referenceHost))"
        var parts: [String] = []
        if let stepNs = report.stepNs {
            parts.append(
                "has jumped by \(milliseconds(stepNs)) ms (give or take \(milliseconds(report.stepErrorNs)) ms)"
            )
        }
        switch (report.lowerNs, report.upperNs) {
        case (let lower?, let upper?):
            parts.append("is \(milliseconds(lower)) to \(milliseconds(upper)) ms ahead of \(reference)")
        case (let lower?, nil): parts.append("is at least \(milliseconds(lower)) ms ahead of \(reference)")
        case (nil, let upper?): parts.append("is at most \(milliseconds(upper)) ms ahead of \(reference)")
        case (nil, nil): parts.append("is not known against \(reference)")
        }
        if let driftPpb = report.driftPpb {
            parts.append("gains \(ppm(driftPpb)) ppm (give or take \(ppm(report.driftErrorPpb)) ppm)")
        }
        if report.correctionNs != 0 { parts.append("is corrected by \(milliseconds(report.correctionNs)) ms") }
        let suffix =
            report.quality == .failed ? " (measurements contradict each other by now: these were the last)" : ""
        return "clock of \(host) " + parts.joined(separator: ", ") + suffix
    }

    private static func name(_ relay: String, _ host: String) -> String {
        [relay, host].filter { !$0.isEmpty }.joined(separator: "/")
    }

    /// Nanoseconds as milliseconds with three decimals.
    private static func milliseconds(_ ns: some BinaryInteger) -> String {
        fraction(sign: ns < 0, UInt64(ns.magnitude) / 1000)
    }

    /// Nanoseconds a second as parts in a million with three decimals.
    private static func ppm(_ ppb: some BinaryInteger) -> String {
        fraction(sign: ppb < 0, UInt64(ppb.magnitude))
    }

    private static func fraction(sign: Bool, _ thousandths: UInt64) -> String {
        let decimals = String(1000 + thousandths % 1000).dropFirst()
        return "\(sign && thousandths > 0 ? "-" : "")\(thousandths / 1000).\(decimals)"
    }
}
