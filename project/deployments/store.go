package deployments

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/project"
)

// DirName is the directory of a data directory in which a Store has its files.
const DirName = "deployments"

// KeptMax is how many deployments are kept. keptBytesMax bounds the bytes of their files: the oldest go first. livesMax bounds the list
// of what was live.
const (
	KeptMax      = 100
	keptBytesMax = 256 << 20
	livesMax     = 1000
)

// Deployment is a project as it was deployed. It is not changed.
type Deployment struct {
	// ID is its number, from 1.
	ID      int
	Created time.Time
	// By is the name of the token that deployed it, empty where nobody is asked for one.
	By    string
	Files project.Files
}

// Store is the deployments of a data directory, or those that several servers share.
type Store struct {
	mu sync.Mutex
	// Guarded by mu. live is nil as long as nothing is, and where liveErr says why it cannot be read.
	shelf   shelf
	state   state
	live    *Deployment
	liveErr error
	// sizes are of the files of the kept deployments, by number; nil until they are needed.
	sizes map[int]int64
	// doubt is set once it is not known what the disk has.
	doubt error
}

// Open opens the deployments of a data directory. It writes nothing, and a directory without any has none. A live deployment that cannot
// be read is no error of Open, but of [Store.LiveErr]: another one may take its place.
func Open(fsys vfs.FS, dataDir string) (*Store, error) {
	d := &directory{fsys, filepath.Join(dataDir, DirName)}
	s := &Store{shelf: d, state: state{Version: formatVersion}}
	data, err := vfs.ReadFile(fsys, d.place(stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open deployments: %w", err)
	}
	st, err := decodeState(data)
	if err != nil {
		return nil, fmt.Errorf("open deployments: %s: %w", d.place(stateName), err)
	}
	s.state = *st
	if st.Live == 0 {
		return s, nil
	}
	if s.live, err = s.read(st.Live); err != nil {
		s.liveErr = fmt.Errorf("open deployments: %w", err)
	}
	return s, nil
}

// read reads a deployment.
func (s *Store) read(id int) (*Deployment, error) {
	data, err := s.shelf.read(id)
	if err != nil {
		return nil, err
	}
	d, err := decodeDeployment(data, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.shelf.place(deploymentName(id)), err)
	}
	return d, nil
}

// Live returns the deployment that is live; nil if none is, or if it cannot be read.
func (s *Store) Live() *Deployment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

// LiveID returns the number of the deployment that is live; 0 if none is.
func (s *Store) LiveID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Live
}

// LiveErr returns why the live deployment cannot be read; nil if it can, or if none is.
func (s *Store) LiveErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.liveErr
}

// Staged returns the number of the deployment that waits to be promoted; 0 if none does.
func (s *Store) Staged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Staged
}

// Last returns the highest number that a deployment had; 0 if there was none.
func (s *Store) Last() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Last
}

// Kept returns the numbers of the deployments that there are, the newest last.
func (s *Store) Kept() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.state.Kept)
}

// Lives returns what became live, and when, the newest last.
func (s *Store) Lives() []Life {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.state.Lives)
}

// Find returns a deployment by its number. Its error may be of class ErrNotFound.
func (s *Store) Find(id int) (*Deployment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(id)
}

// Doubt returns the error of a store that takes no more, because it is not known what the disk has; nil of one that does.
func (s *Store) Doubt() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doubt
}

// find is Find under the mutex.
func (s *Store) find(id int) (*Deployment, error) {
	if s.live != nil && s.live.ID == id {
		return s.live, nil
	}
	if !slices.Contains(s.state.Kept, id) {
		return nil, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	return s.read(id)
}

// Add stores a deployment and returns it with its number, live or staged. It takes the place of the one that was staged.
func (s *Store) Add(d Deployment, live bool) (*Deployment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.ID, d.Created = s.state.Last+1, d.Created.UTC().Truncate(time.Second)
	data, err := encodeDeployment(&d)
	if err != nil {
		return nil, err
	}
	if s.doubt != nil {
		return nil, s.doubt
	}
	next := s.state.clone()
	next.Last, next.Kept, next.Staged = d.ID, append(without(next.Kept, next.Staged), d.ID), d.ID
	if live {
		next.makeLive(d.ID, d.Created, d.By)
	}
	if err := s.commit(next, &commit{id: d.ID, file: data}); err != nil {
		return nil, err
	}
	if live {
		s.live, s.liveErr = &d, nil
	}
	return &d, nil
}

// Promote makes a deployment that is kept live.
func (s *Store) Promote(id int, at time.Time, by string) (*Deployment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doubt != nil { // what the disk has live may be another one than s.state.Live
		return nil, s.doubt
	}
	d, err := s.find(id)
	if err != nil || s.state.Live == id {
		return d, err
	}
	next := s.state.clone()
	next.makeLive(id, at.UTC().Truncate(time.Second), by)
	if err := s.commit(next, &commit{}); err != nil {
		return nil, err
	}
	s.live, s.liveErr = d, nil
	return d, nil
}

// Discard removes a deployment that is not live.
func (s *Store) Discard(id int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.state.Kept, id) {
		return fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	if s.state.Live == id {
		return fmt.Errorf("%w: %d", ErrLive, id)
	}
	next := s.state.clone()
	next.Kept = without(next.Kept, id)
	if next.Staged == id {
		next.Staged = 0
	}
	return s.commit(next, &commit{})
}

func (st *state) clone() *state {
	next := *st
	next.Kept, next.Lives = slices.Clone(st.Kept), slices.Clone(st.Lives)
	return &next
}

// makeLive makes a deployment live.
func (st *state) makeLive(id int, at time.Time, by string) {
	st.Live = id
	if st.Staged == id {
		st.Staged = 0
	}
	st.Lives = append(st.Lives, Life{ID: id, At: at, By: by})
	st.Lives = st.Lives[max(0, len(st.Lives)-livesMax):]
}

func without(list []int, id int) []int {
	return slices.DeleteFunc(list, func(x int) bool { return x == id })
}

// commit makes next the state, with the file in c if there is one.
func (s *Store) commit(next *state, c *commit) (err error) {
	if s.doubt != nil {
		return s.doubt
	}
	if s.sizes == nil {
		if s.sizes, err = s.shelf.sizes(s.state.Kept); err != nil {
			return err
		}
	}
	if c.file != nil {
		s.sizes[c.id] = int64(len(c.file))
	}
	s.trim(next)
	c.kept = next.Kept
	if c.state, err = encode(next); err != nil {
		return err
	}
	if err = s.shelf.commit(c); err != nil {
		if errors.Is(err, ErrUnknown) {
			s.doubt = err
		}
		return err
	}
	s.state = *next
	return nil
}

// trim drops the oldest deployments that are more than may be kept.
func (s *Store) trim(next *state) {
	var bytes int64
	for _, id := range next.Kept {
		bytes += s.sizes[id]
	}
	for i := 0; i < len(next.Kept) && (len(next.Kept) > KeptMax || bytes > keptBytesMax); {
		id := next.Kept[i]
		if id == next.Live || id == next.Staged {
			i++
			continue
		}
		bytes -= s.sizes[id]
		next.Kept = slices.Delete(next.Kept, i, i+1)
	}
}
