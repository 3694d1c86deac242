package service

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pipeline/store"
)

// told is a change with the id that its value must have.
func told(version int, from, to, more string) *kgo.Record {
	quote := func(s string) string {
		if s == "" {
			return "null"
		}
		return `"` + s + `"`
	}
	rest := fmt.Sprintf(`"customer_id":"c-1","version":%d,"from":%s,"to":%s%s}`, version, quote(from), quote(to), more)
	return &kgo.Record{Value: []byte(`{"id":"` + identity([]byte(`{"id":"",`+rest)) + `",` + rest)}
}

func TestChangesThatDoNotAgreeAreFound(t *testing.T) {
	first, second := told(1, "", "potential", ""), told(2, "potential", "edge", "")
	for name, test := range map[string]struct {
		changes []*kgo.Record
		want    Account
	}{
		"all is well":                  {[]*kgo.Record{first, second, told(3, "edge", "churned", "")}, Account{Changes: 3}},
		"repeats, byte by byte":        {[]*kgo.Record{first, second, first, second, told(3, "edge", "churned", "")}, Account{Changes: 3, Repeats: 2}},
		"a customer who was forgotten": {[]*kgo.Record{first, told(2, "potential", "", ""), told(3, "", "potential", "")}, Account{Changes: 3}},
		"one whose tombstone ended":    {[]*kgo.Record{first, told(2, "potential", "", ""), told(1, "", "edge", "")}, Account{Changes: 3}},
		"a version left out":           {[]*kgo.Record{first, told(3, "edge", "churned", "")}, Account{Changes: 2, Lost: 1}},
		"two versions left out":        {[]*kgo.Record{first, told(4, "edge", "churned", "")}, Account{Changes: 2, Lost: 2}},
		"none at the beginning":        {[]*kgo.Record{second}, Account{Changes: 1, Lost: 1}},
		"one version, two contents":    {[]*kgo.Record{first, second, told(2, "potential", "loyal", "")}, Account{Changes: 2, Contradictory: 1}},
		"the first version again":      {[]*kgo.Record{first, told(1, "", "edge", "")}, Account{Changes: 1, Contradictory: 1}},
		"a chain that breaks":          {[]*kgo.Record{first, told(2, "loyal", "edge", "")}, Account{Changes: 2, Contradictory: 1}},
		"an id of something else": {[]*kgo.Record{{Value: []byte(`{"id":"00000000000000000000000000000000","customer_id":"c-1","version":1,"from":null,"to":"edge"}`)}},
			Account{Changes: 1, Contradictory: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var a Account
			c := chronicle{account: &a, people: map[string]*person{}}
			for _, r := range test.changes {
				require.NoError(t, c.add(r))
			}
			require.Equal(t, test.want.Good(), len(a.First) == 0, a.First)
			a.First = nil
			require.Equal(t, test.want, a)
		})
	}
}

func TestRecordsThatNobodyAccountsForAreFound(t *testing.T) {
	counts := func(consumed, applied, stale, dead int64) *store.Counts {
		c := &store.Counts{Consumed: consumed, Applied: applied, Stale: stale}
		c.Dead[1] = dead
		return c
	}
	for name, test := range map[string]struct {
		counts           *store.Counts
		records, letters int64
		want             Account
	}{
		"all is well":             {counts(10, 8, 1, 1), 10, 1, Account{}},
		"a record was passed by":  {counts(9, 7, 1, 1), 10, 1, Account{Lost: 1}},
		"a record counted twice":  {counts(11, 9, 1, 1), 10, 1, Account{Doubled: 1}},
		"one without an outcome":  {counts(10, 7, 1, 1), 10, 1, Account{Lost: 1}},
		"a dead letter is not in": {counts(10, 8, 1, 1), 10, 0, Account{Lost: 1}},
		"one of what was applied": {counts(10, 9, 1, 0), 10, 1, Account{Doubled: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var a Account
			a.compare(place{"clicks", 1}, test.counts, test.records, test.letters)
			require.Equal(t, test.want.Good(), len(a.First) == 0, a.First)
			a.First = nil
			require.Equal(t, test.want, a)
		})
	}
}

func TestIdentityIsTheHashWithoutTheID(t *testing.T) {
	require.Equal(t, "44136fa355b3678a1146ad16f7e8649e", identity([]byte(`{"id":"whatever",}`)), `the SHA-256 of {} begins so`)
}
