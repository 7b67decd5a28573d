import LTTngLive

/// A release of relayd, as far as a viewer can tell it from another.
///
/// What is said here of a release was read in its source or seen of it; between two releases that are named, the older
/// one's ways hold.
package struct RelayVersion: Sendable, Equatable {
    /// The release's minor number, from 4 on.
    package var minor: UInt32
    package var patch: UInt32

    package init(minor: UInt32, patch: UInt32 = .max) {
        self.minor = minor
        self.patch = patch
    }

    /// The last release of the newest series that we speak.
    package static let newest = RelayVersion(minor: LiveVersion.minor)

    /// What it announces in its reply to CONNECT: releases after 2.15 still say 15.
    package var announcedMinor: UInt32 { min(minor, LiveVersion.minor) }

    /// GET_PACKET is refused while metadata was not fetched.
    var wantsMetadataFirst: Bool { minor < 7 }
    /// NEW_STREAM is raised once, on a packet's index; later releases raise it on every reply until the streams are
    /// fetched.
    var raisesNewStreamsOnce: Bool { minor < 13 || (minor == 13 && patch < 12) }
    /// What a stream still holds when its tracer closes it is lost: the index request says HUP.
    var dropsUnreadAtClose: Bool { minor < 14 }
    /// Every attach reads from the beginning.
    var ignoresSeek: Bool { minor == 14 && patch == 0 }
    /// A session whose attach had a seek of no kind is attached all the same, which nobody is told.
    var attachesInSpiteOfSeek: Bool { minor < 14 }
    /// Metadata comes in packets (CTF 1.8, section 7.1), not as plain text.
    var packsMetadata: Bool { minor < 14 }
    /// A beacon before a stream's first packet is passed on.
    var knowsEarlyBeacons: Bool { minor >= 15 }
}
