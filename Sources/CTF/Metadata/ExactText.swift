/// A text that equals only what has the same bytes.
///
/// Metadata means bytes by its names and labels, while equal strings may have different ones: `é` can be written as one
/// character or as two. What looks texts up by name, or tells them apart, does it by this.
package struct ExactText: Hashable, Sendable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package static func == (left: ExactText, right: ExactText) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
