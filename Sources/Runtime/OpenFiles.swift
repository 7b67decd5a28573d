import Glibc

/// How many files and sockets the process may have open.
package enum OpenFiles {
    /// Raises the limit to what the system allows: most start a program with 1024, and a relay takes a socket for each
    /// session and one more.
    package static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else {
            return
        }
        limit.rlim_cur = limit.rlim_max
        // Failing is harmless: connects and accepts that find no room say so.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
