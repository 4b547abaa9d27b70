package httpapi

import (
	"context"
	"fmt"
	"runtime"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/connectors"
	"github.com/residualdb/residual/httpapi/internal/encode"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
)

// getMetrics serves what Prometheus scrapes. But for the gauges of models, which are capped, its labels come from
// closed sets. A bounded token gets the gauges of its models, and of the server no more than /health tells everybody: its
// counters are about everybody.
func (s *Server) getMetrics(c *call) error {
	if err := c.Principal.Allow(auth.Scope{Kind: auth.ReadPipe, Name: pipes.PerformanceName}); err != nil {
		return err
	}
	w := &encode.Exposition{Dst: c.Ctx.Response.SwapBody(nil)[:0]}
	s.writeBuild(w)
	if c.Principal.Within == "" {
		s.writeCounters(w, c.sources)
		connectors.Write(w, s.opts.Connectors)
	}
	if c.store != nil {
		w.Gauge("residual_degraded", "Whether events are refused: see /health for the reason.", encode.Truth(s.refusal(c.store) != nil))
		if c.Principal.Within == "" {
			telemetry.WriteStore(w, c.store.Health(), c.store.Stats())
		}
		s.writeModels(w, c.store, c.Principal.Within)
	}
	if len(w.Dst) <= scrapeBytes {
		c.Ctx.SetContentType(encode.ExpositionType)
		c.KeepBody(w.Dst)
		return nil
	}
	return c.SendBody(w.Dst, encode.ExpositionType)
}

// scrapeBytes is room for what a server says of itself, which is not refused when long answers take all the memory that they may.
const scrapeBytes = 64 << 10

// writeBuild writes what the server is.
func (s *Server) writeBuild(w *encode.Exposition) {
	w.Family("residual_build_info", "gauge", "What the program was built from, as labels.")
	w.Sample("", 1, "version", s.opts.Version, "commit", s.opts.Commit, "goversion", runtime.Version())
	w.Gauge("residual_start_time_seconds", "When the server started, Unix seconds.", encode.UnixSeconds(s.started))
}

// writeCounters writes what the server counts of itself.
func (s *Server) writeCounters(w *encode.Exposition, all *sources) {
	s.counts.Write(w)
	for _, family := range [...]struct {
		name, help string
		of         func(*sourceCounts) uint64
	}{
		{"rows", "Rows acknowledged, by the data source that they were sent to.", func(c *sourceCounts) uint64 { return c.rows.Load() }},
		{"quarantined_rows", "Rows answered as quarantined, by data source.", func(c *sourceCounts) uint64 { return c.quarantined.Load() }},
		{"body_bytes", "Decompressed bytes of the bodies of acknowledged requests, by data source.", func(c *sourceCounts) uint64 { return c.bytes.Load() }},
	} {
		w.Family("residual_http_datasource_"+family.name+"_total", "counter", family.help)
		for _, src := range all.list {
			w.Sample("", float64(family.of(src.counts)), "datasource", src.name)
		}
	}
	w.Counter("residual_http_replayed_total", "Requests answered from their idempotency key.", s.counts.Duplicates.Load())
	w.Counter("residual_http_panics_total", "Requests that met a bug of the server.", s.counts.Panics.Load())
	w.Counter("residual_http_refused_connections_total", "Connections over a limit.", s.counts.RefusedConns.Load())
	w.Counter("residual_http_throttled_total", "Requests over the quota of their token or address.", s.quota.Refused.Load())
	w.Counter("residual_http_memory_full_total", "Requests refused because memory was full.", s.memory.Refused.Load())
	w.Counter("residual_http_ingests_full_total", "Requests refused because too many were being taken in.", s.ingests.Refused.Load())
	w.Counter("residual_http_bytes_full_total", "Requests refused because too many bytes were being taken in.", s.bodies.Refused.Load())
	w.Counter("residual_http_queries_full_total", "Requests refused because too many queries were running.", s.queries.Refused.Load())
	w.Counter("residual_http_answers_full_total", "Answers refused because too much of long ones was being sent.", s.shared.Streams.Bytes.Refused.Load())
	w.Counter("residual_http_answers_cut_total", "Answers that had begun and were cut short.", s.counts.AnswersCut.Load())
	w.Gauge("residual_http_answer_bytes", "Memory of long answers being sent.", float64(s.shared.Streams.Bytes.Held.Load()))
	w.Gauge("residual_http_connections", "Open connections.", float64(s.openConns()))
	w.Gauge("residual_http_body_bytes", "Bytes of bodies being taken in.", float64(s.bodies.Held.Load()))
	w.Gauge("residual_http_ingests", "Requests being taken in.", float64(s.ingests.Taken()))
	w.Gauge("residual_http_ingests_waiting", "Requests that wait for a slot to be taken in.", float64(s.ingests.Waiting.Load()))
	w.Gauge("residual_http_queries", "Queries running.", float64(s.queries.Taken()))
}

// askGauges asks for one scrape after the other, so that many at a time do not cost more than one.
func (s *Server) askGauges(store pipes.ReportStore, within string) (engine.GaugesResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.QueryTimeout)
	defer cancel()
	select {
	case s.gauging <- struct{}{}:
	case <-ctx.Done():
		return engine.GaugesResult{}, fmt.Errorf("wait for the scrapes before: %w", ctx.Err())
	}
	defer func() { <-s.gauging }()
	return store.Gauges(ctx, engine.GaugesQuery{
		Within: within, Environments: s.opts.ModelGaugesEnvironments, For: s.opts.ModelGaugesFor, Max: s.opts.ModelGaugesMax,
	})
}

// writeModels writes how each model stands in its environments, for the first ModelGaugesMax of them by name. Whoever
// was seen within ModelGaugesFor has its counts; what is not known has no sample. A store without reports has none. within is
// the bound of who asks.
func (s *Server) writeModels(w *encode.Exposition, store Store, within string) {
	reports, ok := store.(pipes.ReportStore)
	if s.opts.NoModelGauges || !ok {
		return
	}
	result, err := s.askGauges(reports, within)
	if err != nil {
		s.counts.GaugesFailed.Add(1)
		s.log.Warn("the gauges of models are left out", "error", err)
	}
	if within == "" {
		w.Counter("residual_model_gauges_failures_total",
			"Scrapes without the gauges of models, for want of an answer in time.", s.counts.GaugesFailed.Load())
	}
	if err != nil {
		return
	}
	telemetry.WriteModels(w, &result, s.opts.ModelGaugesMax)
}
