package connector

import (
	"bytes"
	"fmt"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// Load is rows that were read together, what was rejected of them, and the positions behind them. [Feed.NewLoad] makes one.
type Load struct {
	feed      *Feed
	decoder   *event.Decoder
	batch     event.Batch
	actuals   event.Actuals
	positions []engine.Position
	at        map[string]int // of positions, by part
	bytes     int64
}

// NewLoad returns an empty load. The error is of class [event.ErrMapping].
func (f *Feed) NewLoad() (*Load, error) {
	decoder, err := event.NewMappedDecoder(f.Mapping)
	if err != nil {
		return nil, fmt.Errorf("data source %s: %w", f.Source, err)
	}
	return &Load{feed: f, decoder: decoder, at: map[string]int{}}, nil
}

// Reset empties the load.
func (l *Load) Reset() {
	l.batch.Reset()
	l.actuals.Reset()
	l.positions, l.bytes = l.positions[:0], 0
	clear(l.at)
}

// Rows returns how many rows and rejects there are, and Bytes how many bytes they were read from.
func (l *Load) Rows() int {
	if l.feed.Mapping.Actuals {
		return l.actuals.Len() + l.actuals.Rejected.Total()
	}
	return l.batch.Len() + l.batch.Rejected.Total()
}

// Bytes returns how many bytes the rows and rejects were read from.
func (l *Load) Bytes() int64 { return l.bytes }

// Parts returns how many parts have a position.
func (l *Load) Parts() int { return len(l.positions) }

// Empty tells whether there is nothing to store.
func (l *Load) Empty() bool { return l.Rows() == 0 && len(l.positions) == 0 }

// Read says how far a part was read, with what is in the load; an empty value forgets the part.
func (l *Load) Read(part, value string) {
	if i, ok := l.at[part]; ok {
		l.positions[i].Value = value
		return
	}
	l.at[part] = len(l.positions)
	l.positions = append(l.positions, engine.Position{Part: part, Value: value})
}

// RejectsMax is how many rejects of one file, or of one array of events, are kept; further ones are counted. So one that is wrong as a whole
// does not drive those of others out of the quarantine.
const RejectsMax = 1000

// Decode adds the rows of a body, and keeps up to so many rejects. It returns how many are kept. place says where outside the line of a
// number, from 1, is. The error is of class [event.ErrMalformed] or [event.ErrTooLarge], and nothing was added.
func (l *Load) Decode(body []byte, format event.Format, rejectsMax int, place func(line int) string) (kept int, err error) {
	known := len(*l.rejects())
	if l.feed.Mapping.Actuals {
		err = l.decoder.DecodeActuals(&l.actuals, body, format, l.feed.Sink.Rules())
	} else {
		err = l.decoder.Decode(&l.batch, body, format, l.feed.Sink.Rules())
	}
	if err != nil {
		return 0, fmt.Errorf("data source %s: %w", l.feed.Source, err)
	}
	rejects := l.rejects()
	kept = min(len(*rejects)-known, rejectsMax)
	clear((*rejects)[known+kept:])
	*rejects = (*rejects)[:known+kept]
	l.placed(known, place)
	l.bytes += int64(len(body))
	return kept, nil
}

// DecodeEach adds the row that each of some texts is; place is as that of Decode, where the line is the number of the text. The error
// is of class [event.ErrTooLarge], and nothing was added.
func (l *Load) DecodeEach(texts [][]byte, place func(n int) string) (err error) {
	known := len(*l.rejects())
	if l.feed.Mapping.Actuals {
		err = l.decoder.DecodeEachActual(&l.actuals, texts, l.feed.Sink.Rules())
	} else {
		err = l.decoder.DecodeEach(&l.batch, texts, l.feed.Sink.Rules())
	}
	if err != nil {
		return fmt.Errorf("data source %s: %w", l.feed.Source, err)
	}
	l.placed(known, place)
	for _, text := range texts {
		l.bytes += int64(len(text))
	}
	return nil
}

// RejectFile adds a reject for a file that cannot be read, so that it is known which one that was, and why.
func (l *Load) RejectFile(place string, why error) {
	rejects, counts := l.rejects(), &l.batch.Rejected
	if l.feed.Mapping.Actuals {
		counts = &l.actuals.Rejected
	}
	text := []byte(why.Error())
	*rejects = append(*rejects, event.Reject{Code: event.CodeSyntax, Reason: "the file cannot be read", Raw: text[:min(len(text), event.RawBytesMax)], Place: place})
	counts[event.CodeSyntax]++
}

// placed says of new rejects where they come from.
func (l *Load) placed(known int, place func(line int) string) {
	rejects := *l.rejects()
	for i := known; i < len(rejects); i++ {
		rejects[i].Place = place(rejects[i].Line)
	}
}

func (l *Load) rejects() *[]event.Reject {
	if l.feed.Mapping.Actuals {
		return &l.actuals.Rejects
	}
	return &l.batch.Rejects
}

// IsArray tells whether a text is an array of events, which [event.JSON] takes.
func IsArray(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && text[0] == '[' && event.IsArray(text)
}
