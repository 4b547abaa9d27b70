package engine_test

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/zones"
)

var everyZone = flag.Bool("residual.long", false, "check the buckets of every zone from 1990 to 2037, not some years of some")

// oracleClock is the clock of a zone as its TZif file and RFC 9636 have it. It knows nothing of time.Location: changes are read from the
// file's bytes, and the rule behind the last of them is worked out here, year by year.
type oracleClock struct {
	times, offsets []int64 // changes, in Unix seconds, and the seconds ahead of UTC from then on
	before         int64
	i              int // the changes that are past: the clock is asked about ascending times
}

var ruleFormat = regexp.MustCompile(`^(?:<[^>]+>|[A-Za-z]+)([-+0-9:]+)(?:(?:<[^>]+>|[A-Za-z]+)([-+0-9:]+)?,M(\d+)\.(\d)\.(\d)(?:/([-+0-9:]+))?,M(\d+)\.(\d)\.(\d)(?:/([-+0-9:]+))?)?$`)

func newOracleClock(t *testing.T, data []byte, years [2]int) *oracleClock {
	t.Helper()
	word := func(at int) int { return int(binary.BigEndian.Uint32(data[at:])) }
	// The first block is for readers of 32-bit times: its header and what that counts are passed over.
	at := 44 + 5*word(32) + 6*word(36) + word(40)
	changes, types, names := word(at+32), word(at+36), word(at+40)
	kinds := at + 44 + 8*changes
	offset := func(kind byte) int64 { return int64(int32(word(kinds + changes + 6*int(kind)))) }
	c := &oracleClock{before: offset(0)}
	for i := range changes {
		c.times = append(c.times, int64(binary.BigEndian.Uint64(data[at+44+8*i:])))
		c.offsets = append(c.offsets, offset(data[kinds+i]))
	}
	rule := data[kinds+changes+6*types+names:]
	c.follow(t, string(rule[1:len(rule)-1]), years)
	return c
}

// follow adds the changes of a POSIX rule to those of the file, for some years.
func (c *oracleClock) follow(t *testing.T, rule string, years [2]int) {
	t.Helper()
	m := ruleFormat.FindStringSubmatch(rule)
	require.NotNil(t, m, rule)
	if m[3] == "" { // one offset for ever
		return
	}
	standard := -clockSeconds(m[1])
	summer := standard + 3600
	if m[2] != "" {
		summer = -clockSeconds(m[2])
	}
	last := int64(-1 << 62)
	if len(c.times) > 0 {
		last = c.times[len(c.times)-1]
	}
	for year := years[0] - 1; year <= years[1]+1; year++ {
		to, back := ruleDay(year, m[3:7])-standard, ruleDay(year, m[7:11])-summer
		list := [][2]int64{{to, summer}, {back, standard}}
		slices.SortFunc(list, func(a, b [2]int64) int { return int(a[0] - b[0]) })
		for _, change := range list {
			if change[0] > last {
				c.times, c.offsets = append(c.times, change[0]), append(c.offsets, change[1])
			}
		}
	}
}

// ruleDay returns when a clock shows the time of Mm.w.d/time in a year, as if it were in UTC.
func ruleDay(year int, m []string) int64 {
	month, _ := strconv.Atoi(m[0])
	week, _ := strconv.Atoi(m[1])
	weekday, _ := strconv.Atoi(m[2])
	at := int64(2 * 3600)
	if m[3] != "" {
		at = clockSeconds(m[3])
	}
	first := time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
	day := 1 + (weekday-int(first.Weekday())+7)%7 + 7*(week-1)
	for day > first.AddDate(0, 1, -1).Day() {
		day -= 7
	}
	return first.AddDate(0, 0, day-1).Unix() + at
}

// clockSeconds reads [+-]hh[:mm[:ss]].
func clockSeconds(text string) int64 {
	sign, total, unit := int64(1), int64(0), int64(3600)
	if text[0] == '-' {
		sign = -1
	}
	for _, part := range regexp.MustCompile(`\d+`).FindAllString(text, -1) {
		n, _ := strconv.Atoi(part)
		total += int64(n) * unit
		unit /= 60
	}
	return sign * total
}

func (c *oracleClock) shows(at int64) int64 {
	for c.i < len(c.times) && c.times[c.i] <= at {
		c.i++
	}
	if c.i == 0 {
		return at + c.before
	}
	return at + c.offsets[c.i-1]
}

// calendarIntervals begin where a clock first shows their mark.
var calendarIntervals = []engine.Interval{
	engine.Interval6Hours, engine.IntervalDay, engine.IntervalWeek, engine.IntervalMonth, engine.IntervalQuarter, engine.IntervalYear,
}

// label numbers the buckets of a calendar interval by what a clock shows, in seconds.
func label(iv engine.Interval, shown int64) int {
	t := time.Unix(shown, 0).UTC()
	switch iv {
	case engine.Interval6Hours:
		return int(shown / (6 * 3600))
	case engine.IntervalDay:
		return int(shown / 86400)
	case engine.IntervalWeek:
		return int((shown/86400 + 3) / 7) // 1970 began on a Thursday
	case engine.IntervalMonth:
		return t.Year()*12 + int(t.Month())
	case engine.IntervalQuarter:
		return t.Year()*4 + (int(t.Month())-1)/3
	default:
		return t.Year()
	}
}

// marks walks from minute to minute and notes where a bucket begins: where the latest time that the clock has shown so far is of another
// bucket than before. It looks at each minute by itself, so it cannot mistake where a change of the clock lies.
func (c *oracleClock) marks(from, to int64) map[engine.Interval][]int64 {
	found := map[engine.Interval][]int64{}
	labels := map[engine.Interval]int{}
	latest := int64(-1 << 62)
	const step = 6 * 3600
	for at := from - 3*86400; at < to; at += 60 {
		shown := c.shows(at)
		if shown/step == latest/step || shown < latest {
			latest = max(latest, shown)
			continue
		}
		latest = shown
		for _, iv := range calendarIntervals {
			if l := label(iv, shown); l != labels[iv] {
				if labels[iv] != 0 && at >= from {
					found[iv] = append(found[iv], at*1000)
				}
				labels[iv] = l
			}
		}
	}
	return found
}

// oddZones have days without a midnight, a day that is left out, a midnight twice, changes by half an hour and by two.
var oddZones = []string{
	"America/Santiago", "America/Havana", "Atlantic/Azores", "America/Sao_Paulo", "America/Asuncion", "Pacific/Apia", "Pacific/Kwajalein",
	"America/St_Johns", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca", "Asia/Gaza", "America/Scoresbysund", "Europe/Dublin",
}

// TestBucketsAgainstTheOracle holds the buckets of zones to those of the oracle: by default six years of the odd zones and of some
// others, with -residual.long all years from 1990 to 2037 of every zone.
func TestBucketsAgainstTheOracle(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	names, years := zones.Names(), [2]int{1990, 2037}
	if !*everyZone {
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = append(slices.Clone(oddZones), names[:6]...)
	}
	for _, name := range names {
		if !*everyZone {
			years[0] = 1990 + random.IntN(43)
			years[1] = years[0] + 5
		}
		checkBuckets(t, name, years, random)
	}
}

func checkBuckets(t *testing.T, name string, years [2]int, random *rand.Rand) {
	t.Helper()
	data, err := zones.TZif(name)
	require.NoError(t, err)
	zone, err := zones.Load(name)
	require.NoError(t, err)
	from, to := time.Date(years[0], 1, 1, 0, 0, 0, 0, time.UTC), time.Date(years[1]+1, 1, 1, 0, 0, 0, 0, time.UTC)
	want := newOracleClock(t, data, years).marks(from.Unix(), to.Unix())
	for _, iv := range calendarIntervals {
		got := chunkedBuckets(t, iv, from, to, zone)
		inside := func(at int64) bool { return at >= from.UnixMilli() && at < to.UnixMilli() }
		got = slices.DeleteFunc(got, func(at int64) bool { return !inside(at) })
		require.Equal(t, want[iv], got, "%s %s %v", name, iv, years)
	}
	days := chunkedBuckets(t, engine.IntervalDay, from, to, zone)
	for _, iv := range []engine.Interval{
		engine.IntervalMinute, engine.Interval5Minutes, engine.Interval15Minutes, engine.Interval30Minutes, engine.IntervalHour,
	} {
		checkPartsOfDays(t, iv, days, from.Add(time.Duration(random.Int64N(int64(to.Sub(from)-500*time.Hour)))), zone)
	}
}

// chunkedBuckets asks for a window in pieces of at most BucketsMax buckets that meet where a bucket begins.
func chunkedBuckets(t *testing.T, iv engine.Interval, from, to time.Time, zone *time.Location) []int64 {
	t.Helper()
	const piece = engine.BucketsMax * 5 * time.Hour
	var marks []int64
	for at := from; at.Before(to); {
		end := at.Add(piece)
		if end.After(to) {
			end = to
		}
		got, err := engine.Buckets(iv, at, end, zone)
		require.NoError(t, err)
		require.LessOrEqual(t, got[0], at.UnixMilli())
		require.GreaterOrEqual(t, got[len(got)-1], end.UnixMilli())
		if len(marks) > 0 {
			require.Equal(t, marks[len(marks)-1], got[0])
			got = got[1:]
		}
		marks = append(marks, got...)
		at = time.UnixMilli(got[len(got)-1])
	}
	return marks
}

// checkPartsOfDays checks that, from some time on, each bucket lasts what its name says unless it ends with its day.
func checkPartsOfDays(t *testing.T, iv engine.Interval, days []int64, from time.Time, zone *time.Location) {
	t.Helper()
	length, err := time.ParseDuration(iv.String())
	require.NoError(t, err)
	got, err := engine.Buckets(iv, from, from.Add(min(length*1000, 400*time.Hour)), zone)
	require.NoError(t, err)
	for i := 1; i < len(got); i++ {
		begin := days[max(0, lastUpTo(days, got[i-1]))]
		require.Zero(t, (got[i-1]-begin)%length.Milliseconds(), "%s %s", zone, time.UnixMilli(got[i-1]).UTC())
		if got[i]-got[i-1] != length.Milliseconds() {
			require.Less(t, got[i]-got[i-1], length.Milliseconds())
			require.Contains(t, days, got[i])
		}
	}
}

// lastUpTo returns the number of the last of ascending marks up to a time.
func lastUpTo(marks []int64, at int64) int {
	i, found := slices.BinarySearch(marks, at)
	if found {
		return i
	}
	return i - 1
}
