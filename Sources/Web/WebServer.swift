package import ConfigurationFile
import Feed
import HTTPTypes
import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix
package import Runtime
import ServiceLifecycle
import TLS

/// Serves resources by HTTP, for as long as it runs.
///
/// Every request is first held against `RequestRules`, then against the access that the configuration grants; a
/// resource sees only those that pass. On loopback that is everybody unless the configuration asks for more; elsewhere
/// there is TLS, and a certificate or a token.
package final class WebServer: Service {
    private let endpoint: NetworkEndpoint
    private let access: HTTPAccess
    private let limits: WebLimits
    private let routes: WebRoutes
    private let rules: RequestRules
    private let logger: Logger
    private let listening: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - access: kept up to date by whoever reloads the configuration.
    ///   - resources: by their paths; a path that ends in `/` stands for all below it.
    ///   - listening: told the port once requests are taken.
    package init(
        _ configuration: Configuration.HTTP,
        access: HTTPAccess,
        resources: [String: any WebResource],
        limits: WebLimits = WebLimits(),
        logger: Logger,
        listening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        endpoint = configuration.listen
        self.access = access
        self.limits = limits
        routes = WebRoutes(resources)
        self.logger = logger
        self.listening = listening
        rules = RequestRules(limits: limits, listenHost: configuration.listen.host)
    }

    /// - Throws: `ListenError`.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await serve(on: group)
            try await group.shutdownGracefully()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private func serve(on group: MultiThreadedEventLoopGroup) async throws {
        // What it says of itself is said here, and connections are no news.
        var quiet = logger
        quiet.logLevel = logger.logLevel <= .debug ? logger.logLevel : max(logger.logLevel, .warning)
        let server = Server(
            childChannelSetup: WebChannel(access: access, limits: limits) { [self] request, writer, channel in
                try await respond(to: request, writer, channel)
            },
            configuration: ServerConfiguration(
                address: .hostname(endpoint.host, port: Int(endpoint.port)),
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)
            ),
            onServerRunning: { [self] channel in
                logger.info("HTTP is served", metadata: ["listen": "\(endpoint)"])
                listening(channel.localAddress?.port ?? 0)
            },
            eventLoopGroup: group,
            logger: quiet
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { [endpoint] in
                do {
                    try await server.run()
                } catch let error as IOError {
                    throw ListenError(endpoint, key: "http.listen", error)
                }
            }
            tasks.addTask { [limits] in
                try await gracefulShutdown()
                try await Task.sleep(for: .nanoseconds(limits.closing.nanoseconds))
            }
            // The server's end, or its time is over: then it is cancelled.
            try await tasks.next()
            tasks.cancelAll()
        }
    }

    // MARK: Requests

    /// What ends a connection behind its answer.
    private struct Unwanted: Error {}

    @concurrent
    private func respond(
        to request: Request,
        _ writer: consuming ResponseWriter,
        _ channel: any Channel
    ) async throws {
        let overdue = channel.eventLoop.scheduleTask(in: limits.answer) { channel.close(promise: nil) }
        defer { overdue.cancel() }
        let admission = await admission(request.headers, channel)
        let answer = await withTaskCancellationHandler {
            await self.answer(request, channel, admission)
        } onCancel: {
            channel.close(promise: nil)
        }
        var headers = RequestRules.headers
        for field in answer.headers { headers[field.name] = field.value }
        if answer.status == .unauthorized { headers[.wwwAuthenticate] = "Bearer realm=\"tidemark\"" }
        if answer.status == .methodNotAllowed { headers[.allow] = "GET, HEAD" }
        // A body that nobody reads is not waited for.
        let isLast = rules.hasBody(request.head)
        if isLast { headers[.connection] = "close" }
        // Rules, tokens and certificates may change while a stream goes on.
        let body = body(answer, channel, overdue) { [headers = request.headers] in
            await self.admission(headers, channel).admission == admission.admission
        }
        let response = Response(status: answer.status, headers: headers, body: body)
        if request.method == .head || answer.status == .notModified {
            try await writer.writeResponse(response.createHeadResponse().head)
        } else {
            try await writer.write(response: response.head, body: response.body)
        }
        if isLast { throw Unwanted() }
    }

    /// A stream's time has no limit, once it is there to be taken, but each piece's has.
    private func body(
        _ answer: WebAnswer,
        _ channel: any Channel,
        _ overdue: Scheduled<Void>,
        isAdmitted: @escaping @Sendable () async -> Bool
    ) -> ResponseBody {
        switch answer.body {
        case .whole(let buffer): ResponseBody(byteBuffer: buffer)
        case .stream(let write):
            ResponseBody { [patience = limits.answer] writer in
                overdue.cancel()
                var stream = WebStream(writer, channel: channel, patience: patience, isAdmitted: isAdmitted)
                try await withTaskCancellationHandler {
                    try await write(&stream)
                } onCancel: {
                    channel.close(promise: nil)
                }
                try await writer.finish(nil)
            }
        }
    }

    /// Who asks, and what it may; nil where its certificate is not accepted any more.
    private func admission(
        _ headers: HTTPFields,
        _ channel: any Channel
    ) async -> (admission: HTTPAccess.Admission?, peer: PeerCertificate?) {
        let grant = access.current
        do {
            let peer = try await Self.peer(channel, grant)
            return (grant.admits(peer, authorization: headers[.authorization]), peer)
        } catch {
            return (nil, nil)
        }
    }

    private func answer(
        _ request: Request,
        _ channel: any Channel,
        _ admitted: (admission: HTTPAccess.Admission?, peer: PeerCertificate?)
    ) async -> WebAnswer {
        let path = request.uri.path
        if let refusal = rules.refusal(of: request.head, access.current) { return refusal }
        let resource = routes[path]
        let isPage = resource?.audience == .everybody
        var scope = ViewScope?.none
        switch admitted.admission {
        case nil: return .refusal(.forbidden, "the certificate is not accepted any more", path)
        case .unknown where !isPage: return .refusal(.unauthorized, "a token is needed", path)
        case .forbidden where !isPage: return .refusal(.forbidden, "no allow rule names this identity", path)
        case .unknown, .forbidden: break
        case .admitted(let admitted): scope = admitted
        }
        guard let resource else { return .refusal(.notFound, "there is nothing here", path) }
        guard scope?.isFull == true || resource.audience != .fullViewers else {
            return .refusal(.forbidden, "this is for those who may see everything", path)
        }
        return await resource.answer(
            WebRequest(
                uri: request.uri,
                headers: request.headers,
                scope: scope ?? .nothing,
                client: admitted.peer?.identities.first ?? channel.remoteAddress?.ipAddress ?? "?"
            )
        )
    }

    /// What the client has shown in TLS.
    /// - Throws: where that is not accepted any more, or the connection is not protected as it has to be by now.
    private static func peer(_ channel: any Channel, _ grant: HTTPAccess.Grant) async throws -> PeerCertificate? {
        guard let tls = grant.tls else { return nil }
        return try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: TLSServerHandler.self).peer(acceptedBy: tls)
        }
        .get()
    }
}
