package deployments

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Shared is texts under names that several servers have, and read and change at any time. Its methods bound their own time.
type Shared interface {
	// Read returns those of some names that there are, and the version of all, of one moment.
	Read(names ...string) (texts map[string]string, version uint64, err error)
	// Sizes are how many bytes each text has.
	Sizes() (map[string]int64, error)
	// Replace puts other texts in the place of some, all at once and durably, if the version is still the one that was read, and returns whether
	// it was. An empty text removes.
	Replace(version uint64, texts map[string]string) (bool, error)
}

// shared is the shelf of several servers. Guarded by the mutex of its Store.
type shared struct {
	of Shared
	// version is that of the state that the Store has, known whether it has one.
	version uint64
	known   bool
}

// OpenShared returns the deployments that several servers share. There are none before [Store.Refresh].
func OpenShared(of Shared) *Store {
	return &Store{shelf: &shared{of: of}, state: state{Version: formatVersion}}
}

// refreshTries is how often a live deployment is looked for that is gone, because another one has become live meanwhile.
const refreshTries = 3

// Refresh takes over what other servers have changed. After an error all is as it was. A directory has one server, and nothing to take over.
func (s *Store) Refresh() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	of, ok := s.shelf.(*shared)
	if !ok {
		return nil
	}
	for try := 1; ; try++ {
		texts, version, err := of.of.Read(stateName)
		if err != nil || of.known && version == of.version {
			return err
		}
		err = s.take(texts[stateName], try == refreshTries)
		if err == nil {
			of.known, of.version = true, version
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read deployments: %w", err)
		}
	}
}

// take makes a state that another server has written that of the store, with what is live by it, which may be missing for good.
func (s *Store) take(text string, missing bool) error {
	next := &state{Version: formatVersion}
	if text != "" {
		var err error
		if next, err = decodeState([]byte(text)); err != nil {
			return fmt.Errorf("%s: %w", s.shelf.place(stateName), err)
		}
	}
	live, liveErr := s.live, error(nil)
	if live == nil || live.ID != next.Live {
		live = nil
	}
	if live == nil && next.Live != 0 {
		live, liveErr = s.read(next.Live)
		known := errors.Is(liveErr, ErrCorrupt) || errors.Is(liveErr, ErrVersion) || missing && errors.Is(liveErr, fs.ErrNotExist)
		if liveErr != nil && !known {
			return liveErr
		}
	}
	s.state, s.live, s.liveErr, s.sizes = *next, live, liveErr, nil
	return nil
}

func (s *shared) place(name string) string { return name }

func (s *shared) read(id int) ([]byte, error) {
	texts, _, err := s.of.Read(deploymentName(id))
	if err != nil {
		return nil, err
	}
	text, ok := texts[deploymentName(id)]
	if !ok {
		return nil, fmt.Errorf("%s: %w", s.place(deploymentName(id)), fs.ErrNotExist)
	}
	return []byte(text), nil
}

func (s *shared) sizes([]int) (map[int]int64, error) {
	byName, err := s.of.Sizes()
	if err != nil {
		return nil, err
	}
	sizes := map[int]int64{}
	for name, size := range byName {
		if id, ok := numberIn(name); ok {
			sizes[id] = size
		}
	}
	return sizes, nil
}

// commit has the files of deployments that are not kept go with the same change.
func (s *shared) commit(c *commit) error {
	sizes, err := s.sizes(nil)
	if err != nil {
		return err
	}
	texts := map[string]string{stateName: string(c.state)}
	for id := range sizes {
		if !slices.Contains(c.kept, id) {
			texts[deploymentName(id)] = ""
		}
	}
	if c.file != nil {
		texts[deploymentName(c.id)] = string(c.file)
	}
	done, err := s.of.Replace(s.version, texts)
	switch {
	case err != nil:
		return err
	case !done:
		return fmt.Errorf("%w: another server has changed the deployments meanwhile", ErrBusy)
	}
	s.version++
	return nil
}
