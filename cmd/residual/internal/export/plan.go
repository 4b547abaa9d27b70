package export

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"
)

// model is one that has rows.
type model struct {
	Name        string `json:"model_id"`
	First       string `json:"first_event"`
	Last        string `json:"last_event"`
	Predictions int64  `json:"prediction_count"`

	first, last time.Time
}

// lastMoment is the end of time, as far as timestamps reach.
const lastMoment = "2106-02-07 06:28:15"

// models asks which of the models that the question is about have rows, by the pipe models, in the order of their names.
func (e *Export) models(ctx context.Context) ([]model, error) {
	values := url.Values{"group_by": {"model_id"}, "as_of": {lastMoment}} // with those that lie ahead
	for _, name := range []string{"model_id", "model_version", "environment"} {
		if e.Question.Parameters.Has(name) {
			values.Set(name, e.Question.Parameters.Get(name))
		}
	}
	var found []model
	err := e.Client.Retry(ctx, func() (err error) {
		answer, err := e.Client.Pipe(ctx, "models", NDJSON, values)
		if err != nil {
			return err
		}
		defer answer.Close()
		found, err = readModels(answer)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("which models there are: %w", err)
	}
	slices.SortFunc(found, func(a, b model) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func readModels(answer io.Reader) ([]model, error) {
	var found []model
	rows := json.NewDecoder(bufio.NewReader(answer))
	for {
		var m model
		err := rows.Decode(&m)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err == nil {
			m.first, err = time.Parse(time.DateTime, m.First)
		}
		if err == nil {
			m.last, err = time.Parse(time.DateTime, m.Last)
		}
		if err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		found = append(found, m)
	}
}

// parts yields the partitions of models that overlap the window, model by model.
func parts(models []model, from, to time.Time) iter.Seq[Part] {
	return func(yield func(Part) bool) {
		for i := range models {
			m := &models[i]
			for month := monthOf(m.first); !month.After(m.last); month = nextMonth(month) {
				p := Part{Model: m.Name, Month: month, From: month, To: nextMonth(month), pattern: m.Name}
				if m.Name == all {
					p.pattern = all + all
				}
				if from.After(p.From) {
					p.From = from
				}
				if !to.IsZero() && to.Before(p.To) {
					p.To = to
				}
				if p.From.Before(p.To) && !yield(p) {
					return
				}
			}
		}
	}
}

// all is what stands for every model.
const all = "*"

// checkNames refuses models that a pipe cannot be asked for one by one. A name means that model, whatever it looks like, but for the
// star alone; that model can be asked for by its prefix as long as no other begins so.
func checkNames(models []model) error {
	starred := 0
	for i := range models {
		if strings.HasPrefix(models[i].Name, all) {
			starred++
		}
	}
	if starred > 1 && slices.ContainsFunc(models, func(m model) bool { return m.Name == all }) {
		return refused("one of the models is named %q and another one begins so: a folder cannot keep them apart; export to a file", all)
	}
	return nil
}
