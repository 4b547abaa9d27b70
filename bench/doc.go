// Package bench measures whole workloads on the library: appends with each batch synced to disk, and the two questions
// of the service over windows of any length, for workloads of every shape. Kernels are measured beside their code, and
// the whole program beside other engines by bench/peers.
//
// Data comes from [github.com/residualdb/residual/internal/workload] with a fixed seed: 40 models, 90 days, 2 % of the
// rows late by up to six hours. Every benchmark checks an answer against the obvious loop over the same rows before it
// measures anything, and latencies are reported as p50 and p99 beside the mean. The number of rows is set by a flag of
// the test binary; another one keeps the stores from run to run, for sizes that take minutes to load:
//
//	go test -run '^$' -bench 'Metrics|Drift|Open' ./bench -args -bench.rows=1000000,100000000 -bench.dir=/var/tmp/stores
package bench
