/// Which resource is under a path.
struct WebRoutes: Sendable {
    /// By whole paths; one that ends in `/` stands for all below it, but the root, which stands for itself.
    private let resources: [String: any WebResource]

    init(_ resources: [String: any WebResource]) {
        self.resources = resources
    }

    subscript(path: String) -> (any WebResource)? {
        if let resource = resources[path], path == "/" || !path.hasSuffix("/") { return resource }
        guard let end = path.lastIndex(of: "/"), end > path.startIndex, path.index(after: end) < path.endIndex else {
            return nil
        }
        return resources[String(path[...end])]
    }
}
