package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/residualdb/residual/internal/plaintext"
)

// ErrLineTooLong is returned by a load whose stream holds a line that no batch can hold.
var ErrLineTooLong = errors.New("client: line too long")

// StatusError is an answer of the server other than success.
type StatusError struct {
	Status int
	// Text is the server's explanation, or the start of what it sent if that is not an error answer.
	Text string
	// RetryAfter is how long the server asks to be left alone; 0 if it does not say.
	RetryAfter time.Duration
}

// Error returns status and text.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered %d %s: %s", e.Status, http.StatusText(e.Status), plaintext.Escape(e.Text))
}

// textMax bounds what an error repeats of an answer that is not in the server's error format.
const textMax = 200

func statusError(status int, header http.Header, body []byte, now time.Time) *StatusError {
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error == "" {
		answer.Error = string(body[:min(len(body), textMax)])
	}
	return &StatusError{Status: status, Text: answer.Error, RetryAfter: retryAfter(header, now)}
}
