package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// Once it has seen its senders, a decoder allocates nothing. Where no two lines
// are alike it goes on learning now and then, into memory that grows ever less.
func TestDecodeAllocatesNothing(t *testing.T) {
	for name, build := range bodyShapes() {
		t.Run(name, func(t *testing.T) {
			in := build(t, 3000)
			d := event.NewDecoder()
			var b event.Batch
			requireRows(t, d, &b, in)
			requireRows(t, d, &b, in)
			allocs := testing.AllocsPerRun(5, func() {
				b.Reset()
				if err := d.Decode(&b, in.text, event.NDJSON, event.Rules{}); err != nil {
					t.Fatal(err)
				}
			})
			if name == "shuffled" {
				require.Less(t, allocs, float64(b.Len())/100)
				return
			}
			require.Zero(t, allocs)
		})
	}
}

func TestDecodeActualsAllocatesNothing(t *testing.T) {
	in := bodyShapes()["steady"](t, 1000)
	d := event.NewDecoder()
	var a event.Actuals
	require.NoError(t, d.DecodeActuals(&a, in.text, event.NDJSON, event.Rules{}))
	allocs := testing.AllocsPerRun(5, func() {
		a.Reset()
		if err := d.DecodeActuals(&a, in.text, event.NDJSON, event.Rules{}); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, allocs)
	require.Equal(t, 1000, a.Len())
}

func TestAddAllocatesNothing(t *testing.T) {
	var b event.Batch
	e := sample()
	require.NoError(t, b.Add(e, event.Rules{}))
	allocs := testing.AllocsPerRun(100, func() {
		b.Reset()
		if err := b.Add(e, event.Rules{}); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, allocs)
}
