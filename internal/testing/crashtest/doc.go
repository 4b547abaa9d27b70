// Package crashtest is a harness that holds a store against a simulated disk which loses power and fails. It knows nothing of
// the store: a [Test] brings a workload, which tells what it asked the store to keep and what the store acknowledged, and a
// check, which opens the store again and compares.
//
// # Model
//
// A test is a sequence of lives, each from the start of a process to its end. The first life runs the workload, the later
// ones the check. A life ends by an [Ending]: a power cut or the death of the process, after any of its operations. A fact
// is what the workload asked the store to keep: it has begun at one operation of the disk and its outcome was known at a
// later one. A check gets all facts that had begun when the life before it ended, with the outcome as known by then:
//
//   - Acknowledged: the store must have it;
//   - Refused: the store must not have it;
//   - Unknown: it may, whole.
//
// Crashes tries every operation of the workload with many outcomes of each crash, CrashChains crashes the checks as
// well, Faults strikes every operation with every kind of fault, RecoveryFaults does so in the check, FaultPairs draws
// pairs, Determinism holds that a case does the same each time. A [Report] has the counts, and a [Case] for each
// violation: a line of text from which the violation can be replayed with the -crash.replay flag of [RegisterFlags], if
// the workload does the same operations in the same order.
//
// # Concurrency
//
// A sweep runs its cases on several goroutines: Workload and Check must not share state between calls. A Run is safe for
// concurrent use.
package crashtest
