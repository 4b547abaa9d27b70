package freelist_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/internal/freelist"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type value struct{ n int }

func TestListHandsOutTheLastUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l freelist.List[value]
		defer l.Drop()
		require.Zero(t, *l.Get())
		l.Put(&value{1})
		l.Put(&value{2})
		require.Equal(t, 2, l.Get().n)
		require.Equal(t, 1, l.Get().n)
		require.Zero(t, *l.Get())
	})
}

// TestListLetsGo holds that what is needed stays, what is not goes, and that nothing runs behind an empty list.
func TestListLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l freelist.List[value]
		for n := 1; n <= 3; n++ {
			l.Put(&value{n})
		}
		for range 100 { // one value is in use now and then
			x := l.Get()
			require.Equal(t, 3, x.n)
			time.Sleep(100 * time.Millisecond)
			l.Put(x)
		}
		require.Equal(t, 3, l.Get().n)
		require.Zero(t, *l.Get(), "the others went")
		l.Put(&value{4})
		time.Sleep(3 * time.Second)
		require.Zero(t, *l.Get(), "so does the last when nobody needs it")
		l.Put(&value{5})
		require.Equal(t, 5, l.Get().n, "the list goes on")
		l.Put(&value{6})
		l.Drop()
		require.Zero(t, *l.Get())
	})
}

// TestListHasOneUser holds that no value has two users at a time.
func TestListHasOneUser(t *testing.T) {
	var l freelist.List[value]
	defer l.Drop()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				x := l.Get()
				x.n++
				if x.n != 1 {
					t.Errorf("%d users", x.n)
				}
				x.n--
				l.Put(x)
			}
		})
	}
	all.Wait()
}
