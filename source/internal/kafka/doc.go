// Package kafka reads the messages of a topic as events.
//
// # Model
//
// A server is a whole copy of what the topic holds: it reads all partitions, and no other server takes any of them away. A run of a
// [Connector] is a session: a client of the cluster, a goroutine that fetches messages, and one that looks after the topic: partitions
// that appear, positions that are out of range, a topic that is deleted and made anew, how far there is to go, and the group that others
// look at. Messages go through one of four lanes, each partition's always through the same (lane.go): there one goroutine decodes them
// into loads, and one stores the loads, in their order. So processors and the disk have several loads at a time.
//
// # Positions
//
// The store keeps, for the topic T, a part "T" with the topic's id, and a part "T/3" for each partition: the offset of the next message
// and the epoch of the leader of the last one (position.go). The first look at a topic stores both, so that `latest` means what came
// after that moment, whatever happens next. A partition that appears later is read from its beginning, and so is a topic that did not
// exist at the first look, or was made anew.
//
// Where a position is out of range, reading goes on with the first message there is; what is gone was lost, and is counted. Where a
// leader has forgotten messages that others had seen (an unclean election), its epochs tell where, and reading goes on there: what was
// stored of them stays.
//
// # Messages
//
// A message is one event, whatever white space is in it. One that is a JSON array is as many events as it has elements. Five bytes of a
// schema registry before it are skipped. A null value is no event, and is counted; everything else that is no event goes to the
// quarantine with topic, partition and offset. Messages of transactions that were not committed are not read.
package kafka
