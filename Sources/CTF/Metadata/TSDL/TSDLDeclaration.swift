/// A declaration of the top level, read but not yet related to the others.
enum TSDLDeclaration: Sendable {
    /// Names of types, or something that says nothing about the trace.
    case none
    case trace(TSDLTrace)
    case environment([EnvironmentEntry], MetadataPosition)
    case clock(ClockClass, MetadataPosition)
    case stream(TSDLStream)
    case event(TSDLEvent)
}

/// A structure that a block has been given for one of its scopes.
struct TSDLRoot: Sendable {
    var type: TSDLType
    var position: MetadataPosition
}

struct TSDLTrace: Sendable {
    var position: MetadataPosition
    var uuid: TraceUUID?
    var byteOrder: ByteOrder
    var packetHeader: TSDLRoot?
}

struct TSDLStream: Sendable {
    var position: MetadataPosition
    var id: UInt64?
    var packetContext: TSDLRoot?
    var eventHeader: TSDLRoot?
    var eventCommonContext: TSDLRoot?
}

struct TSDLEvent: Sendable {
    var position: MetadataPosition
    var id: UInt64?
    var streamID: UInt64?
    var name: String
    var logLevel: Int64?
    var emfURI: String?
    var specificContext: TSDLRoot?
    var payload: TSDLRoot?
}
