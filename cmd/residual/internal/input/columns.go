package input

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/rowfile"
)

// ColumnsOf returns the columns that a file for a data source may have. Where the data source has a mapping, which the server tells,
// they are those of its events. Of a server that tells nothing of a data source that every server has, they are what they ever were.
func ColumnsOf(ctx context.Context, c *client.Client, name string) ([]rowfile.Column, error) {
	usual := rowfile.Predictions()
	if name == engine.SourceActuals {
		usual = rowfile.Actuals()
	}
	var told struct {
		Columns []struct {
			Name     string  `json:"name"`
			JSONPath string  `json:"jsonpath"`
			Default  *string `json:"default_value"`
		} `json:"columns"`
	}
	answer, err := c.Get(ctx, "/v0/datasources/"+url.PathEscape(name), nil)
	if err == nil {
		err = errors.Join(json.NewDecoder(answer).Decode(&told), answer.Close())
	}
	switch {
	case err != nil && name != engine.SourcePredictions && name != engine.SourceActuals:
		return nil, err
	case err != nil || len(told.Columns) == 0 || told.Columns[0].JSONPath == "":
		return usual, nil //nolint:nilerr // the data sources that are always there have the usual columns, whatever a server tells
	}
	m := event.Mapping{Actuals: true}
	for _, column := range told.Columns {
		m.Actuals = m.Actuals && column.Name != "predicted_value"
		mapped := event.MappedColumn{Name: column.Name, Path: strings.Split(column.JSONPath, ".")[1:], HasDefault: column.Default != nil}
		if column.Name == "timestamp" {
			mapped.Unit = time.Second // of which the server knows what it counts
		}
		m.Columns = append(m.Columns, mapped)
	}
	return rowfile.Mapped(&m), nil
}
