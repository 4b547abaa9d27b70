package where

import (
	"strconv"
	"strings"
	"time"
)

// moment reads a time, which lasts from from to to: a second, or a millisecond where it has a fraction. A date is its midnight.
func (p *parser) moment() (from, to int64, err error) {
	at := p.token
	switch {
	case at.kind == literal:
		from, to, err = p.parseTime(at)
		if err == nil {
			err = p.takeLiteral()
		}
		return from, to, err
	case p.isWord("now"):
		return p.ago()
	case p.isWord("todatetime"), p.isWord("todatetime64"), p.isWord("todate"), p.isWord("parsedatetimebesteffort"):
		return p.converted()
	}
	return 0, 0, p.unexpected("a time such as '2026-11-30 00:00:00', toDateTime('...') or now()")
}

// converted reads a time in a function, of which a second argument may be the digits of a fraction, and one more the zone UTC.
func (p *parser) converted() (from, to int64, err error) {
	function := strings.ToLower(p.token.text)
	if err := p.takeAll(p.take, p.expectSign("(")); err != nil {
		return 0, 0, err
	}
	switch at := p.token; {
	case at.kind == literal:
		from, to, err = p.parseTime(at)
	case at.kind == number && function == "todatetime":
		seconds, parseErr := strconv.ParseInt(at.text, 10, 33)
		if parseErr != nil {
			return 0, 0, p.wrong("Unix seconds are a whole number")
		}
		from, to = seconds*1000, (seconds+1)*1000
	default:
		err = p.unexpected("a time in single quotes")
	}
	if err != nil {
		return 0, 0, err
	}
	if err := p.takeLiteral(); err != nil {
		return 0, 0, err
	}
	for p.isSign(",") {
		if err := p.take(); err != nil {
			return 0, 0, err
		}
		digits := p.token.kind == number && function == "todatetime64"
		zone := p.token.kind == literal && (p.token.text == "UTC" || p.token.text == "Etc/UTC")
		if !digits && !zone {
			return 0, 0, p.unexpected("the zone 'UTC', which is the only one that is understood")
		}
		if err := p.takeLiteral(); err != nil {
			return 0, 0, err
		}
	}
	return from, to, p.expect(")")
}

// ago reads now(), from which an interval may be taken.
func (p *parser) ago() (from, to int64, err error) {
	if err := p.takeAll(p.take, p.expectSign("("), p.expectSign(")")); err != nil {
		return 0, 0, err
	}
	at := p.now
	if p.isSign("-") {
		if err := p.take(); err != nil {
			return 0, 0, err
		}
		if !p.isWord("interval") {
			return 0, 0, p.unexpected("INTERVAL")
		}
		if err := p.take(); err != nil {
			return 0, 0, err
		}
		n, parseErr := strconv.ParseInt(p.token.text, 10, 32)
		if p.token.kind != number && p.token.kind != literal || parseErr != nil || n < 0 {
			return 0, 0, p.unexpected("a whole number")
		}
		if err := p.takeLiteral(); err != nil {
			return 0, 0, err
		}
		unit := time.Duration(0)
		if p.token.kind == word {
			unit = units[strings.TrimSuffix(strings.ToLower(p.token.text), "s")]
		}
		if unit == 0 {
			return 0, 0, p.unexpected("SECOND, MINUTE, HOUR, DAY or WEEK")
		}
		at = at.Add(-min(time.Duration(n), time.Duration(1<<62)/unit) * unit)
		if err := p.take(); err != nil {
			return 0, 0, err
		}
	}
	second := at.UnixMilli() / 1000 * 1000
	return second, second + 1000, nil
}

var units = map[string]time.Duration{
	"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

// layouts are those of times without a fraction, which Go reads all the same where there is one.
var layouts = [...]string{time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", time.RFC3339, time.DateOnly}

// parseTime reads the time of a literal.
func (p *parser) parseTime(at token) (from, to int64, err error) {
	for _, layout := range layouts {
		t, err := time.ParseInLocation(layout, at.text, time.UTC)
		if err != nil {
			continue
		}
		ms := t.UnixMilli()
		if strings.Contains(at.text, ".") {
			return ms, ms + 1, nil
		}
		return ms, ms + 1000, nil
	}
	return 0, 0, p.wrong("the time is not of the form YYYY-MM-DD hh:mm:ss")
}

// takeAll takes one thing after the other.
func (p *parser) takeAll(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) expectSign(text string) func() error {
	return func() error { return p.expect(text) }
}
