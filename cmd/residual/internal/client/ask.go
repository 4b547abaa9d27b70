package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Ask asks a pipe as an address does, by parameters that may be malformed. The text is the answer as NDJSON, or what the error says.
func (c *Client) Ask(ctx context.Context, pipe, parameters string) (status int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL("/v0/pipes/"+url.PathEscape(pipe)+".ndjson", nil), http.NoBody)
	if err != nil {
		return 0, "", err
	}
	request.URL.RawQuery = parameters
	body, _, err := c.do(request)
	if refused, ok := errors.AsType[*StatusError](err); ok {
		return refused.Status, refused.Text, nil
	}
	if err != nil {
		return 0, "", err
	}
	defer body.Close()
	answer, err := io.ReadAll(body)
	if err != nil {
		return 0, "", fmt.Errorf("read the answer: %w", err)
	}
	return http.StatusOK, string(answer), nil
}

// Append sends a file of rows, once, and tells how many were rejected, and why the first of them was.
func (c *Client) Append(ctx context.Context, datasource, format string, rows io.Reader) (rejected int, why string, err error) {
	target := c.URL("/v0/datasources", url.Values{"name": {datasource}, "mode": {"append"}, "format": {format}})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, rows)
	if err != nil {
		return 0, "", err
	}
	body, _, err := c.do(request)
	if err != nil {
		return 0, "", err
	}
	defer body.Close()
	var counts Counts
	if err := json.NewDecoder(body).Decode(&counts); err != nil {
		return 0, "", fmt.Errorf("read the answer: %w", err)
	}
	if counts.Quarantined == 0 {
		return 0, "", nil
	}
	_, first, err := c.Ask(ctx, datasource+"_quarantine", "columns=c__error_column,c__error,line&limit=1")
	return int(counts.Quarantined), first, err
}
