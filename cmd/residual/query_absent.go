package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// An answer leaves out a model that is unknown as it does one without rows in the window. absent tells the two apart.

// seenModel is what the pipe models says of one.
type seenModel struct {
	Name        string `json:"model_id"`
	First       string `json:"first_event"`
	Last        string `json:"last_event"`
	Predictions uint64 `json:"prediction_count"`
	Actuals     uint64 `json:"actual_count"`
}

func readModels(answer []byte) ([]seenModel, error) {
	var a struct{ Data []seenModel }
	err := json.Unmarshal(answer, &a)
	return a.Data, err
}

// absent returns a sentence for each model that was asked for and is not in the answer. It returns none where the
// server does not say which models there are.
func absent(ctx context.Context, c *client.Client, asked string, answer []byte) []string {
	rows, err := readModels(answer)
	if err != nil {
		return nil
	}
	missing := make(map[string]bool)
	for name := range strings.SplitSeq(asked, ",") {
		if name = strings.TrimSpace(name); name != "" {
			missing[name] = !strings.HasSuffix(name, "*") || len(rows) == 0
		}
	}
	for _, row := range rows {
		delete(missing, row.Name)
		if row.Name == "*" || row.Name == asked {
			return nil
		}
	}
	var notes []string
	for name := range strings.SplitSeq(asked, ",") {
		name = strings.TrimSpace(name)
		if !missing[name] {
			continue
		}
		delete(missing, name)
		seen, err := modelsLike(ctx, c, name)
		if err != nil {
			return nil
		}
		notes = append(notes, aboutAbsent(name, seen))
	}
	return notes
}

// modelsLike returns what there is of the models that a name or a prefix stands for.
func modelsLike(ctx context.Context, c *client.Client, name string) ([]seenModel, error) {
	var answer bytes.Buffer
	models := question{"models", "json", url.Values{"model_id": {name}, "group_by": {"model_id"}}}
	if err := models.copyAnswer(ctx, c, &answer); err != nil {
		return nil, err
	}
	return readModels(answer.Bytes())
}

// aboutAbsent says why a name or a prefix is not in an answer.
func aboutAbsent(name string, seen []seenModel) string {
	open := strings.HasSuffix(name, "*")
	switch {
	case len(seen) == 0 && name == "*":
		return "the store has no predictions"
	case len(seen) == 0 && open:
		return fmt.Sprintf("no model is named like %q", name)
	case len(seen) == 0:
		return fmt.Sprintf("the model %q is unknown", name)
	case open:
		return fmt.Sprintf("%d models are named like %q; ask for another version, environment or window", len(seen), name)
	}
	s := &seen[0]
	return fmt.Sprintf("the model %q has %d predictions from %s to %s, %d of them with an actual; "+
		"ask for another version, environment or window", name, s.Predictions, s.First, s.Last, s.Actuals)
}
