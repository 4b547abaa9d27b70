package event

// Series names what a prediction belongs to: one version of one model in one
// environment.
type Series struct {
	Model, Version, Environment string
}

// seriesIndex returns the index of s in b.Series and adds it when it is new.
func (b *Batch) seriesIndex(s Series) uint32 {
	if b.index == nil || len(b.index) != len(b.Series) {
		b.rebuildIndex()
	}
	if i, ok := b.index[s]; ok {
		return i
	}
	i := uint32(len(b.Series))
	b.Series = append(b.Series, s)
	b.index[s] = i
	return i
}

// rebuildIndex brings the index in line with Series, which is exported and may
// have been filled by hand.
func (b *Batch) rebuildIndex() {
	if b.index == nil {
		b.index = make(map[Series]uint32, len(b.Series)+1)
	}
	clear(b.index)
	for i, s := range b.Series {
		b.index[s] = uint32(i)
	}
}
