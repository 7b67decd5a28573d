import CTF
import Testing

/// Fragments of CTF 2 metadata, as tracers write them.
enum CTF2Texts {
    static let preamble = #"{"type":"preamble","version":2}"#

    /// Puts fragments into a sequence.
    static func sequence(_ fragments: [String]) -> [UInt8] {
        fragments.flatMap { [0x1E] + Array($0.utf8) + [0x0A] }
    }

    /// Metadata with one event class that has these payload members; they and their commas are JSON.
    static func payload(_ members: String, before fragments: [String] = []) -> [UInt8] {
        let payload = #"{"type":"structure","member-classes":[\#(members)]}"#
        return sequence(
            [preamble] + fragments + [
                #"{"type":"data-stream-class"}"#,
                #"{"type":"event-record-class","name":"e","payload-field-class":\#(payload)}"#,
            ]
        )
    }

    static func member(_ name: String, _ fieldClass: String) -> String {
        #"{"name":"\#(name)","field-class":\#(fieldClass)}"#
    }

    static func unsigned(_ bits: Int, alignment: Int = 8, more: String = "") -> String {
        #"{"type":"fixed-length-unsigned-integer","length":\#(bits),"byte-order":"little-endian","alignment":"#
            + #"\#(alignment)\#(more)}"#
    }

    static func role(_ name: String) -> String { #","roles":["\#(name)"]"# }

    // MARK: - What LTTng writes

    private static let uuid = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]"
    private static let preambleOfLTTng = #"{"type":"preamble","version":2,"uuid":\#(uuid)}"#

    private static let packetHeader =
        #"{"type":"structure","member-classes":["#
        + [
            member("magic", unsigned(32, more: role("packet-magic-number"))),
            member("uuid", #"{"type":"static-length-blob","length":16,"roles":["metadata-stream-uuid"]}"#),
            member("stream_id", unsigned(32, more: role("data-stream-class-id"))),
            member("stream_instance_id", unsigned(64, more: role("data-stream-id"))),
        ].joined(separator: ",") + "]}"

    private static let packetContext =
        #"{"type":"structure","member-classes":["#
        + [
            member("timestamp_begin", unsigned(64, more: role("default-clock-timestamp"))),
            member("timestamp_end", unsigned(64, more: role("packet-end-default-clock-timestamp"))),
            member("content_size", unsigned(64, more: role("packet-content-length"))),
            member("packet_size", unsigned(64, more: role("packet-total-length"))),
            member("packet_seq_num", unsigned(64, more: role("packet-sequence-number"))),
            member("events_discarded", unsigned(64, more: role("discarded-event-record-counter-snapshot"))),
            member("cpu_id", unsigned(32)),
        ].joined(separator: ",") + "]}"

    /// The compact event header.
    private static func header(selector: String) -> String {
        let id = unsigned(
            5,
            alignment: 1,
            more: #","mappings":{"compact":[[0,30]],"extended":[[31,31]]}"# + role("event-record-class-id")
        )
        let compact = member("timestamp", unsigned(27, alignment: 1, more: role("default-clock-timestamp")))
        let extended =
            member("id", unsigned(32, more: role("event-record-class-id"))) + ","
            + member("timestamp", unsigned(64, more: role("default-clock-timestamp")))
        let variant =
            #"{"type":"variant","selector-field-location":\#(selector),"options":["#
            + #"{"name":"compact","selector-field-ranges":[[0,30]],"field-class":{"type":"structure","#
            + #""member-classes":[\#(compact)]}},"#
            + #"{"name":"extended","selector-field-ranges":[[31,31]],"field-class":{"type":"structure","#
            + #""member-classes":[\#(extended)]}}]}"#
        return #"{"type":"structure","minimum-alignment":8,"member-classes":["#
            + member("id", id) + "," + member("v", variant) + "]}"
    }

    private static func trace(domain: String, packetHeader: String) -> String {
        #"{"type":"trace-class","namespace":"lttng.org,2009","name":"","uid":"#
            + #""01020304-0506-0708-090a-0b0c0d0e0f10","environment":{"hostname":"web-1","domain":"\#(domain)","#
            + #""tracer_major":2},"packet-header-field-class":\#(packetHeader)}"#
    }

    private static let clock =
        #"{"type":"clock-class","id":"monotonic","name":"monotonic","frequency":1000000000,"origin":"unix-epoch","#
        + #""description":"Monotonic Clock","uid":"4ee3c2b1-5a13-4a16-9d8c-6f1c5a3f7e21","#
        + #""offset-from-origin":{"seconds":1700000000,"cycles":250}}"#

    /// As the session daemon writes user-space traces: absolute locations, log levels, indented.
    static let userSpace = sequence([
        preambleOfLTTng, trace(domain: "ust", packetHeader: packetHeader), clock,
        #"{"type":"data-stream-class","id":0,"default-clock-class-id":"monotonic","packet-context-field-class":"#
            + packetContext + #","event-record-header-field-class":"#
            + header(selector: #"{"origin":"event-record-header","path":["id"]}"#)
            + #","event-record-common-context-field-class":{"type":"structure","member-classes":["#
            + member(
                "vpid",
                #"{"type":"fixed-length-signed-integer","length":32,"byte-order":"little-endian","#
                    + #""alignment":8,"preferred-display-base":10}"#
            )
            + "," + member("procname", #"{"type":"static-length-string","length":17}"#) + "]}}",
        #"{"type":"event-record-class","id":0,"data-stream-class-id":0,"name":"demo:tick","#
            + #""attributes":{"lttng.org,2009":{"log-level":"debug:line","emf-uri":"http://example.com/tick"}},"#
            + #""payload-field-class":{"type":"structure","member-classes":["#
            + [
                member("seqno", unsigned(32)), member("msg", #"{"type":"null-terminated-string"}"#),
                member("_data_length", unsigned(16)),
                member(
                    "data",
                    #"{"type":"dynamic-length-array","length-field-location":{"origin":"event-record-payload","#
                        + #""path":["_data_length"]},"element-field-class":\#(unsigned(8))}"#
                ),
            ].joined(separator: ",") + "]}}",
    ])

    /// As the kernel tracer does: aliases and relative locations.
    static let kernel = sequence([
        preambleOfLTTng,
        #"{"type":"field-class-alias","name":"er-header-compact","field-class":"#
            + header(selector: #"{"path":["id"]}"#) + "}",
        #"{"type":"field-class-alias","name":"pkt-ctx","field-class":\#(packetContext)}"#,
        #"{"type":"field-class-alias","name":"pkt-header","field-class":\#(packetHeader)}"#,
        trace(domain: "kernel", packetHeader: #""pkt-header""#), clock,
        #"{"type":"data-stream-class","id":0,"default-clock-class-id":"monotonic","#
            + #""packet-context-field-class":"pkt-ctx","event-record-header-field-class":"er-header-compact"}"#,
        #"{"type":"event-record-class","data-stream-class-id":0,"id":0,"name":"sched_switch","#
            + #""payload-field-class":{"type":"structure","member-classes":["#
            + [
                member("prev_comm", #"{"type":"static-length-string","length":16}"#),
                member("_n", unsigned(32)),
                member(
                    "args",
                    #"{"type":"structure","member-classes":["#
                        + member(
                            "text",
                            #"{"type":"dynamic-length-string","length-field-location":{"path":[null,"_n"]}}"#
                        ) + "]}"
                ),
            ].joined(separator: ",") + "]}}",
    ])
}

extension MetadataReader {
    /// The members of the payload of `CTF2Texts.payload`.
    static func ctf2Members(
        _ members: String,
        before fragments: [String] = []
    ) throws(MetadataError) -> [StructureClass.Member] {
        let traceClass = try read(CTF2Texts.payload(members, before: fragments))
        return traceClass?.streamClasses.first?.eventClasses.first?.payload?.members ?? []
    }

    /// The code of the error that the bytes are refused with; nil when they are read.
    static func code(_ bytes: [UInt8], limits: MetadataLimits = MetadataLimits()) -> MetadataError.Code? {
        do throws(MetadataError) {
            _ = try read(bytes, limits: limits)
            return nil
        } catch {
            return error.code
        }
    }

    /// The same for one class, which is a payload's member.
    static func classCode(_ fieldClass: String, after others: String = "") -> MetadataError.Code? {
        code(CTF2Texts.payload(others + CTF2Texts.member("f", fieldClass)))
    }
}
