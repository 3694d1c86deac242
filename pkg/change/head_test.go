package change_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestParseReadsTheHeadOfWhatAppendWrote(t *testing.T) {
	e := change.NewEncoder(policy.Default())
	rapid.Check(t, func(t *rapid.T) {
		c := drawChange(t)
		value, id := e.Append(nil, &c)
		h, err := change.Parse(value)
		require.NoError(t, err)
		require.Equal(t, change.Head{ID: id, Customer: c.Customer, Version: c.Version, From: c.From, To: c.To, EffectiveAt: c.EffectiveAt}, h)
	})
}

// A newer Tidemark may add members; what a shard needs at take-over is still there.
func TestParsePassesOverWhatItDoesNotKnow(t *testing.T) {
	c := example(t)
	value, id := change.NewEncoder(policy.Default()).Append(nil, &c)
	h, err := change.Parse([]byte(strings.Replace(string(value), `,"cause":`, `,"playbook":{"owner":"ann"},"cause":`, 1)))
	require.NoError(t, err)
	require.Equal(t, id, h.ID)
}

func TestParseRefusesWhatNobodyHereWrote(t *testing.T) {
	c := example(t)
	good, _ := change.NewEncoder(policy.Default()).Append(nil, &c)
	for name, test := range map[string]struct{ old, new, want string }{
		"no JSON":           {`{"id"`, `"id"`, "reading a published change: "},
		"cut":               {`}}`, ``, "reading a published change: "},
		"another dimension": {`"lifecycle"`, `"rfm"`, `dimension "rfm" is not "lifecycle"; was it written by a newer Tidemark?`},
		"no id":             {`"id":`, `"Ide":`, `id "" is not 32 hex digits`},
		"upper case id":     {string(good[7:9]), `AB`, `is not 32 hex digits`},
		"no customer":       {`"c-42"`, `""`, `customer_id is missing`},
		"no version":        {`"version":7`, `"version":0`, `version 0 is below 1`},
		"a fraction":        {`"version":7`, `"version":7.5`, "reading a published change: "},
		"an odd segment":    {`"loyal"`, `"gold"`, `from "gold" is not a segment`},
		"an empty segment":  {`"to":"edge"`, `"to":""`, `to "" is not a segment`},
		"an odd time":       {`"2026-03-01T10`, `"2026-03-01 10`, `effective_at "2026-03-01 10:00:00.000Z" is not a time`},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(string(good), test.old, test.new, 1)
			require.NotEqual(t, string(good), bad)
			_, err := change.Parse([]byte(bad))
			require.ErrorContains(t, err, test.want)
		})
	}
}
