package httpapi

import "github.com/residualdb/residual/httpapi/internal/workspace"

type (
	// Deployments are the projects that are deployed to a server.
	Deployments = workspace.Deployments
	// Deploying is a wish to deploy.
	Deploying = workspace.Deploying
	// DeployOutcome is what became of one.
	DeployOutcome = workspace.Outcome
	// Deployment is a project that was deployed.
	Deployment = workspace.Deployment
	// DeployProblem is something wrong with a project.
	DeployProblem = workspace.Problem
	// ProjectFile is a file of a project.
	ProjectFile = workspace.File
	// DeployChanges are what is new, changed and deleted.
	DeployChanges = workspace.Changes
	// DeployNames are names by what they are of.
	DeployNames = workspace.Names
)

// The results of a deploy.
const (
	DeploySuccess   = workspace.Success
	DeployFailed    = workspace.Failed
	DeployNoChanges = workspace.NoChanges
)

// The classes of errors of [Deployments].
var (
	ErrProjectFiles  = workspace.ErrFiles
	ErrNoDeployment  = workspace.ErrNotFound
	ErrDeployRefused = workspace.ErrRefused
	ErrDeployUnknown = workspace.ErrUnknown
	ErrDeployBusy    = workspace.ErrBusy
)
