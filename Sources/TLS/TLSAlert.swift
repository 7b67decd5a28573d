/// An alert of the TLS protocol (RFC 8446, section 6), by its number on the wire.
package struct TLSAlert: Sendable, Hashable, RawRepresentable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let closeNotify = TLSAlert(rawValue: 0)
    package static let unexpectedMessage = TLSAlert(rawValue: 10)
    package static let badRecordMAC = TLSAlert(rawValue: 20)
    package static let recordOverflow = TLSAlert(rawValue: 22)
    package static let handshakeFailure = TLSAlert(rawValue: 40)
    package static let badCertificate = TLSAlert(rawValue: 42)
    package static let unsupportedCertificate = TLSAlert(rawValue: 43)
    package static let certificateRevoked = TLSAlert(rawValue: 44)
    package static let certificateExpired = TLSAlert(rawValue: 45)
    package static let certificateUnknown = TLSAlert(rawValue: 46)
    package static let illegalParameter = TLSAlert(rawValue: 47)
    package static let unknownCA = TLSAlert(rawValue: 48)
    package static let accessDenied = TLSAlert(rawValue: 49)
    package static let decodeError = TLSAlert(rawValue: 50)
    package static let decryptError = TLSAlert(rawValue: 51)
    package static let protocolVersion = TLSAlert(rawValue: 70)
    package static let insufficientSecurity = TLSAlert(rawValue: 71)
    package static let internalError = TLSAlert(rawValue: 80)
    package static let userCanceled = TLSAlert(rawValue: 90)
    package static let missingExtension = TLSAlert(rawValue: 109)
    package static let unsupportedExtension = TLSAlert(rawValue: 110)
    package static let unrecognizedName = TLSAlert(rawValue: 112)
    package static let certificateRequired = TLSAlert(rawValue: 116)
    package static let noApplicationProtocol = TLSAlert(rawValue: 120)

    /// True for the alerts by which a peer says "I do not let you in", as against "I do not understand you".
    package var isRefusal: Bool {
        switch self {
        case .handshakeFailure, .badCertificate, .unsupportedCertificate, .certificateRevoked, .certificateExpired,
            .certificateUnknown, .unknownCA, .accessDenied, .protocolVersion, .insufficientSecurity,
            .unrecognizedName, .certificateRequired, .noApplicationProtocol:
            true
        default: false
        }
    }
}

extension TLSAlert: CustomStringConvertible {
    /// The alert's name in the RFC, in words: `certificate required`.
    package var description: String {
        switch self {
        case .closeNotify: "close notify"
        case .unexpectedMessage: "unexpected message"
        case .badRecordMAC: "bad record mac"
        case .recordOverflow: "record overflow"
        case .handshakeFailure: "handshake failure"
        case .badCertificate: "bad certificate"
        case .unsupportedCertificate: "unsupported certificate"
        case .certificateRevoked: "certificate revoked"
        case .certificateExpired: "certificate expired"
        case .certificateUnknown: "certificate unknown"
        case .illegalParameter: "illegal parameter"
        case .unknownCA: "unknown ca"
        case .accessDenied: "access denied"
        case .decodeError: "decode error"
        case .decryptError: "decrypt error"
        case .protocolVersion: "protocol version"
        case .insufficientSecurity: "insufficient security"
        case .internalError: "internal error"
        case .userCanceled: "user canceled"
        case .missingExtension: "missing extension"
        case .unsupportedExtension: "unsupported extension"
        case .unrecognizedName: "unrecognized name"
        case .certificateRequired: "certificate required"
        case .noApplicationProtocol: "no application protocol"
        default: "alert \(rawValue)"
        }
    }
}
