package httpapi

// gate bounds requests inside the store. Like budget it never waits.
type gate struct {
	slots chan struct{}
}

func newGate(slots int) gate { return gate{slots: make(chan struct{}, slots)} }

func (g gate) enter() bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// full tells whether nobody could enter now.
func (g gate) full() bool { return len(g.slots) == cap(g.slots) }

func (g gate) leave() { <-g.slots }

func (g gate) inside() int { return len(g.slots) }
