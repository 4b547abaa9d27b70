package clusters_test

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// asker makes up questions about models of some names, in a time that ends now.
type asker struct {
	*rand.Rand
	models, versions, environments []string
	ids                            []string
	now                            time.Time
	days                           int
	// withoutLags leaves out the lags of actuals, which an export does not have, but of lagged models; withoutStates also what they decide.
	withoutLags, withoutStates bool
	lagged                     []string
}

func (a *asker) one(of ...string) string { return of[a.IntN(len(of))] }

func (a *asker) moment() string {
	return a.now.Add(-time.Duration(a.Int64N(int64(a.days)*24*int64(time.Hour))) / time.Duration(1+a.IntN(20))).Format("2006-01-02 15:04:05.000")
}

// series are the parameters that pick series.
func (a *asker) series(v url.Values) {
	v.Set("model_id", a.one(a.one(a.models...), a.one(a.models...), "*", a.one(a.models...)+","+a.one(a.models...), strings.TrimRight(a.one(a.models...), "0123456789")+"*", "nobody"))
	v.Set("model_version", a.one("latest", "*", a.one(a.versions...), a.one(a.versions...)+","+a.one(a.versions...)))
	v.Set("environment", a.one("production", "*", a.one(a.environments...)))
	if a.IntN(3) == 0 {
		v.Set("group_by", a.one("model_id", "model_version", "environment", "model_id,environment", "model_id,model_version", ""))
	}
}

// aboutLagged tells whether a question is about a model whose lags are compared.
func (a *asker) aboutLagged(path string) bool {
	_, query, _ := strings.Cut(path, "?")
	v, err := url.ParseQuery(query)
	return err == nil && slices.Contains(a.lagged, v.Get("model_id"))
}

func (a *asker) window(v url.Values) {
	switch a.IntN(4) {
	case 0:
		v.Set("from", a.moment())
	case 1:
		from, to := a.moment(), a.moment()
		v.Set("from", min(from, to))
		v.Set("to", max(from, to))
	default:
		v.Set("time_window", strconv.Itoa(1+a.IntN(24*a.days)>>a.IntN(8)))
	}
	if a.IntN(4) == 0 && !v.Has("to") {
		v.Set("as_of", a.now.Add(-time.Duration(a.Int64N(int64(3*24*time.Hour)))).Format(time.DateTime))
	}
}

// comparison are the parameters of what compares windows.
func (a *asker) comparison(v url.Values) {
	v.Set("recent_window_hours", strconv.Itoa(1+a.IntN(48)))
	v.Set("historical_window_hours", strconv.Itoa(49+a.IntN(500)))
	switch a.IntN(6) {
	case 0:
		v.Set("reference", "version:previous")
	case 1:
		v.Set("reference", "seasonal:1")
		v.Set("timezone", a.one("UTC", "Europe/Berlin", "America/New_York"))
	case 2:
		v.Set("reference", "version:"+a.one(a.versions...))
	}
	if a.IntN(5) == 0 {
		v.Set("recent_min_actuals", strconv.Itoa(1+a.IntN(500)))
	}
	if a.IntN(5) == 0 {
		v.Set("offset", strconv.Itoa(a.IntN(24)))
	}
	if a.IntN(3) == 0 {
		v.Set("as_of", a.now.Add(-time.Duration(a.Int64N(int64(3*24*time.Hour)))).Format(time.DateTime))
	}
}

// question is the path of one about any of the pipes.
func (a *asker) question() string {
	v := url.Values{}
	pipe := a.one("model_performance_metrics", "model_performance_metrics", "model_drift_detection", "model_performance_report", "model_performance_timeseries",
		"model_drift_report", "models", "predictions", "predictions", "model_error_distribution", "model_verdicts")
	if a.withoutStates && (pipe == "models" || pipe == "model_verdicts") {
		pipe = "model_performance_report"
	}
	a.series(v)
	switch pipe {
	case "model_performance_metrics", "model_performance_report":
		a.window(v)
	case "model_performance_timeseries":
		v.Set("interval", a.one("1h", "6h", "1d", "1w"))
		v.Set("timezone", a.one("UTC", "Europe/Berlin"))
		v.Set("time_window", strconv.Itoa(1+a.IntN(24*14)))
	case "model_drift_detection":
		v.Set("recent_window_hours", strconv.Itoa(1+a.IntN(48)))
		v.Set("historical_window_hours", strconv.Itoa(49+a.IntN(500)))
	case "model_drift_report":
		a.comparison(v)
	case "models":
		a.comparison(v)
		v.Set("order", a.one("attention", "model", "status"))
		v.Set("totals", "true")
		v.Set("details", a.one("true", "false"))
		v.Set("limit", strconv.Itoa(a.IntN(30)))
	case "model_verdicts": // each bucket is a question about several windows
		v.Set("model_id", a.one(a.models...))
		v.Set("time_window", strconv.Itoa(1+a.IntN(24)))
		v.Set("interval", a.one("6h", "1d"))
	case "model_error_distribution":
		v.Del("group_by")
		a.window(v)
		v.Set("of", a.one("error", "abs_error", "predicted"))
	case "predictions":
		v.Del("group_by")
		a.rows(v)
	}
	return "/v0/pipes/" + pipe + ".json?" + v.Encode()
}

func (a *asker) rows(v url.Values) {
	a.window(v)
	v.Set("limit", strconv.Itoa(1+a.IntN(200)))
	v.Set("order", a.one("timestamp", "-timestamp", "abs_error"))
	v.Set("actuals", a.one("any", "known", "waiting"))
	switch a.IntN(4) {
	case 0:
		v.Set("prediction_id", a.one(a.ids...))
	case 1:
		v.Set("feature."+a.one("feature1", "feature2", "nobody")+a.one("", ">", "<", "!"), strconv.Itoa(a.IntN(100)))
	}
}
