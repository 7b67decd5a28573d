import CTF

extension ByteStorage {
    /// A copy of the bytes. (`bytes` alone does not keep the storage alive.)
    var array: [UInt8] {
        withExtendedLifetime(self) { Array(bytes) }
    }
}
