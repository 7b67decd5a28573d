import Foundation
import Glibc

/// A file system of its own, in memory, that is full soon.
final class SmallDisk {
    private let folder: ScratchFolder
    var path: String { folder.path }

    static var isPossible: Bool {
        getuid() == 0 && (try? SmallDisk(mebibytes: 1)) != nil
    }

    init(mebibytes: Int) throws {
        folder = try ScratchFolder()
        try Command.run(["mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", folder.path])
    }

    func grow(toMebibytes mebibytes: Int) throws {
        try Command.run(["mount", "-o", "remount,size=\(mebibytes)m", folder.path])
    }

    deinit {
        // Whoever has files of it open keeps them until it ends.
        _ = try? Command.run(["umount", "--lazy", folder.path])
    }
}
