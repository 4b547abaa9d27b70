package event

// The range of a ClickHouse DateTime in Unix milliseconds: 1970-01-01 00:00:00
// to 2106-02-07 06:28:15.999. It holds whatever the [Rules] say.
const (
	timeFirst int64 = 0
	timeLast  int64 = (1<<32-1)*1000 + 999
)

// Rules are the bounds that move with the server's clock and retention. The
// zero Rules bound nothing beyond the range of a DateTime.
type Rules struct {
	// Oldest and Newest are the first and the last accepted timestamp, in Unix
	// milliseconds, both inclusive.
	Oldest, Newest int64
}

// check returns faultNone for a timestamp inside the rules.
func (r Rules) check(ms int64) fault {
	oldest, newest := timeFirst, timeLast
	if r != (Rules{}) {
		oldest, newest = max(oldest, r.Oldest), min(newest, r.Newest)
	}
	switch {
	case ms < oldest:
		return faultTooOld
	case ms > newest:
		return faultTooNew
	}
	return faultNone
}
