import Testing

/// The whole product on real daemons: lttng-sessiond, lttng-relayd and traced programs (`Deploy/cluster`).
/// One test at a time: the hosts share this machine.
@Suite(.serialized)
enum RealCluster {}
