package pipes

import (
	"slices"

	"github.com/residualdb/residual/httpapi/internal/params"
)

// Parameters returns the parameters of a pipe, which must be one of the server's.
func Parameters(name string) []params.Parameter { return slices.Clone(builtIn(name).Parameters) }

// Column is one column of a pipe's answer, with what its name does not say; empty where it says all.
type Column struct{ Name, Description string }

// Columns returns the columns of a pipe, which must be one of the server's.
func Columns(name string) []Column {
	p := builtIn(name)
	columns := make([]Column, len(p.Columns))
	for i, column := range p.Columns {
		columns[i] = Column{column.Name, p.Describe(column.Name)}
	}
	return columns
}

// Describe says of a column what its name does not, where pipes differ under the name of the pipe and the column.
func (p *Pipe) Describe(column string) string {
	if description, ok := columnDescriptions[p.Name+"."+column]; ok {
		return description
	}
	return columnDescriptions[column]
}

var columnDescriptions = map[string]string{
	"prediction_count":                           "predictions, with or without an actual; actual_count has those with one",
	"model_performance_metrics.prediction_count": "predictions that have an actual: no others count in this pipe",
	"recent_count":                               "predictions of the recent window, with or without an actual",
	"model_drift_detection.recent_count":         "predictions of the recent window that have an actual",
	"recent_mae":                                 "mean of |predicted - actual| of the recent window",
	"historical_mae":                             "mean of |predicted - actual| of the historical window",
	"drift_percentage":                           "(recent_mae - historical_mae) / historical_mae, a ratio: 0.25 is 25 % worse, 1.69 is 169 %",
	"historical_count":                           "predictions of the historical window that have an actual",
	"actual_coverage":                            "actual_count / prediction_count, from 0 to 1",
	"relative_change":                            "(recent_mae - reference_mae) / reference_mae, a ratio: 0.25 is 25 % worse",
	"rmse_relative_change":                       "(recent_rmse - reference_rmse) / reference_rmse, a ratio",
	"bias_relative_change":                       "(recent_bias - reference_bias) / reference_mae, a ratio",
	"mape":                                       "in per cent",
	"wmape":                                      "in per cent",
	"smape":                                      "in per cent",
	"actual_lag_p50":                             "in seconds",
	"actual_lag_p95":                             "in seconds",
}
