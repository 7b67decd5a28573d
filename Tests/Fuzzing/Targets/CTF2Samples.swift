/// Small texts with every fragment of CTF 2.
enum CTF2Samples {
    static let all = [fragments, classes, escapes].map {
        "\u{1E}" + $0.split(separator: "\n\n").joined(separator: "\n\u{1E}")
    }

    /// All fragments and their properties.
    private static let fragments = #"""
        {"type":"preamble","version":2,"uuid":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,255],
         "attributes":{"a":{"b":[null,true,1.5e-3]}}}

        {"type":"field-class-alias","name":"byte","field-class":{"type":"fixed-length-unsigned-integer",
         "length":8,"byte-order":"little-endian","alignment":8}}

        {"type":"clock-class","id":"c","namespace":"n","name":"m","uid":"u","frequency":1000,
         "origin":{"namespace":"o","name":"p","uid":"q"},"offset-from-origin":{"seconds":-5,"cycles":12},
         "precision":3,"accuracy":4,"description":"d"}

        {"type":"clock-class","id":"d","frequency":1,"origin":"unix-epoch"}

        {"type":"trace-class","namespace":"lttng.org,2009","name":"t","uid":"x","environment":{"hostname":"h",
         "n":-3},"packet-header-field-class":{"type":"structure","member-classes":[{"name":"magic",
         "field-class":{"type":"fixed-length-unsigned-integer","length":32,"byte-order":"big-endian",
         "alignment":8,"roles":["packet-magic-number"]}},{"name":"uuid",
         "field-class":{"type":"static-length-blob","length":16,"roles":["metadata-stream-uuid"]}},{"name":"id",
         "field-class":{"type":"variable-length-unsigned-integer","roles":["data-stream-class-id"]}}]}}

        {"type":"event-record-class","data-stream-class-id":1,"id":3,"name":"early",
         "payload-field-class":{"type":"structure"}}

        {"type":"data-stream-class","id":1,"default-clock-class-id":"c",
         "packet-context-field-class":{"type":"structure","member-classes":[{"name":"size",
         "field-class":{"type":"fixed-length-unsigned-integer","length":16,"byte-order":"little-endian",
         "roles":["packet-total-length","packet-content-length"]}},{"name":"lost",
         "field-class":{"type":"variable-length-unsigned-integer",
         "roles":["discarded-event-record-counter-snapshot","packet-sequence-number"]}}]},
         "event-record-header-field-class":{"type":"structure","minimum-alignment":8,
         "member-classes":[{"name":"id","field-class":{"type":"variable-length-unsigned-integer",
         "roles":["event-record-class-id"]}},{"name":"t",
         "field-class":{"type":"variable-length-unsigned-integer","roles":["default-clock-timestamp"]}}]},
         "event-record-common-context-field-class":{"type":"structure","member-classes":[{"name":"n",
         "field-class":"byte"}]}}

        {"type":"event-record-class","data-stream-class-id":1,"id":4,"name":"e",
         "attributes":{"lttng.org,2009":{"log-level":"debug:line","emf-uri":"u"}},
         "specific-context-field-class":{"type":"structure","member-classes":[{"name":"s",
         "field-class":{"type":"null-terminated-string","encoding":"utf-16le"}}]},
         "payload-field-class":{"type":"structure","member-classes":[{"name":"b","field-class":"byte"}]},
         "extensions":{}}
        """#

    /// All field classes.
    private static let classes = #"""
        {"type":"preamble","version":2}

        {"type":"data-stream-class","event-record-header-field-class":{"type":"structure",
         "member-classes":[{"name":"id","field-class":{"type":"fixed-length-unsigned-integer","length":8,
         "byte-order":"little-endian","roles":["event-record-class-id"]}}]}}

        {"type":"event-record-class","payload-field-class":{"type":"structure","member-classes":[{"name":"n",
         "field-class":{"type":"fixed-length-unsigned-integer","length":8,"byte-order":"little-endian",
         "bit-order":"last-to-first","preferred-display-base":16,"mappings":{"a":[[0,1]],"b":[[1,1],[5,
         18446744073709551615]]}}},{"name":"i","field-class":{"type":"fixed-length-signed-integer","length":64,
         "byte-order":"big-endian","bit-order":"first-to-last","mappings":{"m":[[-9223372036854775808,-1]]}}},
         {"name":"m","field-class":{"type":"fixed-length-bit-map","length":9,"byte-order":"little-endian",
         "flags":{"x":[[0,0]],"y":[[1,3]]}}},{"name":"k","field-class":{"type":"fixed-length-bit-array",
         "length":3,"byte-order":"little-endian"}},{"name":"o","field-class":{"type":"fixed-length-boolean",
         "length":1,"byte-order":"little-endian"}},{"name":"f",
         "field-class":{"type":"fixed-length-floating-point-number","length":16,"byte-order":"little-endian",
         "alignment":16}},{"name":"l","field-class":{"type":"static-length-array","length":2,
         "minimum-alignment":16,"element-field-class":{"type":"variable-length-signed-integer"}}}]}}

        {"type":"event-record-class","id":1,"payload-field-class":{"type":"structure",
         "member-classes":[{"name":"n","field-class":{"type":"variable-length-unsigned-integer"}},{"name":"o",
         "field-class":{"type":"fixed-length-boolean","length":8,"byte-order":"little-endian"}},{"name":"d",
         "field-class":{"type":"dynamic-length-array","length-field-location":{"path":["n"]},
         "element-field-class":{"type":"structure","member-classes":[{"name":"s",
         "field-class":{"type":"dynamic-length-string","length-field-location":{"path":[null,"n"]}}}]}}},
         {"name":"p","field-class":{"type":"optional",
         "selector-field-location":{"origin":"event-record-payload","path":["o"]},
         "field-class":{"type":"static-length-string","length":3}}},{"name":"q",
         "field-class":{"type":"optional","selector-field-location":{"path":["n"]},"selector-field-ranges":[[1,
         5]],"field-class":{"type":"dynamic-length-blob","media-type":"image/png",
         "length-field-location":{"path":["n"]}}}},{"name":"v","field-class":{"type":"variant",
         "selector-field-location":{"path":["n"]},"options":[{"name":"x","selector-field-ranges":[[0,1],[9,9]],
         "field-class":{"type":"null-terminated-string"}},{"selector-field-ranges":[[2,2]],
         "field-class":{"type":"fixed-length-unsigned-integer","length":5,"byte-order":"big-endian"}}]}}]}}
        """#

    /// All escapes and numbers of JSON, and what is nested.
    private static let escapes = #"""
         {"type" : "preamble" , "version" : 2 , "attributes" : {"x":{"\u0041\ud83d\ude00\"\\\/\b\f\n\r\t":[-0,
          0.0,1E+5,-12e-7,18446744073709551615,-9223372036854775808,[[[{}]]],false,null]}} }

        {"type":"field-class-alias","name":"a","field-class":{"type":"structure",
         "member-classes":[{"name":"\u00e4","field-class":{"type":"null-terminated-string"}}]}}

        {"type":"field-class-alias","name":"b","field-class":{"type":"structure","member-classes":[{"name":"a",
         "field-class":"a"},{"name":"c","field-class":"a"}]}}

        {"type":"data-stream-class"}

        {"type":"event-record-class","payload-field-class":"b"}
        """#
}
