import Glibc

/// What this process uses, as the system says.
struct ProcessUsage {
    var cpuSeconds = 0.0
    var residentBytes: UInt64 = 0
    var virtualBytes: UInt64 = 0
    var openFiles: Int?
    var openFilesMax: UInt64?
    /// Seconds since the Unix epoch.
    var startedSeconds: Double?

    /// Reads a handful of the kernel's own files, which takes some ten microseconds and waits for nothing.
    static func current() -> ProcessUsage {
        var usage = ProcessUsage()
        var times = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &times) == 0 {
            for time in [times.ru_utime, times.ru_stime] {
                usage.cpuSeconds += Double(time.tv_sec) + Double(time.tv_usec) / 1e6
            }
        }
        let pages = text("/proc/self/statm").split(separator: " ").compactMap { UInt64($0) }
        if pages.count >= 2 {
            let page = UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 1))
            (usage.virtualBytes, usage.residentBytes) = (pages[0] * page, pages[1] * page)
        }
        usage.openFiles = entryCount("/proc/self/fd")
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            usage.openFilesMax = UInt64(limit.rlim_cur)
        }
        usage.startedSeconds = started
        return usage
    }

    /// Looked up once: it does not change.
    private static let started: Double? = {
        // The process's name may hold anything but is in parentheses; its start is the 20th field behind it.
        let stat = text("/proc/self/stat")
        let fields = stat.lastIndex(of: ")").map { stat[$0...].split(separator: " ") } ?? []
        let boot = text("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        guard fields.count > 20, let ticks = Double(fields[20]), let boot = boot.flatMap({ Double($0.dropFirst(6)) })
        else { return nil }
        return boot + ticks / Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
    }()

    /// A file of the kernel's, at most 64 KiB of it; empty where it cannot be read.
    private static func text(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { all in
                let rest = UnsafeMutableRawBufferPointer(rebasing: all[count...])
                return read(descriptor, rest.baseAddress, rest.count)
            }
            guard got > 0 else { break }
            count += got
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The entries of a folder; nil where it cannot be read.
    private static func entryCount(_ path: String) -> Int? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        // Neither the folder nor its parent, nor the descriptor by which it is read.
        var count = -3
        while readdir(folder) != nil { count += 1 }
        return count
    }
}
