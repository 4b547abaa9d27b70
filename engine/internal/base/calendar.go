package base

import "time"

// MonthNumber counts UTC months since January 1970. Data is kept, merged and dropped by month.
type MonthNumber int32

// MonthOf returns the month of a Unix millisecond timestamp.
func MonthOf(ms int64) MonthNumber {
	t := time.UnixMilli(ms).UTC()
	return MonthNumber((t.Year()-1970)*12 + int(t.Month()) - 1)
}

// Span returns the month's half-open interval.
func (m MonthNumber) Span() Span {
	start := time.Date(1970, time.Month(1+m), 1, 0, 0, 0, 0, time.UTC)
	return Span{start.UnixMilli(), start.AddDate(0, 1, 0).UnixMilli()}
}

// Calendar finds the month of ascending timestamps without a conversion per row.
type Calendar struct {
	month MonthNumber
	span  Span
}

// Of returns the month of a time.
func (c *Calendar) Of(ms int64) MonthNumber {
	if ms < c.span.From || ms >= c.span.To {
		c.month = MonthOf(ms)
		c.span = c.month.Span()
	}
	return c.month
}
