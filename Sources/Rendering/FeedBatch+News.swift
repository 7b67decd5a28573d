package import Feed

extension FeedBatch {
    /// Without what a checkpoint repeats.
    package var onlyNews: FeedBatch {
        var batch = self
        batch.records = records.filter { record in
            switch record {
            case .trace, .metadata, .stream, .traceEnd, .streamEnd, .gap: true
            case .events, .relay, .session, .lost, .holder, .clock, .log, .source, .idle, .end: false
            }
        }
        return batch
    }
}
