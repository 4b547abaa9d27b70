package workspace

import "time"

// Deployments are the projects that are deployed to a server. Implementations are safe for concurrent use.
type Deployments interface {
	// Deploy checks a project, stores it, and has the server answer from it. What is wrong with the files is no error.
	Deploy(d Deploying) (*Outcome, error)

	// Promote makes a deployment live, the one that waits or an earlier one.
	Promote(id int, destructive bool, by string) (*Outcome, error)

	// Discard drops a deployment that waits. Of an earlier one it does nothing: it is the history.
	Discard(id int) error

	// Find returns a deployment, also one that was dropped, Current the live one and the one that waits behind it, History all that are
	// kept, the newest last. They have no changes. As long as nothing is live, what every server has is, under the number 0.
	Find(id int) (Deployment, error)
	Current() ([]Deployment, error)
	History() ([]Deployment, error)
}

// File is a file of a project.
type File struct{ Name, Text string }

// Deploying is a wish to deploy.
type Deploying struct {
	Files []File
	// Check changes nothing, Stage has the deployment wait to be promoted, Destructive allows to delete what is in use.
	Check, Stage, Destructive bool
	// By is the name of the token that asks.
	By string
}

// Outcome is what became of a wish.
type Outcome struct {
	Result     Result
	Deployment Deployment
	Problems   []Problem
}

// Result is what became of a wish, in a word.
type Result string

// The results.
const (
	Success   Result = "success"
	Failed    Result = "failed"
	NoChanges Result = "no_changes"
)

// Deployment is a project that was deployed.
type Deployment struct {
	// ID is 0 where nothing was stored, and of what every server has.
	ID      int
	Live    bool
	Staged  bool
	Created time.Time
	By      string
	Changes Changes
	// Problems are those of a live deployment that is served in part only.
	Problems []Problem
}

// Changes are the names of what is new, changed and deleted.
type Changes struct{ New, Changed, Deleted Names }

// Names are names by what they are of.
type Names struct{ Datasources, Pipes, Connections []string }

// Problem is something wrong with a file, as people read it.
type Problem struct {
	File, Text string
	// Warning is set for what keeps nothing from being deployed.
	Warning bool
}
