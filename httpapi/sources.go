package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/pipes"
	"github.com/residualdb/residual/httpapi/internal/problem"
	"github.com/residualdb/residual/internal/endpoint"
	"github.com/residualdb/residual/internal/rowfile"
)

// ErrDatasource is returned for a [Datasource] that a server cannot have.
var ErrDatasource = errors.New("data source")

// Datasource is a data source of which the events have a shape of their own: a mapping says where their columns are. Its rows go with
// those of all data sources; its rejects are in a quarantine of its own. One that is named like a data source that every server has
// gives that its mapping, and is of the same rows.
type Datasource struct {
	Name, Description string
	Mapping           event.Mapping
	Grants            []Grant
}

// Grant is a right to a data source for the token of a name, beside the scopes that the token has: to append to it, or else to read
// its quarantine.
type Grant struct {
	Token  string
	Append bool
}

// source is a data source as requests see it. It does not change, but for its counts.
type source struct {
	*rowType

	name, description string
	// mapping is nil where each column is the member of its name.
	mapping *event.Mapping
	// decoders has decoders that follow the mapping: they keep what they learned of its messages.
	decoders *sync.Pool
	files    []rowfile.Column
	counts   *sourceCounts
}

// sourceCounts are what came by HTTP for a data source.
type sourceCounts struct{ rows, quarantined, bytes atomic.Uint64 }

func (c *sourceCounts) stored(done engine.Appended, bytes int64) {
	c.bytes.Add(uint64(bytes))
	if !done.Duplicate {
		c.rows.Add(uint64(done.Successful))
		c.quarantined.Add(uint64(done.Quarantined))
	}
}

// store stores what was sent to the data source.
func (src *source) store(ctx context.Context, store Store, from *intake, key engine.Key) (engine.Appended, error) {
	var o engine.Origin
	if !src.builtIn() {
		o.Source = src.name
	}
	return src.append(ctx, store, from, key, o)
}

// inStore reports whether a store has the data source.
func (src *source) inStore(store any) bool {
	return src.in(store) && (src.builtIn() || is[OriginStore](store))
}

// is tells whether a store is also an S.
func is[S any](store any) bool {
	_, ok := store.(S)
	return ok
}

// builtIn reports whether every server has the data source.
func (src *source) builtIn() bool { return src.name == src.rowType.name }

// sources are the data sources of a server. They do not change: a request goes on with those that it began with.
type sources struct {
	// list begins with those that every server has; the others follow by name.
	list   []*source
	byName map[string]*source
	// grants are the rights that data sources give to tokens, by the names of these.
	grants map[string][]auth.Scope
	// set is the pipes: those that every server has, those of the project, and the quarantines of these data sources.
	set *pipes.Set
	// withheld is what the project declares beside these.
	withheld Withheld
	// version counts the changes up to these.
	version uint64
}

// Withheld are the names of data sources and pipes that a project declares and the server cannot have: who asks for one is told to come
// again, and not that it does not exist, nor answered by what the server itself has under the name. All is set where the names are not
// known: then they are all those that the server does not have.
type Withheld struct {
	Datasources, Pipes []string
	All                bool
}

// withheldRetry is after how many seconds who asks for something withheld is told to come again: people mend it.
const withheldRetry = 30

// refusal is the answer to who asks for a name that is withheld, nil for others. has tells whether the server has the name.
func (w *Withheld) refusal(names []string, name string, has bool) error {
	if !slices.Contains(names, name) && (has || !w.All) {
		return nil
	}
	e := problem.New(fasthttp.StatusServiceUnavailable, "deployments",
		"%s may be of the project that is deployed, which cannot be used at the moment; send this again later", problem.Shown(name))
	e.RetryAfter = withheldRetry
	return e
}

// deploy gives the data sources the pipes of a project; a nil one has none.
func (s *sources) deploy(project endpoint.Set) error {
	if project == nil {
		return nil
	}
	if err := s.set.Deploy(project); err != nil {
		return err
	}
	for _, e := range project.Endpoints() {
		for _, token := range e.Tokens {
			s.grants[token] = append(s.grants[token], auth.Scope{Kind: auth.ReadPipe, Name: e.Name})
		}
	}
	return nil
}

// in returns a data source of a store by name; nil if there is none.
func (s *sources) in(store Store, name string) *source {
	src := s.byName[name]
	if src == nil || !src.inStore(store) {
		return nil
	}
	return src
}

// modelOf tells the model of a line that was rejected by a data source. Of one that there is no more it tells none: what the shape of
// its lines was is not known.
func (s *sources) modelOf(name string, line []byte) (model string, ok bool) {
	switch src := s.byName[name]; {
	case src == nil:
		return "", false
	case src.mapping == nil:
		return event.ModelOf(line)
	default:
		return src.mapping.ModelOf(line)
	}
}

// newSources returns the data sources that every server has, and those of a list. What is as it was before is taken from there, with
// what its decoders learned; counts go on.
func newSources(list []Datasource, before *sources) (*sources, error) {
	s := &sources{byName: map[string]*source{}, grants: map[string][]auth.Scope{}}
	for i := range rowTypes {
		s.add(&source{rowType: &rowTypes[i], name: rowTypes[i].name, files: rowTypes[i].file()}, before)
	}
	if before != nil {
		s.version = before.version + 1
	}
	declared := map[string]bool{}
	for i := range list {
		d := &list[i]
		if declared[d.Name] {
			return nil, fmt.Errorf("%w %q: it is there twice", ErrDatasource, d.Name)
		}
		declared[d.Name] = true
		src, err := newSource(d, s.byName[d.Name])
		if err != nil {
			return nil, fmt.Errorf("%w %q: %w", ErrDatasource, d.Name, err)
		}
		s.add(src, before)
		for _, grant := range d.Grants {
			kind := auth.ReadSource
			if grant.Append {
				kind = auth.AppendSource
			}
			s.grants[grant.Token] = append(s.grants[grant.Token], auth.Scope{Kind: kind, Name: d.Name})
		}
	}
	slices.SortFunc(s.list[len(rowTypes):], func(a, b *source) int { return cmp.Compare(a.name, b.name) })
	var further []pipes.Quarantine
	for _, src := range s.list[len(rowTypes):] {
		further = append(further, pipes.Quarantine{Source: src.name, In: src.inStore})
	}
	s.set = pipes.NewSet(further)
	return s, nil
}

// newSource returns a data source; builtIn is the one of its name that every server has, nil for others.
func newSource(d *Datasource, builtIn *source) (*source, error) {
	if !auth.PlainName(d.Name) || strings.HasSuffix(d.Name, pipes.QuarantineSuffix) {
		return nil, fmt.Errorf("the name must be 1 to 128 letters, digits, dots, dashes and underscores, and not end with %s", pipes.QuarantineSuffix)
	}
	if _, err := event.NewMappedDecoder(&d.Mapping); err != nil {
		return nil, err
	}
	of := &rowTypes[0]
	if d.Mapping.Actuals {
		of = &rowTypes[1]
	}
	if builtIn != nil && builtIn.rowType != of {
		return nil, fmt.Errorf("its columns are those of %s", of.name)
	}
	m := d.Mapping
	m.Columns = slices.Clone(m.Columns)
	return &source{rowType: of, name: d.Name, description: d.Description, mapping: &m, files: rowfile.Mapped(&m)}, nil
}

// add adds a data source, or puts it in the place of the one of its name.
func (s *sources) add(src *source, before *sources) {
	var was *source
	if before != nil {
		was = before.byName[src.name]
	}
	if was != nil {
		src.counts = was.counts
	} else {
		src.counts = &sourceCounts{}
	}
	switch {
	case src.mapping == nil:
	case was != nil && was.mapping != nil && was.mapping.Equal(src.mapping):
		src.decoders = was.decoders
	default:
		src.decoders = &sync.Pool{New: src.newDecoder}
	}
	if s.byName[src.name] == nil {
		s.list = append(s.list, src)
	} else {
		s.list[slices.Index(s.list, s.byName[src.name])] = src
	}
	s.byName[src.name] = src
}

func (src *source) newDecoder() any {
	d, err := event.NewMappedDecoder(src.mapping)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return d
}

// Scopes returns every right to data sources and pipes that there is to have.
func (s *sources) Scopes() []string {
	list := []string{auth.Scope{Kind: auth.Admin}.String(), auth.Scope{Kind: auth.Deploy}.String()}
	for _, src := range s.list {
		for _, kind := range [...]auth.Kind{auth.AppendSource, auth.ReadSource, auth.DeleteSource} {
			list = append(list, auth.Scope{Kind: kind, Name: src.name}.String())
		}
	}
	for p := range s.set.All() {
		list = append(list, auth.Scope{Kind: auth.ReadPipe, Name: p.Name}.String())
	}
	return slices.Clip(list)
}

// Granted are the rights that the project gives to the token of a name.
func (s *sources) Granted(token string) []auth.Scope { return s.grants[token] }

// PipesTaken returns the endpoints of a set that have the names of pipes which the server has itself, and does not give up.
func PipesTaken(list []Datasource, set endpoint.Set) (taken []endpoint.Endpoint, err error) {
	all, err := newSources(list, nil)
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	for _, e := range set.Endpoints() {
		if all.set.Takes(e.Name) {
			taken = append(taken, e)
		}
	}
	return taken, nil
}

// CheckProject returns the error of [Server.SetProject], and gives a project to nobody.
func CheckProject(list []Datasource, set endpoint.Set) error {
	all, err := newSources(list, nil)
	if err == nil {
		err = all.deploy(set)
	}
	if err != nil {
		return fmt.Errorf("httpapi: %w", err)
	}
	return nil
}

// SetDatasources is [Server.SetProject] with the pipes that the server has.
func (s *Server) SetDatasources(list []Datasource) error {
	now := s.sources.Load()
	return s.SetPart(list, now.set.Project, now.withheld)
}

// SetProject gives the server data sources and pipes beside those that every server has, in the place of those of the call before: both at
// once. A nil set is one without pipes, and without SQL. Requests under way finish with what they began with. After an error, of class
// [ErrDatasource] or [ErrPipe], all is as it was.
func (s *Server) SetProject(list []Datasource, set endpoint.Set) error {
	return s.SetPart(list, set, Withheld{})
}

// SetPart is [Server.SetProject] for what a server can have of a project that it cannot have as a whole.
func (s *Server) SetPart(list []Datasource, set endpoint.Set, withheld Withheld) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := newSources(list, s.sources.Load())
	if err == nil {
		err = next.deploy(set)
	}
	if err != nil {
		return fmt.Errorf("httpapi: %w", err)
	}
	next.withheld = withheld
	s.sources.Store(next)
	return nil
}

// checkSource refuses what sourceNamed does.
func (s *Server) checkSource(c *call) error {
	_, err := s.sourceNamed(c)
	return err
}

// sourceNamed finds the data source that the parameter name names, and checks that the token may append to it.
func (s *Server) sourceNamed(c *call) (*source, error) {
	name, given, err := c.Params.Text("name")
	if err != nil {
		return nil, err
	}
	if !given || len(name) == 0 {
		return nil, problem.BadParameter("the parameter name is missing; it names the data source, such as %s", predictionsName)
	}
	src, err := c.source(string(name))
	if err != nil {
		return nil, err
	}
	return src, c.Principal.Allow(auth.Scope{Kind: auth.AppendSource, Name: src.name})
}

// source finds a data source of the call's store.
func (c *call) source(name string) (*source, error) {
	src := c.sources.in(c.store, name)
	if err := c.sources.withheld.refusal(c.sources.withheld.Datasources, name, src != nil); err != nil {
		return nil, err
	}
	if src == nil {
		return nil, problem.NotFound("the data source %s does not exist; GET /v0/datasources lists those that do", problem.Shown(name))
	}
	return src, nil
}

// postSync serves POST /v0/datasources/<name>/sync: the connector of the data source looks for what is new.
func (s *Server) postSync(c *call) error {
	name, _ := cutSource(string(c.Target.Path))
	src, err := c.source(name)
	if err != nil {
		return err
	}
	if err := c.Principal.Allow(auth.Scope{Kind: auth.AppendSource, Name: src.name}); err != nil {
		return err
	}
	if c.Principal.Within != "" {
		return problem.Forbidden("the token %s is bounded to models, and what is fetched is of any", problem.Shown(c.Principal.Name))
	}
	asked := false
	if s.opts.Connectors != nil {
		if asked, err = s.opts.Connectors.Ask(src.name); err != nil {
			return err
		}
	}
	if !asked {
		return problem.BadRequest("the data source %s has no connector", problem.Shown(src.name))
	}
	if err := c.SendJSON(map[string]string{"datasource": src.name, "status": "asked"}); err != nil {
		return err
	}
	c.Ctx.SetStatusCode(fasthttp.StatusAccepted)
	return nil
}
