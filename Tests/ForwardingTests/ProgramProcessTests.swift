import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Forwarding

/// A program that is run for its standard input.
@Suite(.timeLimit(.minutes(1)))
struct ProgramProcessTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    @Test
    func `a program that floods its standard error is read to the end, in lines of a bounded length`() async throws {
        let lines = Mutex([String]())
        let ended = loop.makePromise(of: String.self)
        let last = loop.makePromise(of: Void.self)
        let script =
            "head -c 5000 /dev/zero | tr '\\0' x >&2; echo >&2; printf 'b\\377\\n\\nlast' >&2; yes | head -c 999999"
        let process = try await loop.submit { [loop] in
            try ProgramProcess(["sh", "-c", script], on: loop) { line in
                lines.withLock { $0.append(line) }
                if line == "last" { last.succeed() }
            } ended: {
                ended.succeed($0)
            }
        }.get()
        #expect(try await ended.futureResult.get() == "ended with 0")
        try await last.futureResult.get()
        let found = lines.withLock { $0 }
        #expect(found.map(\.utf8.count) == [1024, 1024, 1024, 1024, 904, 4, 4])
        #expect(found.suffix(2) == ["b\u{FFFD}", "last"])
        try await loop.submit { process.close() }.get()
    }

    @Test
    func `what a program has started is ended with it`() async throws {
        let told = loop.makePromise(of: pid_t.self)
        let ended = loop.makePromise(of: String.self)
        let process = try await loop.submit { [loop] in
            try ProgramProcess(["sh", "-c", "sleep 1000 & echo $! >&2; wait"], on: loop) { line in
                if let child = pid_t(line) { told.succeed(child) }
            } ended: {
                ended.succeed($0)
            }
        }.get()
        let child = try await told.futureResult.get()
        defer { kill(child, SIGKILL) }
        #expect(kill(child, 0) == 0)
        try await loop.submit { process.signal(SIGKILL) }.get()
        #expect(try await ended.futureResult.get() == "was ended by signal 9")
        // Whoever inherits it takes a moment to bury it.
        while kill(child, 0) == 0, !isZombie(child) { try await Task.sleep(for: .milliseconds(5)) }
        try await loop.submit { process.close() }.get()
    }

    private func isZombie(_ process: pid_t) -> Bool {
        guard let file = fopen("/proc/\(process)/stat", "r") else { return true }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 256)
        let count = fread(&text, 1, 255, file)
        let words = String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
        return words.count > 2 && words[2] == "Z"
    }

    @Test
    func `a program that is not there is said, and costs nothing`() async throws {
        for _ in 0..<3 {
            let error = try await loop.submit { [loop] in
                do throws(ProgramProcess.StartError) {
                    _ = try ProgramProcess(["/nowhere/tool"], on: loop) { _ in
                    } ended: { _ in
                    }
                    return ""
                } catch {
                    return "\(error)"
                }
            }.get()
            #expect(error == "/nowhere/tool cannot be started: No such file or directory")
        }
    }
}
