import CHints
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// A running program: its standard input, of which can be told how much it has read, and the lines of its standard
/// error. Its standard output goes nowhere. Confined to an event loop, which `@unchecked Sendable` stands for.
final class ProgramProcess: @unchecked Sendable {
    /// Why a program could not be started.
    struct StartError: Error, CustomStringConvertible {
        let description: String
    }

    /// Room in the pipe; the system gives less where it has to.
    private static let pipeBytes: Int32 = 1 << 20
    private let processID: pid_t
    private var input: Int32
    private let waiter = NIOThreadPool(numberOfThreads: 1)

    /// Starts it, in a process group of its own, so that what the terminal sends us does not reach it.
    /// - Parameters:
    ///   - command: the program, looked up in PATH, and its arguments.
    ///   - line: told each line of standard error, on the loop.
    ///   - ended: told once how it ended, in words, on the loop.
    init(
        _ command: [String],
        on loop: any EventLoop,
        line: @escaping @Sendable (String) -> Void,
        ended: @escaping @Sendable (String) -> Void
    ) throws(StartError) {
        let errors: Int32
        (processID, input, errors) = try Self.starting.withLock { _ throws(StartError) in try Self.start(command) }
        NIOPipeBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ErrorLines(line))
                }
            }
            .takingOwnershipOfDescriptor(input: errors).whenFailure { error in
                Glibc.close(errors)
                line("its standard error cannot be read: \(error)")
            }
        waiter.start()
        waiter.submit { [processID] _ in
            var status: Int32 = 0
            while waitpid(processID, &status, 0) < 0, errno == EINTR {}
            let (signal, code) = (status & 0x7F, status >> 8 & 0xFF)
            let text = signal == 0 ? "ended with \(code)" : "was ended by signal \(signal)"
            loop.execute { ended(text) }
        }
    }

    /// Ends the thread that waits for the program; it has ended.
    func close() {
        closeInput()
        waiter.shutdownGracefully { _ in }
    }

    private static let setPipeSize: Int32 = 1031  // F_SETPIPE_SZ, which glibc has for _GNU_SOURCE only

    // MARK: Its input

    enum Written: Equatable {
        case bytes(Int)
        /// The pipe is full.
        case full
        /// It does not read any more.
        case gone
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Written {
        guard input >= 0 else { return .gone }
        while true {
            let count = Glibc.write(input, bytes.baseAddress, bytes.count)
            if count >= 0 { return .bytes(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .full
            default: return .gone
            }
        }
    }

    /// Bytes that it was given and has not read.
    var unreadBytes: Int {
        var count: Int32 = 0
        guard input >= 0, ioctl(input, UInt(FIONREAD), &count) == 0 else { return 0 }
        return Int(count)
    }

    /// It finds the end of its input.
    func closeInput() {
        if input >= 0 { Glibc.close(input) }
        input = -1
    }

    /// To it, and to those that it has started.
    func signal(_ number: Int32) { kill(-processID, number) }

    // MARK: Starting

    /// One at a time: another's program must not inherit our end of a pipe, of which ours would never see the end.
    private static let starting = Mutex(())

    private static func start(
        _ command: [String]
    ) throws(StartError) -> (processID: pid_t, input: Int32, errors: Int32) {
        var (input, errors): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe(&input) == 0 else { throw StartError(description: "no pipe: \(text(errno))") }
        defer { Glibc.close(input[0]) }
        guard pipe(&errors) == 0 else {
            let fault = errno
            Glibc.close(input[1])
            throw StartError(description: "no pipe: \(text(fault))")
        }
        defer { Glibc.close(errors[1]) }
        for descriptor in input + errors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        // Its end of the first is read, ours is written and never blocks.
        _ = fcntl(input[1], F_SETFL, O_NONBLOCK)
        _ = fcntl(input[1], setPipeSize, pipeBytes)
        do throws(StartError) {
            return (try spawn(command, input: input[0], errors: errors[1]), input[1], errors[0])
        } catch {
            Glibc.close(input[1])
            Glibc.close(errors[0])
            throw error
        }
    }

    private static func spawn(_ command: [String], input: Int32, errors: Int32) throws(StartError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        // The daemon's sockets are not marked to be closed, and a relay whose connection a program keeps open would
        // take its viewer to be there still.
        _ = tidemark_close_from(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
        )
        var arguments = command.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        arguments.append(nil)
        var processID = pid_t()
        let fault = posix_spawnp(&processID, command[0], &actions, &attributes, arguments, environ)
        guard fault == 0 else { throw StartError(description: "\(command[0]) cannot be started: \(text(fault))") }
        return processID
    }

    private static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// Cuts what comes into lines.
private final class ErrorLines: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// The rest of a longer line is a line of its own.
    private static let lineBytesMax = 1024
    private let tell: (String) -> Void
    private var line: [UInt8] = []

    init(_ tell: @escaping (String) -> Void) { self.tell = tell }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for byte in unwrapInboundIn(data).readableBytesView {
            if byte == UInt8(ascii: "\n") || line.count == Self.lineBytesMax { end() }
            if byte != UInt8(ascii: "\n") { line.append(byte) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        if !line.isEmpty { tell(String(decoding: line, as: UTF8.self)) }
        line.removeAll(keepingCapacity: true)
    }
}
