import CTF
import Glibc

/// The stored traces beside the repository, with what their suites say of them.
enum StoredTraces {
    struct Entry: CustomStringConvertible {
        var name: String
        var verdict: String
        var description: String { name }
        var isCTF2: Bool { name.contains("ctf2") || name.hasPrefix("x2-") }

        var metadata: [UInt8]? {
            StoredTraces.read((StoredTraces.folder ?? "") + "/traces/" + name + "/metadata")
        }
    }

    /// Nil when the traces are not there.
    static let folder: String? = {
        guard let resolved = realpath(#filePath, nil) else { return nil }
        defer { free(resolved) }
        var path = Substring(String(cString: resolved))
        while let slash = path.lastIndex(of: "/") {
            path = path[..<slash]
            if access(path + "/Package.swift", R_OK) == 0 {
                let folder = path + "/../shared/data/ctf"
                return access(folder + "/INDEX.tsv", R_OK) == 0 ? String(folder) : nil
            }
        }
        return nil
    }()

    /// The traces of CTF 1.8.
    static let entries = allEntries.filter { !$0.isCTF2 }
    static let ctf2Entries = allEntries.filter(\.isCTF2)

    private static let allEntries: [Entry] = {
        guard let folder, let index = read(folder + "/INDEX.tsv") else { return [] }
        return String(decoding: index, as: UTF8.self).split(separator: "\n").dropFirst().compactMap { line in
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count >= 2 else { return nil }
            return Entry(name: String(columns[0]), verdict: String(columns[1]))
        }
    }()

    static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "rb") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}

extension MetadataReader {
    /// Reads all of `bytes` at once, as a file.
    static func read(_ bytes: [UInt8], limits: MetadataLimits = MetadataLimits()) throws(MetadataError) -> TraceClass? {
        var reader = MetadataReader(limits: limits)
        try reader.append(bytes)
        try reader.finish()
        return reader.traceClass
    }

    static func read(_ text: String, limits: MetadataLimits = MetadataLimits()) throws(MetadataError) -> TraceClass? {
        try read(Array(text.utf8), limits: limits)
    }

    mutating func append(_ bytes: [UInt8]) throws(MetadataError) {
        try bytes.withUnsafeBufferPointer { buffer throws(MetadataError) in
            try append(UnsafeRawBufferPointer(buffer))
        }
    }
}
