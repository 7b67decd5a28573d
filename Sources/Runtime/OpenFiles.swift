import Glibc

/// The files and sockets that the process has open, and how many it may have.
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

    /// Puts something in the place of a standard input, output or error that the process was started without: else the
    /// next file or socket would take its number, and what is printed would go there.
    package static func fillStandard() {
        for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
            // Takes the lowest number that is free. What is only read from refuses what is written to it.
            _ = open("/dev/null", O_RDONLY)
        }
    }
}
