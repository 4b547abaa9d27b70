package segment

import "sort"

const (
	// hourRows is the number of rows from which on an hour of a series has blocks of its own. Buckets and windows that
	// begin at full hours then take whole blocks by their aggregates. Were it less, aggregates and sketches of blocks
	// would take about as much as their rows.
	hourRows = 256
	// restRows is the least that a block has that ends because such an hour follows.
	restRows = hourRows / 2
	// lookaheadRows is how many rows are looked at to say where the first block of them ends.
	lookaheadRows = 2 * blockRows

	hourMilli = 3_600_000
)

// blockEnd returns how many of the rows with these times, in order, make the next block: those of an hour if they are
// enough, or up to such an hour, else as many as a block takes. An hour of more than a block is halved rather than cut
// into a full block and a short one, and so is the end of a series. Unless the rows are the last of their series, there
// must be lookaheadRows of them. before is how many rows of the first one's hour are in blocks already.
func blockEnd(times []int64, before int) int {
	times = times[:min(len(times), lookaheadRows)]
	end := hourEnd(times, 0)
	if before+end >= hourRows && end <= blockRows {
		return end
	}
	for end < len(times) && end <= blockRows {
		next := hourEnd(times, end)
		if next-end >= hourRows {
			if end < restRows && next <= blockRows {
				return next
			}
			return end
		}
		if next > blockRows {
			break
		}
		end = next
	}
	switch {
	case len(times) <= blockRows:
		return len(times)
	case end > blockRows && end < lookaheadRows:
		return (end + 1) / 2
	case len(times) < lookaheadRows:
		return (len(times) + 1) / 2
	default:
		return blockRows
	}
}

// hourEnd returns where the rows from row i on that are in its hour end.
func hourEnd(times []int64, i int) int {
	hour := hourOf(times[i])
	if hourOf(times[len(times)-1]) == hour {
		return len(times)
	}
	for next := (hour + 1) * hourMilli; times[i] < next; {
		i++
	}
	return i
}

// hourTail is what blockEnd must know of the blocks before: the hour of the last row, and how many rows before it are of
// that hour.
type hourTail struct {
	hour int64
	rows int
}

// add notes a block.
func (h *hourTail) add(times []int64) {
	last := len(times) - 1
	hour := hourOf(times[last])
	first := sort.Search(last, func(i int) bool { return hourOf(times[i]) == hour })
	h.note(hour, len(times)-first, first > 0)
}

// addStored notes a block that is not decoded. If the block reaches into another hour, no row outside of it may be of
// its last hour.
func (h *hourTail) addStored(a *Aggregate) {
	if hour := hourOf(a.MaxTime); hourOf(a.MinTime) < hour {
		h.note(hour, 0, true)
	} else {
		h.note(hour, int(a.Rows), false)
	}
}

// note adds rows of an hour, which begins with them or goes on from the block before.
func (h *hourTail) note(hour int64, rows int, begins bool) {
	if begins || hour != h.hour {
		*h = hourTail{hour: hour}
	}
	h.rows += rows
}

// before returns how many rows there are of the hour that a time lies in.
func (h *hourTail) before(ms int64) int {
	if hourOf(ms) != h.hour {
		return 0
	}
	return h.rows
}

// hourOf returns the number of the UTC hour that a time lies in.
func hourOf(ms int64) int64 {
	hour := ms / hourMilli
	if ms%hourMilli < 0 {
		hour--
	}
	return hour
}
