package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// File is a file of a project: its path below the project's folder, and its text.
type File struct{ Name, Text string }

// Deployed is what became of a project that was sent.
type Deployed struct {
	Result     string     `json:"result"`
	Deployment Deployment `json:"deployment"`
}

// Deployment is a deployment as the server tells of it.
type Deployment struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Live      bool   `json:"live"`
	CreatedAt string `json:"created_at"`
	By        string `json:"by"`
	Errors    []struct {
		Filename string `json:"filename"`
		Error    string `json:"error"`
	} `json:"errors"`
	Feedback []struct {
		Message string `json:"message"`
	} `json:"feedback"`

	NewDatasources     []string `json:"new_datasource_names"`
	ChangedDatasources []string `json:"changed_datasource_names"`
	DeletedDatasources []string `json:"deleted_datasource_names"`
	NewPipes           []string `json:"new_pipe_names"`
	ChangedPipes       []string `json:"changed_pipe_names"`
	DeletedPipes       []string `json:"deleted_pipe_names"`
	NewConnections     []string `json:"new_data_connector_names"`
	ChangedConnections []string `json:"changed_data_connector_names"`
	DeletedConnections []string `json:"deleted_data_connector_names"`
}

// outcomeMax bounds what is read of an outcome: the errors of a project are as long as its files, at most.
const outcomeMax = 64 << 20

// Deploy sends a project. It is sent again as other requests are: what is live already changes nothing.
func (c *Client) Deploy(ctx context.Context, files []File, parameters url.Values) (*Deployed, error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "")
	for i := range files {
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", `form-data; name="data_project://"; filename="`+quote.Replace(files[i].Name)+`"`)
		header.Set("Content-Type", "text/plain; charset=utf-8")
		part, err := w.CreatePart(header)
		if err == nil {
			_, err = io.WriteString(part, files[i].Text)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 { // a form must have a part
		if err := w.WriteField("context://", ""); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return c.outcome(ctx, http.MethodPost, "/v1/deploy", parameters, w.FormDataContentType(), form.Bytes())
}

// Promote makes a deployment live.
func (c *Client) Promote(ctx context.Context, id string, parameters url.Values) (*Deployed, error) {
	return c.outcome(ctx, http.MethodPost, "/v1/deployments/"+url.PathEscape(id)+"/set-live", parameters, "", nil)
}

// Discard drops a deployment that waits.
func (c *Client) Discard(ctx context.Context, id string) error {
	_, err := c.outcome(ctx, http.MethodDelete, "/v1/deployments/"+url.PathEscape(id), nil, "", nil)
	return err
}

// Deployments lists the deployments that are kept, the newest first.
func (c *Client) Deployments(ctx context.Context) ([]Deployment, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL("/v1/deployments", url.Values{"include_deleted": {"true"}}), http.NoBody)
	if err != nil {
		return nil, err
	}
	body, _, err := c.do(request)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var answer struct{ Deployments []Deployment }
	if err := json.NewDecoder(io.LimitReader(body, outcomeMax)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	slices.Reverse(answer.Deployments)
	return answer.Deployments, nil
}

// outcome sends a request and reads what became of it, which a failure of the project is too.
func (c *Client) outcome(ctx context.Context, method, path string, parameters url.Values, contentType string, body []byte) (out *Deployed, err error) {
	err = c.Retry(ctx, func() error {
		request, err := http.NewRequestWithContext(ctx, method, c.URL(path, parameters), bytes.NewReader(body))
		if err != nil {
			return Permanent(err)
		}
		if contentType != "" {
			request.Header.Set("Content-Type", contentType)
		}
		out, err = c.doOutcome(request)
		return err
	})
	return out, err
}

func (c *Client) doOutcome(request *http.Request) (*Deployed, error) {
	if c.opts.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.opts.Token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, plain(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, outcomeMax))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	var out Deployed
	if err := json.Unmarshal(answer, &out); err == nil && out.Result != "" {
		return &out, nil
	}
	return nil, statusError(response.StatusCode, response.Header, answer, c.opts.Now())
}
