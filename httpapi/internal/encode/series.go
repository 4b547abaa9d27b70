package encode

import (
	"strconv"

	"github.com/residualdb/residual/internal/jsontext"
)

// writeSeries writes a table BySeries: the starts of all buckets as Unix seconds, then an object for each series, with its names
// and an array for each other column. All series have the same buckets. A series is in memory until it is written.
func writeSeries(o *Output, t *Table) error {
	columns := t.shown()
	keys := keysOf(columns, "", ":")
	var starts []byte
	arrays := make([]Output, len(columns)) // of the series so far, of which buckets have come
	var names [SeriesColumns - 1]string
	series, buckets := 0, 0
	write := func() bool {
		if series == 1 {
			o.Buf = append(o.Buf, `{"bucket_start":[`...)
			o.Buf = append(append(o.Buf, starts...), `],"series":[`...)
		}
		o.Buf = append(appendComma(o.Buf, series-1), '{')
		for j, name := range names {
			o.Buf = jsontext.AppendString(append(o.Buf, keys[j]...), name)
		}
		for j := SeriesColumns; j < len(columns) && o.Err == nil; j++ {
			o.Buf = append(append(o.Buf, keys[j]...), '[')
			_, _ = o.Write(arrays[j].Buf) // an error stays in o
			o.Buf = append(o.Buf, ']')
			arrays[j].Buf = arrays[j].Buf[:0]
		}
		o.Buf = append(o.Buf, '}')
		return o.pass()
	}
	for t.step() {
		row := t.current()
		if is := [...]string{row[0].text, row[1].text, row[2].text}; series == 0 || is != names {
			if series > 0 && !write() {
				return o.Err
			}
			names, series, buckets = is, series+1, 0
		}
		if series == 1 {
			starts = strconv.AppendInt(appendComma(starts, buckets), row[SeriesColumns-1].whole/1000, 10)
		}
		for j := SeriesColumns; j < len(columns); j++ {
			a := &arrays[j]
			a.Buf = appendComma(a.Buf, buckets)
			a.jsonCell(columns[j].Kind, row[j])
		}
		buckets++
	}
	if series > 0 && !write() {
		return o.Err
	}
	if err := o.ended(t); err != nil {
		return err
	}
	if series == 0 {
		o.Buf = append(o.Buf, `{"bucket_start":[],"series":[`...)
	}
	o.Buf = appendStatistics(append(o.Buf, ']'), t)
	return nil
}
