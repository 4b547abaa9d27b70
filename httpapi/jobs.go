package httpapi

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/httpapi/internal/workspace"
)

const (
	jobsPath   = "/v0/jobs"
	jobsPrefix = jobsPath + "/"
	// jobsMax is how many jobs are remembered for clients that ask what became of them, jobsListed how many are listed at once.
	jobsMax    = 1000
	jobsListed = 100
)

var jobRoute = route{label: labelDelete, get: (*Server).getJob}

// The kinds of jobs, and what has become of them: they are over when they are told.
const (
	deletionKind = "delete_data"
	importKind   = "import"

	jobDone   = "done"
	jobFailed = "error"
)

// job is what is told of a deletion or an append, in the shape of Tinybird's jobs.
type job struct {
	ID         string  `json:"id"`
	JobID      string  `json:"job_id"`
	JobURL     string  `json:"job_url"`
	Kind       string  `json:"kind"`
	Status     string  `json:"status"`
	CreatedAt  string  `json:"created_at"`
	UpdatedAt  string  `json:"updated_at"`
	Datasource jobName `json:"datasource"`
	*deletionJob
	*importJob

	holder string // the name of the token that asked
}

type jobName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// deletionJob is what a job tells of a deletion.
type deletionJob struct {
	DeleteID     string `json:"delete_id"`
	RowsDeleted  uint64 `json:"rows_to_be_deleted"`
	RowsAffected uint64 `json:"rows_affected"`
}

// importJob is what a job tells of an append.
type importJob struct {
	Error  string     `json:"error,omitempty"`
	Blocks []jobBlock `json:"blocks"`
}

type jobBlock struct {
	Returned []jobReturn `json:"process_return"`
}

type jobReturn struct {
	Lines      int `json:"lines"`
	Quarantine int `json:"quarantine"`
}

// jobs are the last jobs, the oldest first.
type jobs struct {
	mu   sync.Mutex
	list []*job
}

func (j *jobs) add(x *job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.list) == jobsMax {
		j.list = append(j.list[:0], j.list[1:]...)
	}
	j.list = append(j.list, x)
}

func (j *jobs) find(id string) *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, x := range j.list {
		if x.ID == id {
			return x
		}
	}
	return nil
}

// newest are the newest jobs that of chooses.
func (j *jobs) newest(of func(*job) bool) []*job {
	j.mu.Lock()
	defer j.mu.Unlock()
	found := []*job{}
	for _, x := range slices.Backward(j.list) {
		if len(found) < jobsListed && of(x) {
			found = append(found, x)
		}
	}
	return found
}

// newJob remembers what became of a request as a job.
func (s *Server) newJob(c *call, x *job, source string) *job {
	now := workspace.Time(s.opts.Now())
	x.ID = rand.Text() // which tells nothing of how many there are
	x.JobID, x.JobURL, x.CreatedAt, x.UpdatedAt, x.Datasource, x.holder = x.ID, jobsPrefix+x.ID, now, now, jobName{source, source}, c.principal.Name
	if x.deletionJob != nil {
		x.DeleteID = x.ID
	}
	s.jobs.add(x)
	return x
}

// deletionJob remembers a deletion.
func (s *Server) deletionJob(c *call, t *deletionTarget, done engine.Deleted) *job {
	rows := affected(t, done)
	return s.newJob(c, &job{Kind: deletionKind, Status: jobDone, deletionJob: &deletionJob{RowsDeleted: rows, RowsAffected: rows}}, t.name)
}

// importJob remembers an append. One with rejects has failed to clients, which otherwise say that all went well, though its good rows are
// stored.
func (s *Server) importJob(c *call, src *source, done engine.Appended) *job {
	told := &importJob{Blocks: []jobBlock{{Returned: []jobReturn{{Lines: done.Successful, Quarantine: done.Quarantined}}}}}
	x := &job{Kind: importKind, Status: jobDone, importJob: told}
	if done.Quarantined > 0 {
		x.Status = jobFailed
		told.Error = fmt.Sprintf("%d of %d rows were rejected, the others are stored; the page of the server shows which and why", done.Quarantined, done.Successful+done.Quarantined)
	}
	return s.newJob(c, x, src.name)
}

// seesJob tells whether who asks may see a job: one of its own, or of anybody to an admin who sees every model.
func seesJob(who *auth.Principal, x *job) bool {
	return x.holder == who.Name || who.Within == "" && who.Holds(auth.Scope{Kind: auth.Admin})
}

// getJobs serves GET /v0/jobs.
func (s *Server) getJobs(c *call) error {
	kind, err := c.params.textOr("kind", "")
	if err != nil {
		return err
	}
	status, err := c.params.textOr("status", "")
	if err != nil {
		return err
	}
	return c.sendLongJSON(map[string]any{"jobs": s.jobs.newest(func(x *job) bool {
		return seesJob(&c.principal, x) && (kind == "" || kind == x.Kind) && (status == "" || status == x.Status)
	})})
}

// getJob serves GET /v0/jobs/<id>.
func (s *Server) getJob(c *call) error {
	id := strings.TrimPrefix(string(c.target.Path), jobsPrefix)
	x := s.jobs.find(id)
	if x == nil || !seesJob(&c.principal, x) {
		return problem.NotFound("the job %s does not exist; the last %d are remembered, up to a restart", problem.Shown(id), jobsMax)
	}
	return c.sendJSON(x)
}
