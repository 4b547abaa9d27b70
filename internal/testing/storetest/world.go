package storetest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// world is an empty store and its clock.
type world struct {
	*testing.T
	subject *Subject
	store   Store
	now     time.Time
	open    func(t *testing.T) Store
}

func newWorld(t *testing.T, s *Subject) *world {
	t.Helper()
	return newWorldOf(t, s, Options{})
}

func newWorldOf(t *testing.T, s *Subject, opts Options) *world {
	t.Helper()
	w := &world{T: t, subject: s, now: Now()}
	opts.Now = func() time.Time { return w.now }
	w.open = s.New(t, opts)
	w.store = w.open(t)
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	return w
}

// again opens the store once more: as the same one after a restart, or as another server beside it that has taken over.
func (w *world) again() {
	w.Helper()
	before := w.store
	if w.subject.Doors {
		w.Cleanup(func() { require.NoError(w, before.Close()) })
	} else {
		require.NoError(w, before.Close())
	}
	w.store = w.open(w.T)
}

// at reads a time: of the day of Now as "11:00" or "11:00:00.250", so many days before as "-3d/11:00".
func at(text string) time.Time {
	days, clock, ok := strings.Cut(text, "d/")
	if !ok {
		days, clock = "0", text
	}
	n, err := strconv.Atoi(days)
	if err != nil {
		panic("BUG: " + text)
	}
	layout := "15:04:05.999"
	if strings.Count(clock, ":") == 1 {
		layout = "15:04"
	}
	of, err := time.Parse(layout, clock)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	midnight := Now().Truncate(24*time.Hour).AddDate(0, 0, n)
	return midnight.Add(of.Sub(of.Truncate(24 * time.Hour)))
}

// rowOf reads "model/version/environment id time predicted actual features", of which the actual may be ? and the features be left out.
func rowOf(text string) event.Event {
	f := append(strings.Fields(text), "{}")
	names := strings.Split(f[0], "/")
	e := event.Event{ModelID: names[0], ModelVersion: names[1], Environment: names[2], PredictionID: f[1], Timestamp: at(f[2]), PredictedValue: number(f[3]), Features: f[5]}
	if f[4] != "?" {
		e.ActualValue, e.HasActual = number(f[4]), true
	}
	return e
}

func number(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return v
}

func (w *world) batch(rows ...event.Event) *event.Batch {
	w.Helper()
	var b event.Batch
	for _, e := range rows {
		require.NoError(w, b.Add(e, w.store.Rules()))
	}
	return &b
}

func (w *world) texts(rows ...string) *event.Batch {
	w.Helper()
	events := make([]event.Event, len(rows))
	for i, text := range rows {
		events[i] = rowOf(text)
	}
	return w.batch(events...)
}

// send appends rows as one request.
func (w *world) send(rows ...string) engine.Appended {
	w.Helper()
	done, err := w.store.Append(w.Context(), w.texts(rows...))
	require.NoError(w, err)
	require.Equal(w, len(rows), done.Successful)
	return done
}

func (w *world) sendEvents(rows ...event.Event) {
	w.Helper()
	done, err := w.store.Append(w.Context(), w.batch(rows...))
	require.NoError(w, err)
	require.Equal(w, len(rows), done.Successful)
}

// actualsOf reads "model id value version/environment time", of which the value may be - to withdraw, and the rest be left out or be *.
func (w *world) actualsOf(texts ...string) *event.Actuals {
	w.Helper()
	var a event.Actuals
	for _, text := range texts {
		f := append(strings.Fields(text), "*/*", "*")
		x := event.Actual{ModelID: f[0], PredictionID: f[1]}
		if x.Withdrawn = f[2] == "-"; !x.Withdrawn {
			x.Value = number(f[2])
		}
		version, environment, _ := strings.Cut(f[3], "/")
		x.ModelVersion, x.Environment = strings.Trim(version, "*"), strings.Trim(environment, "*")
		if f[4] != "*" && f[4] != "*/*" {
			x.Observed = at(f[4])
		}
		require.NoError(w, a.Add(x, w.store.Rules()))
	}
	return &a
}

// actuals appends actuals as one request.
func (w *world) actuals(texts ...string) {
	w.Helper()
	done, err := w.store.AppendActuals(w.Context(), w.actualsOf(texts...))
	require.NoError(w, err)
	require.Equal(w, len(texts), done.Successful)
}

// seriesText names a series as rowOf reads it.
func seriesText(model, version, environment string) string {
	return model + "/" + version + "/" + environment
}

// clock shows a time as at reads it.
func clock(t time.Time) string {
	days := int(t.Sub(Now().Truncate(24*time.Hour)).Hours()+240_000)/24 - 10_000
	text := t.UTC().Format("15:04:05.999")
	if days != 0 {
		return fmt.Sprintf("%dd/%s", days, text)
	}
	return text
}

// short shows a float by twelve digits.
func short(v float64) string { return strconv.FormatFloat(v, 'g', 12, 64) }

func value(v engine.Value) string {
	if v.Null != engine.Present {
		return v.Null.String()
	}
	return short(v.Float64())
}

// metrics answers with "series n=count mae rmse first last" for each row.
func (w *world) metrics(q engine.MetricsQuery) []string {
	w.Helper()
	result, err := w.store.Metrics(w.Context(), q)
	require.NoError(w, err)
	var each []string
	_, err = w.store.EachMetrics(w.Context(), q, func(r *engine.MetricsRow) bool {
		each = append(each, metricsText(r))
		return true
	})
	require.NoError(w, err)
	var texts []string
	for i := range result.Rows {
		texts = append(texts, metricsText(&result.Rows[i]))
	}
	require.Equal(w, texts, each, "the rows one by one are those at once")
	return texts
}

func metricsText(r *engine.MetricsRow) string {
	return fmt.Sprintf("%s n=%d %s %s %s %s", seriesText(r.Model, r.Version, r.Environment), r.PredictionCount, short(r.MAE), short(r.RMSE), clock(r.PeriodStart), clock(r.PeriodEnd))
}

// all asks for every series of a pattern of models, over all time.
func all(models string) engine.MetricsQuery {
	return engine.MetricsQuery{Model: models, Version: engine.All, Environment: engine.All, From: time.UnixMilli(0)}
}

// errors answers with "series n=count mae".
func (w *world) errors(models string) []string {
	w.Helper()
	var texts []string
	for _, text := range w.metrics(all(models)) {
		texts = append(texts, strings.Join(strings.Fields(text)[:3], " "))
	}
	return texts
}

// rows answers with the rows of a pattern of models as rowOf reads them, in the order of time and series unless the query has another.
func (w *world) rows(q engine.RowsQuery) []string {
	w.Helper()
	q.Version, q.Environment = cmp.Or(q.Version, engine.All), cmp.Or(q.Environment, engine.All)
	if q.From.IsZero() && q.Window == 0 {
		q.From = time.UnixMilli(0)
	}
	if q.Order == engine.Unordered {
		q.Order = engine.TimeAscending
	}
	return w.unordered(q)
}

func (w *world) unordered(q engine.RowsQuery) []string {
	w.Helper()
	var texts []string
	_, err := w.store.EachRows(w.Context(), q, func(b *engine.RowBatch) bool {
		for i := range b.SeriesOf {
			texts = append(texts, rowText(b, i))
		}
		return true
	})
	require.NoError(w, err)
	return texts
}

func rowText(b *engine.RowBatch, i int) string {
	s := b.Series[b.SeriesOf[i]]
	actual := "?"
	if b.Known.Get(i) {
		actual = short(b.Actual[i])
	}
	text := seriesText(s.Model, s.Version, s.Environment)
	if b.IDs.Len() > 0 {
		text += " " + string(b.IDs.At(i))
	}
	text += fmt.Sprintf(" %s %s %s", clock(time.UnixMilli(b.Times[i])), short(b.Predicted[i]), actual)
	if b.Features.Len() > 0 {
		if features := string(b.Features.At(i)); features != "{}" {
			text += " " + features
		}
	}
	return text
}

// report answers with its only row.
func (w *world) report(q engine.ReportQuery) engine.ReportRow {
	w.Helper()
	rows := w.reports(q)
	require.Len(w, rows, 1)
	return rows[0]
}

func (w *world) reports(q engine.ReportQuery) []engine.ReportRow {
	w.Helper()
	var rows []engine.ReportRow
	_, err := w.store.EachReport(w.Context(), q, func(r *engine.ReportRow) bool {
		rows = append(rows, *r)
		return true
	})
	require.NoError(w, err)
	return rows
}

// eventOf returns a row of a batch as the event that it came as.
func eventOf(b *engine.RowBatch, i int) event.Event {
	s := b.Series[b.SeriesOf[i]]
	e := event.Event{
		Timestamp: time.UnixMilli(b.Times[i]).UTC(), ModelID: s.Model, ModelVersion: s.Version, Environment: s.Environment,
		PredictedValue: b.Predicted[i], ActualValue: b.Actual[i], HasActual: b.Known.Get(i),
	}
	if b.IDs.Len() > 0 {
		e.PredictionID = string(b.IDs.At(i))
	}
	if b.Features.Len() > 0 {
		e.Features = string(b.Features.At(i))
	}
	return e
}
