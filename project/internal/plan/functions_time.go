package plan

import (
	"strings"
	"time"

	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/project/internal/sql"
)

// floorOf cuts a time to where the period that it lies in begins.
type floorOf struct {
	// seconds is the length of a period that counts from 1970, or from the Monday after it where week is set; months that of one that
	// counts months.
	seconds, months int64
	week            bool
	// date is set where the answer is a Date.
	date bool
}

// monday is the first of 1970.
const monday = 4 * 24 * time.Hour / time.Millisecond

func floorDiv(n, m int64) int64 {
	q := n / m
	if n%m < 0 {
		q--
	}
	return q
}

// floor is where the period of a time begins, next where the one after it does.
func (f floorOf) floor(ms int64) int64 { return f.start(ms, 0) }

func (f floorOf) next(ms int64) int64 { return f.start(ms, 1) }

func (f floorOf) start(ms, plus int64) int64 {
	if f.months > 0 {
		at := time.UnixMilli(ms).UTC()
		n := (floorDiv(int64(at.Year()-1970)*12+int64(at.Month())-1, f.months) + plus) * f.months
		return time.Date(1970+int(floorDiv(n, 12)), time.Month(1+n-12*floorDiv(n, 12)), 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	}
	length, origin := f.seconds*secondMillis, int64(0)
	if f.week {
		origin = int64(monday)
	}
	return (floorDiv(ms-origin, length)+plus)*length + origin
}

// granule is how many seconds of a day a function of time stays the same for: it divides all periods that a bucket of time is in.
func (f floorOf) granule() int64 {
	if f.months > 0 || f.week || f.seconds > 86400 {
		return 86400
	}
	return f.seconds
}

// floors are the functions that cut times.
var floors = map[string]floorOf{
	"tostartofminute": {seconds: 60}, "tostartoffiveminutes": {seconds: 300}, "tostartoffiveminute": {seconds: 300}, "tostartoftenminutes": {seconds: 600},
	"tostartoffifteenminutes": {seconds: 900}, "tostartofhour": {seconds: 3600}, "tostartofday": {seconds: 86400},
	"todate": {seconds: 86400, date: true}, "tomonday": {seconds: 7 * 86400, week: true, date: true},
	"tostartofmonth": {months: 1, date: true}, "tostartofquarter": {months: 3, date: true}, "tostartofyear": {months: 12, date: true},
}

// parts are the functions that read a part of a time, and for how many seconds each stays the same.
var parts = map[string]struct {
	granule int64
	bits    uint8
	of      func(t time.Time) int64
}{
	"toyear":       {86400, 16, func(t time.Time) int64 { return int64(t.Year()) }},
	"toquarter":    {86400, 8, func(t time.Time) int64 { return int64(t.Month()-1)/3 + 1 }},
	"tomonth":      {86400, 8, func(t time.Time) int64 { return int64(t.Month()) }},
	"todayofmonth": {86400, 8, func(t time.Time) int64 { return int64(t.Day()) }},
	"todayofweek":  {86400, 8, func(t time.Time) int64 { return int64(t.Weekday()+6)%7 + 1 }},
	"todayofyear":  {86400, 16, func(t time.Time) int64 { return int64(t.YearDay()) }},
	"tohour":       {3600, 8, func(t time.Time) int64 { return int64(t.Hour()) }},
	"tominute":     {60, 8, func(t time.Time) int64 { return int64(t.Minute()) }},
	"tosecond":     {0, 8, func(t time.Time) int64 { return int64(t.Second()) }},
	"toyyyymm":     {86400, 32, func(t time.Time) int64 { return int64(t.Year()*100 + int(t.Month())) }},
	"toyyyymmdd":   {86400, 32, func(t time.Time) int64 { return int64(t.Year()*10000 + int(t.Month())*100 + t.Day()) }},
}

func addTimeFunctions(all map[string]function) {
	for name, f := range floors {
		all[name] = function{least: 1, most: 2, make: func(e *sql.Call, args []*expr) (*expr, error) {
			if err := inUTC(e, args[1:], 1); err != nil {
				return nil, err
			}
			return makeFloor(e, args[0], f)
		}}
	}
	for name, p := range parts {
		all[name] = function{least: 1, most: 2, make: func(e *sql.Call, args []*expr) (*expr, error) {
			if err := inUTC(e, args[1:], 1); err != nil {
				return nil, err
			}
			if !isTime(args[0].typ) {
				return nil, wrongType(e, 0, args[0], "a time")
			}
			return strict(Type{Kind: endpoint.UInt, Bits: p.bits}, args[:1], func(_ *env, v []Value) Value {
				return whole(p.of(time.UnixMilli(v[0].Whole).UTC()))
			}), nil
		}}
	}
	for _, alias := range [...][2]string{{"year", "toyear"}, {"month", "tomonth"}, {"hour", "tohour"}, {"minute", "tominute"}, {"dayofweek", "todayofweek"}, {"day", "todayofmonth"}} {
		all[alias[0]] = all[alias[1]]
	}
	all["today"] = clock(dateType, func(now int64) int64 { return floorOf{seconds: 86400}.floor(now) })
	all["yesterday"] = clock(dateType, func(now int64) int64 { return floorOf{seconds: 86400}.floor(now) - dayMillis })
	all["now"] = clock(timeType, func(now int64) int64 { return now })
	all["now64"] = clock(time64Type, func(now int64) int64 { return now })
	all["tostartofinterval"] = function{least: 2, most: 3, make: makeStartOfInterval}
	all["datetrunc"] = function{least: 2, most: 3, make: makeDateTrunc}
	all["date_trunc"] = all["datetrunc"]
	all["tostartofweek"] = function{least: 1, most: 3, make: makeStartOfWeek}
	all["datediff"] = function{least: 3, most: 3, make: makeDateDiff}
	all["date_diff"] = all["datediff"]
	all["tounixtimestamp"] = function{least: 1, most: 1, make: makeUnix}
	all["todatetime"] = function{least: 1, most: 2, make: makeToTime(timeType)}
	all["todatetime64"] = function{least: 2, most: 3, make: makeToTime64}
	all["parsedatetimebesteffort"] = all["todatetime"]
	addIntervalFunctions(all)
	all["dateadd"] = function{least: 2, most: 2, make: func(e *sql.Call, args []*expr) (*expr, error) {
		return makeTimeArithmetic(&sql.Call{At: e.At, Name: "plus", Args: e.Args}, args)
	}}
	all["datesub"] = function{least: 2, most: 2, make: func(e *sql.Call, args []*expr) (*expr, error) {
		return makeTimeArithmetic(&sql.Call{At: e.At, Name: "minus", Args: e.Args}, args)
	}}
	all["formatdatetime"] = function{least: 2, most: 2, make: makeFormat}
}

func addIntervalFunctions(all map[string]function) {
	for unit, of := range sql.IntervalUnits {
		all["tointerval"+unit] = function{least: 1, most: 1, make: func(e *sql.Call, args []*expr) (*expr, error) {
			if !isInt(args[0].typ) {
				return nil, wrongType(e, 0, args[0], "a whole number")
			}
			per := of.Seconds*secondMillis + of.Months
			x := strict(Type{Kind: endpoint.Interval}, args, func(x *env, v []Value) Value {
				if v[0].Whole > intervalMax || v[0].Whole < -intervalMax {
					return x.fail(sql.Errorf(e.At, "", "the interval is longer than times reach"))
				}
				return whole(v[0].Whole * per)
			})
			x.months = of.Months > 0
			return x, nil
		}}
		for _, sign := range [...]string{"add", "subtract"} {
			all[sign+unit+"s"] = function{least: 2, most: 2, make: func(e *sql.Call, args []*expr) (*expr, error) {
				length, err := all["tointerval"+unit].make(&sql.Call{At: e.At, Name: e.Name, Args: e.Args[1:]}, args[1:])
				if err != nil {
					return nil, err
				}
				name := map[string]string{"add": "plus", "subtract": "minus"}[sign]
				return makeTimeArithmetic(&sql.Call{At: e.At, Name: name, Args: e.Args}, []*expr{args[0], length})
			}}
		}
	}
}

// intervalMax bounds the number of an interval.
const intervalMax = 1 << 33

// clock makes a function of the time of the question.
func clock(t Type, f func(now int64) int64) function {
	return function{least: 0, most: 1, make: func(*sql.Call, []*expr) (*expr, error) {
		return &expr{typ: t, eval: func(x *env) Value { return whole(f(x.x.now)) }}, nil
	}}
}

// inUTC refuses a zone other than UTC.
func inUTC(e *sql.Call, zone []*expr, at int) error {
	if len(zone) == 0 || zone[0].literal != nil && (zone[0].literal.Text == "UTC" || zone[0].literal.Text == "Etc/UTC") {
		return nil
	}
	return sql.Errorf(e.Args[at].Pos(), "leave the zone out; the pipe model_performance_timeseries has days of any zone", "%s knows UTC alone", e.Name)
}

func makeFloor(e *sql.Call, a *expr, f floorOf) (*expr, error) {
	t := timeType
	if f.date {
		t = dateType
	}
	if a.typ.Kind == endpoint.String && f == floors["todate"] {
		return asTime(e, a, dateType)
	}
	if !isTime(a.typ) {
		return nil, wrongType(e, 0, a, "a time")
	}
	return strict(t, []*expr{a}, func(_ *env, v []Value) Value { return whole(f.floor(v[0].Whole)) }), nil
}

// startOfInterval reads the interval of toStartOfInterval(t, INTERVAL n unit).
func startOfInterval(e sql.Expr) (f floorOf, ok bool) {
	c, ok := e.(*sql.Call)
	if !ok || len(c.Args) != 1 {
		return f, false
	}
	l, ok := c.Args[0].(*sql.Literal)
	unit, found := sql.IntervalUnits[strings.TrimPrefix(strings.ToLower(c.Name), "tointerval")]
	if !ok || !found || l.Kind != sql.Number {
		return f, false
	}
	n, ok := parseNumber(l.Text, Type{Kind: endpoint.UInt, Bits: 16})
	if !ok || n.Whole == 0 {
		return f, false
	}
	// ClickHouse counts hours from midnight, and years from the first.
	if unit.Seconds == 3600 && 24%n.Whole != 0 || unit.Months == 12 && n.Whole > 1 {
		return f, false
	}
	f = floorOf{seconds: unit.Seconds * n.Whole, months: unit.Months * n.Whole}
	f.week = unit.Seconds == 7*86400
	f.date = unit.Months > 0 || f.week
	return f, true
}

func makeStartOfInterval(e *sql.Call, args []*expr) (*expr, error) {
	f, ok := startOfInterval(e.Args[1])
	if !ok {
		return nil, sql.Errorf(e.Args[1].Pos(), "write INTERVAL 15 MINUTE; hours are parts of a day, and years are single", "this interval is not understood")
	}
	if err := inUTC(e, args[2:], 2); err != nil {
		return nil, err
	}
	return makeFloor(e, args[0], f)
}

// truncations are the units of dateTrunc.
var truncations = map[string]string{
	"minute": "tostartofminute", "hour": "tostartofhour", "day": "tostartofday", "week": "tomonday", "month": "tostartofmonth", "quarter": "tostartofquarter", "year": "tostartofyear",
}

// truncation is the floor of dateTrunc(unit, t).
func truncation(e sql.Expr) (f floorOf, ok bool) {
	l, ok := e.(*sql.Literal)
	if !ok || l.Kind != sql.Text {
		return f, false
	}
	f, ok = floors[truncations[strings.ToLower(l.Text)]]
	return f, ok
}

func makeDateTrunc(e *sql.Call, args []*expr) (*expr, error) {
	f, ok := truncation(e.Args[0])
	if !ok {
		return nil, sql.Errorf(e.Args[0].Pos(), "write 'hour', 'day', 'week', 'month', 'quarter' or 'year'", "this is no unit of time")
	}
	if err := inUTC(e, args[2:], 2); err != nil {
		return nil, err
	}
	return makeFloor(e, args[1], f)
}

// makeStartOfWeek makes toStartOfWeek(t, 1), whose weeks begin with Monday: those of ClickHouse's default begin with Sunday.
func makeStartOfWeek(e *sql.Call, args []*expr) (*expr, error) {
	if len(args) < 2 || args[1].literal == nil || args[1].literal.Text != "1" {
		return nil, sql.Errorf(e.At, "write toMonday(t), or toStartOfWeek(t, 1)", "toStartOfWeek with weeks that begin with Sunday is not understood")
	}
	if err := inUTC(e, args[2:], 2); err != nil {
		return nil, err
	}
	return makeFloor(e, args[0], floors["tomonday"])
}

func makeUnix(e *sql.Call, args []*expr) (*expr, error) {
	if !isTime(args[0].typ) {
		return nil, wrongType(e, 0, args[0], "a time")
	}
	return strict(Type{Kind: endpoint.UInt, Bits: 32}, args, func(_ *env, v []Value) Value { return whole(floorDiv(v[0].Whole, secondMillis)) }), nil
}

// asTime reads texts as times.
func asTime(e *sql.Call, a *expr, t Type) (*expr, error) {
	if a.literal != nil {
		if _, ok := moment(a.literal.Text); !ok {
			return nil, sql.Errorf(a.literal.At, "write it as 2026-11-01 00:00:00", "%s is no time from 1970 to 2106", sql.Shown(a.literal.Text))
		}
	}
	x := strict(t, []*expr{a}, func(x *env, v []Value) Value {
		ms, ok := moment(v[0].Text)
		if !ok {
			return x.fail(sql.Errorf(e.At, "write it as 2026-11-01 00:00:00", "%s is no time from 1970 to 2106", sql.Shown(v[0].Text)))
		}
		if t.Kind == endpoint.Date {
			ms = floorOf{seconds: 86400}.floor(ms)
		}
		return whole(ms)
	})
	x.constant = a.constant
	return x, nil
}

// makeToTime makes a time of another one, of a text, or of Unix seconds.
func makeToTime(t Type) func(*sql.Call, []*expr) (*expr, error) {
	return func(e *sql.Call, args []*expr) (*expr, error) {
		if err := inUTC(e, args[1:], 1); err != nil {
			return nil, err
		}
		switch from := args[0].typ; {
		case from.Kind == endpoint.String:
			return asTime(e, args[0], t)
		case isTime(from):
			return strict(t, args[:1], func(_ *env, v []Value) Value { return v[0] }), nil
		case isInt(from):
			return strict(t, args[:1], func(_ *env, v []Value) Value {
				return whole(min(max(v[0].Whole, 0), 1<<32-1) * secondMillis)
			}), nil
		}
		return nil, wrongType(e, 0, args[0], "a time")
	}
}

func makeToTime64(e *sql.Call, args []*expr) (*expr, error) {
	if args[1].literal == nil || args[1].literal.Text != "3" {
		return nil, sql.Errorf(e.Args[1].Pos(), "write 3", "times are kept to the millisecond: the precision is 3")
	}
	return makeToTime(time64Type)(&sql.Call{At: e.At, Name: e.Name, Args: append([]sql.Expr{e.Args[0]}, e.Args[2:]...)}, append([]*expr{args[0]}, args[2:]...))
}

// makeTimeArithmetic makes + and - of times with intervals, with whole numbers of seconds or days, and of two times.
func makeTimeArithmetic(e *sql.Call, args []*expr) (*expr, error) {
	name := strings.ToLower(e.Name)
	a, b := args[0], args[1]
	if name == "plus" && !isTime(a.typ) {
		a, b = b, a
	}
	sign := int64(1)
	if name == "minus" {
		sign = -1
	}
	if name != "plus" && name != "minus" || !isTime(a.typ) {
		return nil, sql.Errorf(e.At, "", "%s of %s and %s is not understood", e.Name, args[0].typ, args[1].typ)
	}
	unit := secondMillis
	if a.typ.Kind == endpoint.Date {
		unit = dayMillis
	}
	switch {
	case isTime(b.typ):
		if sign > 0 || a.typ.Kind != b.typ.Kind || a.typ.Kind == endpoint.DateTime64 {
			return nil, sql.Errorf(e.At, "write dateDiff('second', a, b)", "%s of %s and %s is not understood", e.Name, args[0].typ, args[1].typ)
		}
		return strict(Type{Kind: endpoint.Int, Bits: 32}, []*expr{a, b}, func(_ *env, v []Value) Value {
			return whole(floorDiv(v[0].Whole, unit) - floorDiv(v[1].Whole, unit))
		}), nil
	case isInt(b.typ):
		return strict(notNull(a.typ), []*expr{a, b}, func(_ *env, v []Value) Value {
			return inRange(v[0].Whole + sign*min(max(v[1].Whole, -intervalMax), intervalMax)*unit)
		}), nil
	case b.typ.Kind != endpoint.Interval:
		return nil, sql.Errorf(e.At, "", "%s of %s and %s is not understood", e.Name, args[0].typ, args[1].typ)
	}
	return addInterval(a, b, sign), nil
}

// addInterval adds an interval to a time. A Date stays one where the interval is of days or months.
func addInterval(a, b *expr, sign int64) *expr {
	t := notNull(a.typ)
	if b.months {
		return strict(t, []*expr{a, b}, func(_ *env, v []Value) Value { return inRange(addMonths(v[0].Whole, sign*v[1].Whole)) })
	}
	if t.Kind == endpoint.Date && !b.days() {
		t = timeType
	}
	return strict(t, []*expr{a, b}, func(_ *env, v []Value) Value { return inRange(v[0].Whole + sign*v[1].Whole) })
}

// days tells whether a constant interval is a whole number of days.
func (x *expr) days() bool { return x.constant && x.eval(&env{x: &run{}}).Whole%dayMillis == 0 }

// inRange keeps a time within those that there are.
func inRange(ms int64) Value { return whole(min(max(ms, 0), (1<<32-1)*secondMillis)) }

// addMonths adds months; a day that the month does not have is its last.
func addMonths(ms, months int64) int64 {
	months = min(max(months, -intervalMonthsMax), intervalMonthsMax)
	at := time.UnixMilli(ms).UTC()
	first := time.Date(at.Year(), at.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	day := min(at.Day(), last)
	return first.UnixMilli() + int64(day-1)*dayMillis + (ms - floorOf{seconds: 86400}.floor(ms))
}

const intervalMonthsMax = 12_000

// makeDateDiff makes dateDiff(unit, a, b): how many bounds of the unit are between them.
func makeDateDiff(e *sql.Call, args []*expr) (*expr, error) {
	l := args[0].literal
	if l == nil || l.Kind != sql.Text {
		return nil, sql.Errorf(e.Args[0].Pos(), "write 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter' or 'year'", "this is no unit of time")
	}
	unit, ok := sql.IntervalUnits[strings.ToLower(l.Text)]
	if !ok {
		return nil, sql.Errorf(e.Args[0].Pos(), "write 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter' or 'year'", "%s is no unit of time", sql.Shown(l.Text))
	}
	for i, a := range args[1:] {
		if !isTime(a.typ) {
			return nil, wrongType(e, i+1, a, "a time")
		}
	}
	count := func(ms int64) int64 {
		if unit.Months > 0 {
			at := time.UnixMilli(ms).UTC()
			return floorDiv(int64(at.Year())*12+int64(at.Month())-1, unit.Months)
		}
		if unit.Seconds == 7*86400 {
			ms -= int64(monday)
		}
		return floorDiv(ms, unit.Seconds*secondMillis)
	}
	return strict(Type{Kind: endpoint.Int, Bits: 64}, args[1:], func(_ *env, v []Value) Value { return whole(count(v[1].Whole) - count(v[0].Whole)) }), nil
}

// formats are the parts of formatDateTime that are understood, with how many seconds each stays the same for.
var formats = map[byte]struct {
	layout  string
	granule int64
}{
	'Y': {"2006", 86400}, 'm': {"01", 86400}, 'd': {"02", 86400}, 'F': {"2006-01-02", 86400}, 'H': {"15", 3600}, 'i': {"04", 60}, 'S': {"05", 0}, 'T': {"15:04:05", 0}, 'R': {"15:04", 60},
}

// makeFormat makes formatDateTime(t, '%Y-%m-%d').
func makeFormat(e *sql.Call, args []*expr) (*expr, error) {
	l := args[1].literal
	if l == nil || l.Kind != sql.Text {
		return nil, sql.Errorf(e.Args[1].Pos(), "", "the format must be a text")
	}
	if !isTime(args[0].typ) {
		return nil, wrongType(e, 0, args[0], "a time")
	}
	if _, at := formatGranule(l.Text); at >= 0 {
		return nil, sql.Errorf(l.At, "%Y, %m, %d, %F, %H, %i, %R, %S and %T are", "a part of the format %s is not understood", sql.Shown(l.Text))
	}
	return strict(stringType, args[:1], func(_ *env, v []Value) Value {
		at := time.UnixMilli(v[0].Whole).UTC()
		var b strings.Builder
		for i := 0; i < len(l.Text); i++ {
			if l.Text[i] != '%' {
				b.WriteByte(l.Text[i])
				continue
			}
			if i++; l.Text[i] == '%' {
				b.WriteByte('%')
			} else {
				b.WriteString(at.Format(formats[l.Text[i]].layout))
			}
		}
		return text(b.String())
	}), nil
}

// formatGranule is for how many seconds a format stays the same; at is where it is not understood, else -1.
func formatGranule(format string) (granule int64, at int) {
	granule = 86400
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		if i++; i == len(format) {
			return 0, i - 1
		}
		if format[i] == '%' {
			continue
		}
		f, ok := formats[format[i]]
		if !ok {
			return 0, i - 1
		}
		granule = min(granule, f.granule)
	}
	return granule, -1
}
