import EventMerge
import Testing

@Suite struct `Stream rank` {
    private func make(
        uuid: (high: UInt64, low: UInt64)? = (5, 5),
        classID: UInt64 = 5,
        instance: UInt64? = 5,
        relay: String = "m",
        live: UInt64 = 5
    ) -> StreamRank {
        StreamRank(
            traceUUID: uuid,
            streamClassID: classID,
            streamInstanceID: instance,
            relayName: relay,
            liveStreamID: live
        )
    }

    @Test func `each property decides only where all before it are equal`() {
        let ascending = [
            make(uuid: (4, 9), classID: 9, instance: 9, relay: "z", live: 9),
            make(uuid: (5, 4), classID: 9, instance: 9, relay: "z", live: 9),
            make(classID: 4, instance: 9, relay: "z", live: 9),
            make(instance: 4, relay: "z", live: 9),
            make(relay: "l", live: 9),
            make(live: 4),
            make(),
            make(live: 6),
            make(relay: "n", live: 0),
            make(instance: 6, relay: "a", live: 0),
            make(classID: 6, instance: 0, relay: "a", live: 0),
            make(uuid: (0x8000_0000_0000_0000, 0), classID: 0, instance: 0, relay: "a", live: 0),
            make(uuid: nil, classID: 0, instance: 0, relay: "a", live: 0),
            make(uuid: nil, classID: 0, instance: 0, relay: "b", live: 0),
        ]
        for left in ascending.indices {
            for right in ascending.indices {
                #expect((ascending[left] < ascending[right]) == (left < right))
                #expect((ascending[left] == ascending[right]) == (left == right))
            }
        }
    }

    @Test func `without an instance id the live stream id stands in for it`() {
        #expect(make(instance: nil, live: 4) < make(instance: 5, live: 0))
        #expect(make(instance: 5, live: 0) < make(instance: nil, live: 6))
        let nameless = make(instance: nil, live: 5)
        #expect(make() < nameless && !(nameless < make()) && make() != nameless)
    }
}
