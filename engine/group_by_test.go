package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseGroupBy(t *testing.T) {
	for names, want := range map[string]Columns{
		"model_id,model_version,environment": 0,
		"environment, model_id":              VersionColumn,
		"model_version":                      ModelColumn | EnvironmentColumn,
		"":                                   allColumns,
		" ":                                  allColumns,
	} {
		got, err := ParseGroupBy(names)
		require.NoError(t, err)
		require.Equal(t, want, got, names)
	}
	for _, names := range []string{"model", "model_id,", ",", "model_id;environment", "Model_ID", "*"} {
		_, err := ParseGroupBy(names)
		require.ErrorIs(t, err, ErrQuery, names)
	}
}
