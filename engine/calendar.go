package engine

import "time"

// monthNumber counts UTC months since January 1970. Data is kept, merged and dropped by month.
type monthNumber int32

// monthOf returns the month of a Unix millisecond timestamp.
func monthOf(ms int64) monthNumber {
	t := time.UnixMilli(ms).UTC()
	return monthNumber((t.Year()-1970)*12 + int(t.Month()) - 1)
}

// span returns the month's half-open interval.
func (m monthNumber) span() span {
	start := time.Date(1970, time.Month(1+m), 1, 0, 0, 0, 0, time.UTC)
	return span{start.UnixMilli(), start.AddDate(0, 1, 0).UnixMilli()}
}

// calendar finds the month of ascending timestamps without a conversion per row.
type calendar struct {
	month monthNumber
	span  span
}

func (c *calendar) of(ms int64) monthNumber {
	if ms < c.span.from || ms >= c.span.to {
		c.month = monthOf(ms)
		c.span = c.month.span()
	}
	return c.month
}
