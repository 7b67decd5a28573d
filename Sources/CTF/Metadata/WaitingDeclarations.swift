/// Declarations that name what has not been declared yet, kept until it has.
///
/// Each is looked for by the one thing that it lacks, and tried again when that has come; it may lack another thing
/// then. All of this depends on the text alone, and not on the pieces in which it comes.
///
/// Bounds: `MetadataLimits.waitingDeclarationsMax` declarations. What is tried again is paid for by the text: each byte
/// allows four, and 64 KiB are free. So an honest declaration never has to wait for credit, while a text that is made
/// to be read again and again costs at most five times its length, however it is cut; what is due is tried again once
/// the text has grown enough.
struct WaitingDeclarations: Sendable {
    struct Declaration: Sendable {
        var text: [UInt8]
        /// Of its first byte.
        var position: MetadataPosition
        /// What it lacked when it was tried last.
        var error: MetadataError
    }

    private static let creditPerByte = 4

    private let limit: Int
    private var byReference: [MetadataReference: [Declaration]] = [:]
    /// Those that can be tried again, from `firstDue` on.
    private var due: [Declaration] = []
    private var firstDue = 0
    private var creditBytes = 65_536
    private var count = 0
    private var knownFault: MetadataError?
    private var knownFaultIsStale = false
    /// The first declaration that named what had to be declared before it, whether it has been read by now or not.
    private(set) var firstForwardReference: MetadataError?

    init(limits: MetadataLimits) {
        limit = limits.waitingDeclarationsMax
    }

    /// The text has grown by a declaration.
    mutating func grew(by byteCount: Int) {
        let (credit, overflow) = creditBytes.addingReportingOverflow(byteCount * Self.creditPerByte)
        creditBytes = overflow ? .max : credit
    }

    /// Keeps a declaration that lacks `reference`.
    mutating func add(_ declaration: Declaration, lacking reference: MetadataReference) throws(MetadataError) {
        guard count < limit else {
            throw MetadataError(.tooManyDeclarations, at: declaration.position, "that name what is not declared")
        }
        count += 1
        byReference[reference, default: []].append(declaration)
        guard !reference.mayComeLater else { return }
        firstForwardReference = firstForwardReference ?? declaration.error
        if knownFault == nil { knownFault = declaration.error }
    }

    /// What `reference` stands for has been declared.
    mutating func provide(_ reference: MetadataReference) {
        guard !byReference.isEmpty, let declarations = byReference.removeValue(forKey: reference) else { return }
        due += declarations
        knownFaultIsStale = knownFaultIsStale || !reference.mayComeLater
    }

    /// The next declaration to be tried again; nil when there is none that the text has paid for.
    mutating func takeDue() -> Declaration? {
        guard firstDue < due.count, due[firstDue].text.count <= creditBytes else { return nil }
        let declaration = due[firstDue]
        firstDue += 1
        if firstDue == due.count {
            due.removeAll()
            firstDue = 0
        }
        count -= 1
        creditBytes -= declaration.text.count
        return declaration
    }

    /// Why the text cannot be used as it is: what the first of the declarations lacks that should have come before it.
    /// - Complexity: O(1), O(declarations) after one of them has been read.
    mutating func fault() -> MetadataError? {
        if knownFaultIsStale {
            knownFaultIsStale = false
            knownFault = first { !$0.mayComeLater }
        }
        return knownFault
    }

    /// What the first of the declarations lacks, be it allowed to come later or not.
    func lack() -> MetadataError? {
        first { _ in true }
    }

    private func first(where isMeant: (MetadataReference) -> Bool) -> MetadataError? {
        var errors = due[firstDue...].compactMap { isMeant($0.error.missing ?? .trace) ? $0.error : nil }
        for (reference, declarations) in byReference where isMeant(reference) { errors += declarations.map(\.error) }
        return errors.min { ($0.line, $0.column) < ($1.line, $1.column) }
    }
}
