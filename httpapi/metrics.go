package httpapi

import (
	"strconv"
)

// getMetrics serves what Prometheus scrapes. Its labels come from closed sets.
func (s *Server) getMetrics(c *call) error {
	if err := s.allow(c, scope{kind: readPipe, name: performancePipe}); err != nil {
		return err
	}
	w := &exposition{dst: c.ctx.Response.SwapBody(nil)[:0]}
	s.writeOwn(w)
	if c.store != nil {
		writeStats(w, c.store)
	}
	c.ctx.Response.SwapBody(w.dst)
	c.ctx.SetContentType(expositionType)
	return nil
}

// writeOwn writes what the server counts of itself.
func (s *Server) writeOwn(w *exposition) {
	w.family("residual_http_requests_total", "counter", "Requests answered.")
	for l := range labelCount {
		for class := 1; class < statusClasses; class++ {
			if n := s.counts.requests[l][class].Load(); n > 0 {
				w.sample("", float64(n), "route", l.String(), "status", strconv.Itoa(class)+"xx")
			}
		}
	}
	w.family("residual_http_request_seconds", "histogram", "Time from the request's head to its answer.")
	for l := labelRefused + 1; l < labelCount; l++ {
		w.histogram(&s.counts.latency[l], l.String())
	}
	w.one("residual_http_rows_total", "counter", "Rows taken in.", float64(s.counts.rows.Load()))
	w.one("residual_http_quarantined_rows_total", "counter", "Rows quarantined.", float64(s.counts.quarantined.Load()))
	w.one("residual_http_replayed_total", "counter", "Requests answered from their idempotency key.", float64(s.counts.duplicates.Load()))
	w.one("residual_http_panics_total", "counter", "Requests that met a bug of the server.", float64(s.counts.panics.Load()))
	w.one("residual_http_refused_connections_total", "counter", "Connections over a limit.", float64(s.counts.refusedConns.Load()))
	w.one("residual_http_connections", "gauge", "Open connections.", float64(s.openConns()))
	w.one("residual_http_body_bytes", "gauge", "Bytes of bodies being taken in.", float64(s.budget.spent.Load()))
	w.one("residual_http_ingests", "gauge", "Requests being taken in.", float64(s.ingests.inside()))
	w.one("residual_http_queries", "gauge", "Queries running.", float64(s.queries.inside()))
}

func (s *Server) openConns() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.guards {
		n += g.open()
	}
	return n
}

// writeStats writes what the store counts.
func writeStats(w *exposition, store Store) {
	h := store.Health()
	w.one("residual_ready", "gauge", "Whether recovery is done.", truth(h.Ready))
	w.one("residual_degraded", "gauge", "Whether events are refused because the log failed.", truth(h.Degraded))
	stats := store.Stats()
	w.one("residual_rows_total", "counter", "Rows stored since the start.", float64(stats.Rows))
	w.one("residual_models", "gauge", "Models known.", float64(stats.Models))
	w.one("residual_series", "gauge", "Series known.", float64(stats.Series))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
