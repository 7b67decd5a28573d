// swift-tools-version: 6.3
import PackageDescription

// One list for every target, so that no room is laxer than another.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),  // an existential wears `any`
    .enableUpcomingFeature("MemberImportVisibility"),  // a file imports what it uses
    .enableUpcomingFeature("InternalImportsByDefault"),  // no C type leaks into an interface
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // async functions stay where they are called
    .treatAllWarnings(as: .error),
]

/// A room of `Sources/`.
func room(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

/// The tests of a room, in `Tests/`.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: strict)
}

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]

let package = Package(
    name: "tidemark",
    products: [.executable(name: "tidemark", targets: ["tidemark"])],
    dependencies: [
        // Sockets, event loops and timers.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // The command line: parsing, help, completion.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // The log interface that the other server packages speak.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // The daemon's skeleton: signals, ordered start and graceful stop.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // YAML with line marks, for messages that name the line.
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        // HTTP as an async server on NIO, into whose channels our own TLS goes; only its core, without a router.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        // The messages of HTTP, in whose terms Hummingbird speaks.
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    ],
    targets: [
        // The system's libraries, found by pkg-config.
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        // What compiler and allocator cannot know: which memory is read next, which branch nobody can foresee, what is
        // asked for again.
        .systemLibrary(name: "CHints"),
        .target(name: "CFeedSchema", dependencies: ["CProtobufC"], exclude: ["feed.proto"]),
        .target(name: "COTLPSchema", dependencies: ["CProtobufC"], exclude: ["otlp.proto"]),

        // Pure rooms: no I/O, clock, thread or random source.
        room("CTF"),
        room("LTTngLive"),
        room("EventMerge", ["CHints"]),
        room("Feed", ["CTF", "CFeedSchema", "CHints"]),
        room("FeedLog", ["CTF", "Feed"]),
        room("Coordinator", ["CTF", "LTTngLive", "EventMerge", "Feed"]),
        room("SimulatedRelay", ["CTF", "LTTngLive"]),
        room("Rendering", ["CTF", "Feed"]),
        room("Timeline", ["CTF", "Feed"]),
        room("ReExport", ["CTF", "Feed", "LTTngLive"]),

        // The rim.
        room("TLS", ["COpenSSL"]),
        room("ConfigurationFile", [.product(name: "Yams", package: "Yams")]),
        room("Observability"),
        room(
            "Runtime",
            [
                "CTF", "Feed", "LTTngLive", "Coordinator", "FeedLog", "TLS", "ConfigurationFile", "Observability",
                "SimulatedRelay", "Timeline", "ReExport",
            ] + nio + [
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        // The timeline's page, in the binary: its files are C arrays, which compile at once.
        .target(name: "CTimelinePage"),
        room(
            "Forwarding",
            [
                "CHints", "COTLPSchema", "CProtobufC", "CTF", "ConfigurationFile", "Feed", "Rendering", "Runtime",
                "TLS",
            ] + nio + [
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        room(
            "Web",
            [
                "Observability", "Runtime", "Rendering", "ConfigurationFile", "TLS", "Feed", "Coordinator", "Timeline",
                "CTimelinePage",
            ] + nio + [
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            // The timeline page, which CTimelinePage puts into the binary; a server plays the coordinator for its tests
            // (Tests/Timeline).
            exclude: ["Page"]
        ),
        .executableTarget(
            name: "tidemark",
            dependencies: [
                "Web", "Forwarding", "Runtime", "Rendering", "ConfigurationFile", "TLS", "Feed", "FeedLog", "CTF",
                "Coordinator", "CHints",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),

        .target(name: "PacketWriter", dependencies: ["CTF"], path: "Tests/Support/PacketWriter", swiftSettings: strict),
        .target(name: "JSONLines", path: "Tests/Support/JSONLines", swiftSettings: strict),
        // Only for programs: it stands before the C library's malloc.
        .target(name: "AllocationCounter", path: "Tests/Support/AllocationCounter"),
        .executableTarget(
            name: "tidemark-meter",
            dependencies: [
                "AllocationCounter", "COpenSSL", "CTF", "Coordinator", "EventMerge", "Feed", "FeedLog", "PacketWriter",
                "Runtime", "SimulatedRelay", "Timeline",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Benchmarks/Meter",
            swiftSettings: strict
        ),
        .target(
            name: "MetadataWriter",
            dependencies: ["CTF"],
            path: "Tests/Support/MetadataWriter",
            swiftSettings: strict
        ),
        .target(
            name: "HandmadeTraces",
            dependencies: ["CTF", "Feed"],
            path: "Tests/Support/HandmadeTraces",
            swiftSettings: strict
        ),
        .target(
            name: "FuzzTargets",
            dependencies: ["CTF", "Feed", "Coordinator", "PacketWriter", "MetadataWriter"],
            path: "Tests/Fuzzing/Targets",
            swiftSettings: strict
        ),
        .testTarget(
            name: "FuzzingTests",
            dependencies: ["FuzzTargets"],
            path: "Tests/Fuzzing/Replay",
            swiftSettings: strict
        ),
        // Worlds made of a seed, around the coordinator that the daemon runs.
        .target(
            name: "Simulator",
            dependencies: ["CTF", "LTTngLive", "Feed", "FeedLog", "Coordinator", "SimulatedRelay", "PacketWriter"],
            path: "Tests/Simulator/World",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "simulate",
            dependencies: ["Simulator", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/Simulator/Entry",
            swiftSettings: strict
        ),
        .testTarget(
            name: "SimulatorTests",
            dependencies: ["Simulator"],
            path: "Tests/Simulator/Seeds",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "relay-farm",
            dependencies: [
                "CTF", "LTTngLive", "Runtime", "SimulatedRelay",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ] + nio,
            path: "Tests/Benchmarks/RelayFarm",
            swiftSettings: strict
        ),
        tests("CTF", ["PacketWriter", "MetadataWriter"]),
        tests("LTTngLive"),
        tests("EventMerge"),
        tests("Feed", ["CTF", "CFeedSchema", "PacketWriter"]),
        tests("FeedLog", ["CTF", "Feed"]),
        tests("Coordinator", ["CTF", "LTTngLive", "Feed", "SimulatedRelay", "PacketWriter", "MetadataWriter"]),
        tests("SimulatedRelay", ["CTF", "LTTngLive"]),
        tests("Rendering", ["CTF", "Feed", "HandmadeTraces", "PacketWriter", "MetadataWriter", "JSONLines"]),
        tests("Timeline", ["CTF", "Feed", "PacketWriter"]),
        tests("ReExport", ["CTF", "Feed", "LTTngLive", "PacketWriter", "MetadataWriter"]),
        tests(
            "Forwarding",
            ["COTLPSchema", "CTF", "ConfigurationFile", "Feed", "FeedLog", "HandmadeTraces", "Runtime", "TLS"] + nio + [
                .product(name: "Logging", package: "swift-log")
            ]
        ),
        tests("TLS"),
        tests("ConfigurationFile", ["Feed"]),
        tests("Observability"),
        tests(
            "Web",
            ["Runtime", "ConfigurationFile", "TLS", "Observability", "Feed", "SimulatedRelay"] + nio + [
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        tests(
            "Runtime",
            [
                "CTF", "Coordinator", "TLS", "Feed", "FeedLog", "ConfigurationFile", "Observability", "ReExport",
                "SimulatedRelay", "Timeline",
            ] + nio + [
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        // The whole product on real daemons.
        .testTarget(
            name: "ClusterTests",
            dependencies: ["JSONLines"],
            path: "Tests/ClusterTests",
            swiftSettings: strict
        ),
    ]
)

// libFuzzer has a main function of its own, so its entry is there only for those who build it: see Tests/Fuzzing/run.
if Context.environment["FUZZ"] != nil {
    package.products.append(.executable(name: "Fuzz", targets: ["Fuzz"]))
    package.targets.append(
        .executableTarget(
            name: "Fuzz",
            dependencies: ["FuzzTargets"],
            path: "Tests/Fuzzing/Entry",
            swiftSettings: strict
        )
    )
}
