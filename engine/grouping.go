package engine

// groupRows orders the numbers of rows by the group of each, and within a group as they are: a counting sort. It
// returns the place of the first row of each group with the end of the last group behind them, and the rows, in the
// memory given.
func groupRows(groupOf []uint32, groups int, starts, rows []uint32) (_, _ []uint32) {
	starts, rows = grown(starts, groups+1), grown(rows, len(groupOf))
	clear(starts)
	for _, g := range groupOf {
		starts[g+1]++
	}
	for g := range groups {
		starts[g+1] += starts[g]
	}
	for row, g := range groupOf {
		rows[starts[g]] = uint32(row)
		starts[g]++
	}
	copy(starts[1:], starts) // each has become the start of the next
	starts[0] = 0
	return starts, rows
}
