package policy_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/tidemark/tidemark/pkg/policy"
)

// FuzzParse looks for documents that Parse should refuse, or reads otherwise than a plain strict decoding by struct tags
// does (which knows neither paths nor lines, and is laxer here and stricter there).
func FuzzParse(f *testing.F) {
	f.Add([]byte(complete))
	f.Fuzz(func(t *testing.T, document []byte) {
		p, problems := policy.Parse(document)
		if problems != nil {
			require.Nil(t, p)
			for _, problem := range problems {
				require.NotEmpty(t, problem.Message)
				require.True(t, 0 <= problem.Line && problem.Line <= len(document)+2, problem)
			}
			return
		}
		require.Empty(t, p.Validate())

		strict := policy.Default()
		decoder := yaml.NewDecoder(bytes.NewReader(document))
		decoder.KnownFields(true)
		if decoder.Decode(strict) == nil {
			requireSame(t, p, strict)
		}

		text, err := yaml.Marshal(p)
		require.NoError(t, err)
		again, problems := policy.Parse(text)
		require.Empty(t, problems, "%s", text)
		requireSame(t, p, again)
	})
}

func requireSame(t *testing.T, want, got *policy.Policy) {
	t.Helper()
	require.Equal(t, want.Version(), got.Version())
	if len(want.Rates) == 0 && len(got.Rates) == 0 {
		want.Rates, got.Rates = nil, nil
	}
	require.Equal(t, want, got)
}
