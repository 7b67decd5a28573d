import COpenSSL  // its headers bring `timespec` along
import Glibc

/// The clocks that measurements are made with.
enum Clock {
    case monotonic
    /// User and system time of this process.
    case processTime
    /// The same of this thread.
    case threadTime

    /// Nanoseconds.
    var ns: UInt64 {
        var time = timespec()
        switch self {
        case .monotonic: clock_gettime(CLOCK_MONOTONIC, &time)
        case .processTime: clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        case .threadTime: clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
