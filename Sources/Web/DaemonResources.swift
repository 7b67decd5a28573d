import HTTPTypes
import Observability
package import Runtime

/// What a service manager and a monitoring system ask of the daemon.
package enum DaemonResources {
    /// By their paths.
    package static func all(of monitor: DaemonMonitor) -> [String: any WebResource] {
        [
            "/healthz": HealthResource(monitor: monitor),
            "/readyz": ReadinessResource(monitor: monitor),
            "/metrics": MetricsResource(monitor: monitor),
        ]
    }
}

/// Whether the process lives: its threads answer. For everybody who may ask.
struct HealthResource: WebResource {
    let monitor: DaemonMonitor
    let audience = WebAudience.viewers

    func answer(_ request: WebRequest) async -> WebAnswer {
        await monitor.isAlive() ? WebAnswer(.ok, "ok") : WebAnswer(.serviceUnavailable, "a thread does not answer")
    }
}

/// Whether the feed is served as it should be, and why not.
struct ReadinessResource: WebResource {
    let monitor: DaemonMonitor
    let audience = WebAudience.fullViewers

    func answer(_ request: WebRequest) async -> WebAnswer {
        let readiness =
            (try? await monitor.readiness()) ?? DaemonMonitor.Readiness(reasons: ["a thread does not answer"])
        return WebAnswer(
            readiness.isReady ? .ok : .serviceUnavailable,
            contentType: "application/json",
            bytes: Array(Self.json(readiness).utf8)
        )
    }

    static func json(_ readiness: DaemonMonitor.Readiness) -> String {
        let reasons = readiness.reasons.map { JSONText.string($0) }.joined(separator: ",")
        let relays = readiness.relays.map { relay in
            let trouble = relay.trouble.map { ",\"trouble\":\(JSONText.string($0))" } ?? ""
            return "{\"name\":\(JSONText.string(relay.name)),\"state\":\(JSONText.string(relay.state))\(trouble)}"
        }
        let forwarders = readiness.forwarders.map { forwarder in
            let trouble = forwarder.trouble.map { ",\"trouble\":\(JSONText.string($0))" } ?? ""
            return "{\"name\":\(JSONText.string(forwarder.name)),\"kind\":\(JSONText.string(forwarder.kind))"
                + ",\"state\":\(JSONText.string(forwarder.state.rawValue))"
                + ",\"lag_frames\":\(forwarder.lagFrames)\(trouble)}"
        }
        return "{\"ready\":\(readiness.isReady),\"reasons\":[\(reasons)],\"relays\":[\(relays.joined(separator: ","))]"
            + (forwarders.isEmpty ? "" : ",\"forwarders\":[\(forwarders.joined(separator: ","))]") + "}\n"
    }
}

/// What is measured, as Prometheus reads it.
struct MetricsResource: WebResource {
    let monitor: DaemonMonitor
    let audience = WebAudience.fullViewers

    func answer(_ request: WebRequest) async -> WebAnswer {
        guard let scrape = try? await monitor.scrape() else {
            return WebAnswer(.serviceUnavailable, "a thread does not answer")
        }
        return WebAnswer(contentType: MetricScrape.contentType, bytes: scrape.prometheusText)
    }
}
