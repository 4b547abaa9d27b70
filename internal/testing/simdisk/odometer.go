package simdisk

// Odometer is a Chooser that goes through all crash states of a snapshot, one per crash, in which every sector is either
// lost or kept and every name and size is one it ever had:
//
//	for o := new(simdisk.Odometer); o.More(); {
//		disk := snapshot.Crash(o)
//	}
//
// There are two to the number of unsynced sectors of them, and more with names and sizes: Snapshot.Unsynced tells
// beforehand. All crashes must be of the same snapshot.
type Odometer struct {
	digits, bases []int
	at            int
	started       bool
}

// More reports whether there is another state, and makes it the one that the next crash chooses.
func (o *Odometer) More() bool {
	o.at = 0
	if !o.started {
		o.started = true
		return true
	}
	for i := len(o.digits) - 1; i >= 0; i-- {
		if o.digits[i]++; o.digits[i] < o.bases[i] {
			o.digits, o.bases = o.digits[:i+1], o.bases[:i+1]
			return true
		}
	}
	return false
}

// File is part of Chooser.
func (o *Odometer) File(int) {}

// Sector is part of Chooser.
func (o *Odometer) Sector() Fate { return Fate(o.Pick(2)) }

// Pick is part of Chooser.
func (o *Odometer) Pick(n int) int {
	if o.at == len(o.digits) {
		o.digits, o.bases = append(o.digits, 0), append(o.bases, n)
	}
	o.at++
	return o.digits[o.at-1]
}

// Fill is part of Chooser.
func (o *Odometer) Fill(p []byte) { clear(p) }
