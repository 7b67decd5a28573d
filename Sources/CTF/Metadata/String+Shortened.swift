extension String {
    /// The text, or its beginning where it is longer: for messages.
    func shortened(toBytes bytesMax: Int) -> String {
        guard utf8.count > bytesMax else { return self }
        return String(decoding: utf8.prefix(bytesMax), as: UTF8.self) + "…"
    }
}
