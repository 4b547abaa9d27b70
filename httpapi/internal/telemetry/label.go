package telemetry

// Label names a route in logs and metrics. The set is closed, so that no request can add to it.
type Label uint8

// The labels.
const (
	LabelRefused Label = iota // before a route was found
	LabelEvents
	LabelDatasources
	LabelPipes
	LabelPipe
	LabelOpenAPI
	LabelHealth
	LabelMetrics
	LabelPreflight
	LabelBackups
	LabelDelete
	LabelPage
	LabelDeployments
	LabelWorkspace
	LabelSQL
	LabelAgent
	labelCount
)

var labelNames = [labelCount]string{
	"refused", "events", "datasources", "pipes", "pipe", "openapi", "health", "metrics", "preflight", "backups", "delete", "page",
	"deployments", "workspace", "sql", "agent",
}

// String is what logs and metrics have.
func (l Label) String() string { return labelNames[l] }
