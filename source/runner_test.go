package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/source"
)

// mapping is that of events whose members are the columns.
func mapping() event.Mapping {
	var m event.Mapping
	all, _ := m.ColumnNames()
	for _, name := range all {
		m.Columns = append(m.Columns, event.MappedColumn{Name: name, Path: []string{name}})
	}
	return m
}

func TestApplyRefusesAsAWhole(t *testing.T) {
	r := source.NewRunner(nil, source.Options{})
	defer r.Close()
	good := source.Config{Name: "a", Mapping: mapping(), Kafka: &source.Kafka{Servers: []string{"127.0.0.1:1"}, Topic: "t"}}
	err := r.Apply([]source.Config{
		good, good,
		{Name: "b", Mapping: mapping()},
		{Name: "c", Kafka: good.Kafka},
		{Name: "d", Mapping: mapping(), Kafka: &source.Kafka{Servers: []string{"h:1"}, Topic: "t", Mechanism: "PLAIN"}},
		{Name: "e", Mapping: mapping(), Kafka: &source.Kafka{Servers: []string{"h:1"}, Topic: "a/b"}},
	})
	require.ErrorIs(t, err, source.ErrConfig)
	require.ErrorContains(t, err, "data source a is there twice")
	require.ErrorContains(t, err, "data source b: nothing to fetch from")
	require.ErrorContains(t, err, "data source c: event: mapping")
	require.ErrorContains(t, err, "data source d: PLAIN without a user")
	require.ErrorContains(t, err, `data source e: no topic can have the name "a/b"`)
	require.Empty(t, r.Status())
}
