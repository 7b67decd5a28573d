package import Feed

extension FeedBatch {
    /// Its events alone.
    package var onlyEvents: FeedBatch {
        var batch = self
        batch.records = records.filter { if case .events = $0 { true } else { false } }
        return batch
    }

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
