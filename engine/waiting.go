package engine

// waitingRow says where a prediction without an actual is, in terms that sealing and merging do not move, and what its
// error will be measured against, so that its row need not be read when the actual comes.
type waitingRow struct {
	time      int64
	predicted float64
	series    uint32
}

// waitingIndex finds the waiting predictions of a model by a hash of their id. It is open addressing in slots of 32
// bytes, at most 7/8 full and grown by a quarter, so that a waiting row takes 37 to 46 bytes; a Go map takes up to 58.
// Beyond waitingSplit rows there are waitingTables tables, so that growing one is over within a millisecond at ten
// million rows. The zero index is empty.
type waitingIndex struct {
	tables []waitingTable
	count  int
}

const (
	waitingTables = 256
	waitingSplit  = 4096
	// waitingSlotsMin is the size of a table that has a row.
	waitingSlotsMin = 8
)

type waitingTable struct {
	slots []waitingSlot
	used  int
}

// waitingSlot is empty if its hash is zero.
type waitingSlot struct {
	hash uint64
	waitingRow
}

// put adds a row. The hash must not be in the index.
func (x *waitingIndex) put(hash uint64, r waitingRow) {
	switch {
	case x.tables == nil:
		x.tables = make([]waitingTable, 1)
	case len(x.tables) == 1 && x.count == waitingSplit:
		x.split()
	}
	x.table(hash).put(waitingSlot{occupied(hash), r})
	x.count++
}

// take removes and returns the row of a hash.
func (x *waitingIndex) take(hash uint64) (waitingRow, bool) {
	if x.count == 0 {
		return waitingRow{}, false
	}
	r, ok := x.table(hash).take(occupied(hash))
	if ok {
		x.count--
	}
	return r, ok
}

// retain removes the rows for which keep is false.
func (x *waitingIndex) retain(keep func(waitingRow) bool) {
	old := x.tables
	*x = waitingIndex{}
	for i := range old {
		for _, s := range old[i].slots {
			if s.hash != 0 && keep(s.waitingRow) {
				x.put(s.hash, s.waitingRow)
			}
		}
	}
}

func (x *waitingIndex) split() {
	old := x.tables[0].slots
	x.tables = make([]waitingTable, waitingTables)
	for _, s := range old {
		if s.hash != 0 {
			x.table(s.hash).put(s)
		}
	}
}

// table picks by the upper bits; the lower ones pick the slot.
func (x *waitingIndex) table(hash uint64) *waitingTable {
	if len(x.tables) == 1 {
		return &x.tables[0]
	}
	return &x.tables[hash>>56]
}

// occupied maps a hash to what a slot holds, never zero.
func occupied(hash uint64) uint64 { return max(hash, 1) }

func (t *waitingTable) put(s waitingSlot) {
	if t.used >= len(t.slots)*7/8 {
		t.grow()
	}
	i := t.home(s.hash)
	for t.slots[i].hash != 0 {
		i = t.next(i)
	}
	t.slots[i] = s
	t.used++
}

func (t *waitingTable) grow() {
	old := t.slots
	t.slots = make([]waitingSlot, max(waitingSlotsMin, len(old)+len(old)/4))
	t.used = 0
	for _, s := range old {
		if s.hash != 0 {
			t.put(s)
		}
	}
}

func (t *waitingTable) take(hash uint64) (waitingRow, bool) {
	if t.used == 0 {
		return waitingRow{}, false
	}
	i := t.home(hash)
	for t.slots[i].hash != hash {
		if t.slots[i].hash == 0 {
			return waitingRow{}, false
		}
		i = t.next(i)
	}
	r := t.slots[i].waitingRow
	t.close(i)
	t.used--
	return r, true
}

// close empties slot i and moves up those behind it that would no longer be found (Knuth, TAOCP 6.4, algorithm R).
func (t *waitingTable) close(i int) {
	for k := t.next(i); t.slots[k].hash != 0; k = t.next(k) {
		home := t.home(t.slots[k].hash)
		if between := i < k && (home <= i || home > k) || i > k && home <= i && home > k; between {
			t.slots[i] = t.slots[k]
			i = k
		}
	}
	t.slots[i] = waitingSlot{}
}

// home is the slot where the search for a hash begins.
func (t *waitingTable) home(hash uint64) int {
	return int(uint64(uint32(hash)) * uint64(len(t.slots)) >> 32)
}

func (t *waitingTable) next(i int) int {
	if i++; i < len(t.slots) {
		return i
	}
	return 0
}
