package workspace

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// JobsPath is where jobs are listed; the path of one begins with JobsPrefix.
const (
	JobsPath   = "/v0/jobs"
	JobsPrefix = JobsPath + "/"
	// jobsMax is how many jobs are remembered for clients that ask what became of them, jobsListed how many are listed at once.
	jobsMax    = 1000
	jobsListed = 100
)

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

// Jobs are the last deletions and appends that were done, for clients that ask what became of them. It is safe for concurrent use.
type Jobs struct {
	now func() time.Time

	mu   sync.Mutex
	list []*job // guarded by mu, the oldest first
}

// NewJobs returns none, by a clock.
func NewJobs(now func() time.Time) *Jobs { return &Jobs{now: now} }

func (j *Jobs) add(x *job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.list) == jobsMax {
		j.list = append(j.list[:0], j.list[1:]...)
	}
	j.list = append(j.list, x)
}

func (j *Jobs) find(id string) *job {
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
func (j *Jobs) newest(of func(*job) bool) []*job {
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

// remember remembers what became of a request as a job.
func (j *Jobs) remember(c *exchange.Exchange, x *job, source string) *job {
	now := Time(j.now())
	x.ID = rand.Text() // which tells nothing of how many there are
	x.JobID, x.JobURL, x.CreatedAt, x.UpdatedAt, x.Datasource, x.holder = x.ID, JobsPrefix+x.ID, now, now, jobName{source, source}, c.Principal.Name
	if x.deletionJob != nil {
		x.DeleteID = x.ID
	}
	j.add(x)
	return x
}

// Deletion remembers a deletion from a data source, or from its quarantine, and returns what is told of it.
func (j *Jobs) Deletion(c *exchange.Exchange, source string, rows uint64) any {
	return j.remember(c, &job{Kind: deletionKind, Status: jobDone, deletionJob: &deletionJob{RowsDeleted: rows, RowsAffected: rows}}, source)
}

// Imported remembers an append, and returns what is told of it. One with rejects has failed to clients, which otherwise say that all went well,
// though its good rows are stored.
func (j *Jobs) Imported(c *exchange.Exchange, source string, successful, quarantined int) any {
	told := &importJob{Blocks: []jobBlock{{Returned: []jobReturn{{Lines: successful, Quarantine: quarantined}}}}}
	x := &job{Kind: importKind, Status: jobDone, importJob: told}
	if quarantined > 0 {
		x.Status = jobFailed
		told.Error = fmt.Sprintf("%d of %d rows were rejected, the others are stored; the page of the server shows which and why", quarantined, successful+quarantined)
	}
	return j.remember(c, x, source)
}

// seesJob tells whether who asks may see a job: one of its own, or of anybody to an admin who sees every model.
func seesJob(who *auth.Principal, x *job) bool {
	return x.holder == who.Name || who.Within == "" && who.Holds(auth.Scope{Kind: auth.Admin})
}

// List serves GET /v0/jobs.
func (j *Jobs) List(c *exchange.Exchange) error {
	kind, err := c.Params.TextOr("kind", "")
	if err != nil {
		return err
	}
	status, err := c.Params.TextOr("status", "")
	if err != nil {
		return err
	}
	return c.SendLongJSON(map[string]any{"jobs": j.newest(func(x *job) bool {
		return seesJob(&c.Principal, x) && (kind == "" || kind == x.Kind) && (status == "" || status == x.Status)
	})})
}

// Get serves GET /v0/jobs/<id>.
func (j *Jobs) Get(c *exchange.Exchange) error {
	id := strings.TrimPrefix(string(c.Target.Path), JobsPrefix)
	x := j.find(id)
	if x == nil || !seesJob(&c.Principal, x) {
		return problem.NotFound("the job %s does not exist; the last %d are remembered, up to a restart", problem.Shown(id), jobsMax)
	}
	return c.SendJSON(x)
}
