package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// AnswerBytesMax bounds an answer: what a language model reads is dear.
	AnswerBytesMax = 64 << 10
	// readBytesMax bounds what is read of a server's answer.
	readBytesMax = 8 << 20
)

// answer is a table as the server writes it, with rows as lists.
type answer struct {
	Meta []struct {
		Name string `json:"name"`
	} `json:"meta"`
	Data []json.RawMessage `json:"data"`
}

// shown is what a model sees of it.
type shown struct {
	Columns []string          `json:"columns"`
	Rows    []json.RawMessage `json:"rows"`
	LeftOut int               `json:"rows_left_out,omitempty"`
	Note    string            `json:"note,omitempty"`
}

// shorten makes an answer one of at most AnswerBytesMax bytes, which says what it leaves out.
func shorten(body io.Reader) ([]byte, error) {
	whole, err := io.ReadAll(io.LimitReader(body, readBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(whole) > readBytesMax {
		return nil, errors.New("the answer has more than 8 MiB: ask for less, by a model, a shorter window or a limit")
	}
	var a answer
	if err := json.Unmarshal(whole, &a); err != nil {
		return nil, errors.New("the answer is not in the form that was asked for: leave FORMAT out of the statement")
	}
	s := shown{Columns: make([]string, len(a.Meta)), Rows: make([]json.RawMessage, 0, len(a.Data))}
	for i := range a.Meta {
		s.Columns[i] = a.Meta[i].Name
	}
	head, err := json.Marshal(s.Columns)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	left := AnswerBytesMax - len(head) - 1<<10 // of what stands around the rows
	for i, row := range a.Data {
		if left -= len(row) + 1; left < 0 {
			s.LeftOut = len(a.Data) - i
			s.Note = "rows at the end are left out; ask for less, by a model, a shorter window, a limit, or fewer columns"
			break
		}
		s.Rows = append(s.Rows, row)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	return text, nil
}
