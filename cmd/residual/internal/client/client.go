package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/residualdb/residual/internal/plaintext"
)

// dialTimeout bounds a connection attempt, answerTimeout the time from the end of a request to the start of its answer.
const (
	dialTimeout   = 5 * time.Second
	answerTimeout = time.Minute
)

// Options configures a [Client].
type Options struct {
	// Server is the base URL. Default: http://127.0.0.1:7181.
	Server string

	// Token is sent as a bearer token; empty sends none.
	Token string

	// RetryFor bounds how long one request is tried again after it first failed. Default: 1 minute.
	RetryFor time.Duration

	// Connections is how many are kept open between requests. Default: 16.
	Connections int

	// Dial opens connections to the server. Default: TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Now and Sleep are seams for tests. Default: the clock.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// Client sends requests to one server. It is safe for concurrent use.
type Client struct {
	opts Options
	base *url.URL
	http *http.Client
}

// New returns a client, or an error if the server's URL is none.
func New(opts Options) (*Client, error) {
	if opts.Server == "" {
		opts.Server = "http://127.0.0.1:7181"
	}
	if opts.RetryFor == 0 {
		opts.RetryFor = time.Minute
	}
	if opts.Connections == 0 {
		opts.Connections = 16
	}
	if opts.Dial == nil {
		opts.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Sleep == nil {
		opts.Sleep = sleep
	}
	base, err := url.Parse(opts.Server)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("server %q: a URL like http://127.0.0.1:7181 is needed", opts.Server)
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           opts.Dial,
		ResponseHeaderTimeout: answerTimeout,
		MaxIdleConnsPerHost:   opts.Connections,
		DisableCompression:    true,
	}
	return &Client{opts: opts, base: base, http: &http.Client{Transport: transport}}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// URL returns the address of a path with its parameters, without a token.
func (c *Client) URL(path string, parameters url.Values) string {
	target := *c.base
	target.Path += path
	target.RawQuery = parameters.Encode()
	return target.String()
}

// Counts is the server's answer to events.
type Counts struct {
	Successful  int64 `json:"successful_rows"`
	Quarantined int64 `json:"quarantined_rows"`
	// Replaced are those of the successful rows that the server had stored already, changed or not.
	Replaced int64 `json:"replaced_rows"`
	// Known are those of the successful rows that the server took in an earlier request of the same key; of these none is Replaced.
	Known int64 `json:"-"`
}

// Events is one request of events.
type Events struct {
	// DataSource is the name of the data source.
	DataSource string
	// Body is their lines.
	Body []byte
	// part is sent instead of the body, if there is one.
	part *section
	// Key is the Idempotency-Key; empty sends none, and then nothing is sent twice.
	Key string
	// Wait asks that the next query sees the rows.
	Wait bool
}

// Send sends events and returns what became of them and how many attempts it took.
func (c *Client) Send(ctx context.Context, events Events) (counts Counts, attempts int, err error) {
	target := events.target(c)
	err = c.Retry(ctx, func() (err error) {
		attempts++
		counts, err = c.send(ctx, target, events)
		if err != nil && events.Key == "" {
			err = Permanent(err)
		}
		return err
	})
	return counts, attempts, err
}

// target is where the events go.
func (e *Events) target(c *Client) string {
	parameters := url.Values{"name": {e.DataSource}}
	if e.Wait {
		parameters.Set("wait", "true")
	}
	return c.URL("/v0/events", parameters)
}

func (c *Client) send(ctx context.Context, target string, events Events) (Counts, error) {
	request, err := events.request(ctx, target)
	if err != nil {
		return Counts{}, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	if events.Key != "" {
		request.Header.Set("Idempotency-Key", events.Key)
	}
	answer, header, err := c.do(request)
	if err != nil {
		return Counts{}, err
	}
	defer answer.Close()
	var counts Counts
	if err := json.NewDecoder(answer).Decode(&counts); err != nil {
		return Counts{}, fmt.Errorf("read the answer: %w", err)
	}
	if header.Get("Idempotent-Replayed") == "true" {
		counts.Known, counts.Replaced = counts.Successful, 0
	}
	return counts, nil
}

func (e *Events) request(ctx context.Context, target string) (*http.Request, error) {
	if e.part == nil {
		return http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(e.Body))
	}
	body, err := e.part.open()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
	if err != nil {
		_ = body.Close() // it was only read
		return nil, err
	}
	request.ContentLength = e.part.size
	return request, nil
}

// Reach returns an error if no server answers at all; what it answers does not matter.
func (c *Client) Reach(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL("/health", nil), http.NoBody)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return plain(err)
	}
	return response.Body.Close()
}

// Health returns what the server says of itself: a line of JSON. It is an error if the server takes no events.
func (c *Client) Health(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL("/health", nil), http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return "", plain(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return string(body), nil
	}
	var said struct{ Status, Reason string }
	if err := json.Unmarshal(body, &said); err != nil || said.Status == "" {
		return "", statusError(response.StatusCode, response.Header, body, c.opts.Now())
	}
	return "", fmt.Errorf("the server is %s: %s", plaintext.Escape(said.Status), plaintext.Escape(said.Reason))
}

// Pipe asks an endpoint and returns its answer in the format, to be closed by the caller.
func (c *Client) Pipe(ctx context.Context, name, format string, parameters url.Values) (io.ReadCloser, error) {
	return c.Get(ctx, "/v0/pipes/"+url.PathEscape(name)+"."+format, parameters)
}

// Get asks a path with its parameters and returns the answer, to be closed by the caller.
func (c *Client) Get(ctx context.Context, path string, parameters url.Values) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL(path, parameters), http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, _, err := c.do(request)
	return answer, err
}

// GetChanged is [Client.Get] for an answer that the caller may have already, by its entity tag. The body is nil then.
func (c *Client) GetChanged(ctx context.Context, path, have string) (body io.ReadCloser, tag string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL(path, nil), http.NoBody)
	if err != nil {
		return nil, "", err
	}
	if have != "" {
		request.Header.Set("If-None-Match", have)
	}
	body, header, err := c.do(request)
	if refused, ok := errors.AsType[*StatusError](err); ok && refused.Status == http.StatusNotModified {
		return nil, have, nil
	}
	return body, header.Get("ETag"), err
}

// Post sends a form to a path, once, and returns the answer, to be closed by the caller.
func (c *Client) Post(ctx context.Context, path string, form url.Values) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL(path, nil), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, _, err := c.do(request)
	return answer, err
}

// answerMax bounds what is read of an answer that says what is wrong.
const answerMax = 64 << 10

// do returns the body and header of a successful answer.
func (c *Client) do(request *http.Request) (io.ReadCloser, http.Header, error) {
	if c.opts.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.opts.Token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, nil, plain(err)
	}
	if response.StatusCode/100 == 2 {
		return response.Body, response.Header, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	return nil, nil, statusError(response.StatusCode, response.Header, body, c.opts.Now())
}

// plain drops the URL that net/http puts before its errors: the caller knows whom it asked.
func plain(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
