package workspace

import (
	"strconv"
	"time"
)

// timeFormat is how times of a workspace look: clients cut seven characters off their end.
const timeFormat = "2006-01-02 15:04:05.000000"

// Shown is an outcome as clients read it. A failure has its errors in two places, because each client looks in another.
type Shown struct {
	Result     Result          `json:"result"`
	Deployment ShownDeployment `json:"deployment"`
	// Build is what is built, for clients that do not deploy.
	Build  *ShownDeployment `json:"build,omitempty"`
	Errors []shownError     `json:"errors,omitempty"`
}

// ShownDeployment is a deployment as clients read it.
type ShownDeployment struct {
	ID        string          `json:"id"`
	Status    string          `json:"status"`
	Live      bool            `json:"live"`
	CreatedAt string          `json:"created_at"`
	UpdatedAt string          `json:"updated_at"`
	By        string          `json:"by,omitempty"`
	Errors    []shownError    `json:"errors"`
	Feedback  []shownFeedback `json:"feedback"`

	NewDatasources     []string `json:"new_datasource_names"`
	ChangedDatasources []string `json:"changed_datasource_names"`
	DeletedDatasources []string `json:"deleted_datasource_names"`
	NewPipes           []string `json:"new_pipe_names"`
	ChangedPipes       []string `json:"changed_pipe_names"`
	DeletedPipes       []string `json:"deleted_pipe_names"`
	NewConnections     []string `json:"new_data_connector_names"`
	ChangedConnections []string `json:"changed_data_connector_names"`
	DeletedConnections []string `json:"deleted_data_connector_names"`

	TokenChanges  []string `json:"token_changes"`
	DataMovements []string `json:"data_movements"`
}

type shownError struct {
	Filename string `json:"filename"`
	Error    string `json:"error"`
}

type shownFeedback struct {
	Resource string `json:"resource"`
	Level    string `json:"level"`
	Message  string `json:"message"`
}

// Show returns an outcome as clients read it.
func (o *Outcome) Show() *Shown {
	s := &Shown{Result: o.Result, Deployment: o.Deployment.Show()}
	s.Deployment.tell(o.Problems)
	s.Deployment.Status = "data_ready"
	if o.Result == Failed {
		s.Errors, s.Deployment.Status = s.Deployment.Errors, "failed"
	}
	return s
}

// tell shows problems.
func (s *ShownDeployment) tell(problems []Problem) {
	for _, p := range problems {
		if p.Warning {
			s.Feedback = append(s.Feedback, shownFeedback{Resource: p.File, Level: "WARNING", Message: p.Text})
		} else {
			s.Errors = append(s.Errors, shownError{Filename: p.File, Error: p.Text})
		}
	}
}

// Show returns a deployment as clients read it. One that is neither live nor waits is deleted to them: it serves nothing.
func (d *Deployment) Show() ShownDeployment {
	created := Time(d.Created)
	s := ShownDeployment{
		ID: strconv.Itoa(d.ID), Live: d.Live, CreatedAt: created, UpdatedAt: created, By: d.By, Status: "deleted",
		Errors: []shownError{}, Feedback: []shownFeedback{}, TokenChanges: []string{}, DataMovements: []string{},
	}
	if d.Live || d.Staged {
		s.Status = "data_ready"
	}
	s.tell(d.Problems)
	c := &d.Changes
	s.NewDatasources, s.ChangedDatasources, s.DeletedDatasources = listed(c.New.Datasources), listed(c.Changed.Datasources), listed(c.Deleted.Datasources)
	s.NewPipes, s.ChangedPipes, s.DeletedPipes = listed(c.New.Pipes), listed(c.Changed.Pipes), listed(c.Deleted.Pipes)
	s.NewConnections, s.ChangedConnections, s.DeletedConnections = listed(c.New.Connections), listed(c.Changed.Connections), listed(c.Deleted.Connections)
	return s
}

// listed is a list that is never null.
func listed(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

// Info is what a workspace tells of itself.
type Info struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	UserID    string `json:"user_id"`
	UserEmail string `json:"user_email"`
	Scope     string `json:"scope"`
	Main      *Info  `json:"main"`
	Role      string `json:"role"`
	// Token is what clients of a server without tokens are given, empty elsewhere.
	Token string `json:"token,omitempty"`
}

// TheWorkspace is the one that every server is.
func TheWorkspace() Info {
	return Info{ID: "residual", Name: "residual", UserID: "residual", UserEmail: "residual@localhost", Scope: "admin", Role: "admin"}
}

// AnyToken is the token that a server without tokens gives to clients that insist on one. It means nothing.
const AnyToken = "no-token-is-needed"

// Time is a time as clients read it; empty for the zero time.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeFormat)
}
