package publish

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/record"
)

// TestDeletionsHold holds what has to wait for a deletion of all models: everything until it has found the models, then those that it
// has still to reach. It waits itself for whatever is deferred.
func TestDeletionsHold(t *testing.T) {
	deletion := func(models ...string) *Publication {
		r := &record.Record{Deletion: &record.Deletion{Window: record.AllTimes, Models: models}}
		return &Publication{record: r, deletion: &deletion{Aim: NewAim(r.Deletion, nil)}}
	}
	var d deferred
	a, b := predictions(t, "a", 1), predictions(t, "b", 1)
	hold := func() [3]bool { return [3]bool{d.hold(a), d.hold(b), d.hold(deletion().record)} }
	require.Equal(t, [3]bool{}, hold())
	d.add(&Publication{record: a})
	require.Equal(t, [3]bool{true, false, true}, hold())
	all := deletion()
	d.add(all)
	require.Equal(t, [3]bool{true, true, true}, hold())
	d.remove()
	require.Equal(t, [3]bool{true, true, true}, hold())
	d.count(all, -1)
	all.deletion.targets = []*catalog.Model{catalog.NewModel("b", new(catalog.Cardinality), new(catalog.Moments))}
	d.count(all, 1)
	require.Equal(t, [3]bool{false, true, true}, hold())
	countName(&d.models, "b", -1)
	all.deletion.targets = all.deletion.targets[:0]
	require.Equal(t, [3]bool{false, false, true}, hold())
	d.remove()
	require.Equal(t, [3]bool{}, hold())
	d.add(deletion("b"))
	require.Equal(t, [3]bool{false, true, true}, hold())
}
