package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/policy"
)

// Namespaces store this: a release in which it moved would be refused by every worker's Redis.
func TestVersionOfTheDefaultStays(t *testing.T) {
	require.Equal(t, "98ba80092f50", policy.Default().Version())
}

func TestVersionDoesNotDependOnTheSpelling(t *testing.T) {
	first := read(t, `
name: shop
base_currency: EUR
rates: {USD: "0.92", GBP: "1.15"}
window: 90d
max_event_bytes: 1000
lifecycle: {loyal_orders: 3, churn_after: 1d}
`)
	second := read(t, `
# the same, by another hand
"lifecycle":
  churn_after: 1440m
rates:
  GBP: 115e-2
  USD: 0.9200
window: 2160h
name: "shop"
max_event_bytes: "1000"
`)
	require.Equal(t, first.Version(), second.Version())
	require.Regexp(t, "^[0-9a-f]{12}$", first.Version())
}

func TestVersionTellsRatesApart(t *testing.T) {
	versions := map[string]string{}
	for _, rates := range []string{
		`{}`, `{USD: "0.92"}`, `{USD: "0.921"}`, `{GBP: "0.92"}`, `{USD: "0.92", GBP: "0.92"}`, `{USD: "9.2"}`, `{USD: "92"}`,
	} {
		version := read(t, "rates: "+rates).Version()
		require.NotContains(t, versions, version, rates)
		versions[version] = rates
	}
}

// Text is quoted before it is hashed: none can pass for a line of another setting.
func TestVersionTellsTextFromSettings(t *testing.T) {
	plain, sly := policy.Default(), policy.Default()
	plain.Name = "a"
	sly.Name = "a\"\npartitioner=\"crc32"
	require.NotEqual(t, plain.Version(), sly.Version())

	split, joined := policy.Default(), policy.Default()
	split.Rates = map[string]string{"A": "1", "B": "2"}
	joined.Rates = map[string]string{"A\"=1e0\nrates.\"B": "2"}
	require.NotEqual(t, split.Version(), joined.Version())
}

func TestVersionOfAnInvalidPolicyIsStillOne(t *testing.T) {
	one, other := policy.Default(), policy.Default()
	one.Rates = map[string]string{"USD": "cheap"}
	other.Rates = map[string]string{"USD": "dear"}
	require.NotEqual(t, one.Version(), other.Version())
}

func read(t *testing.T, document string) *policy.Policy {
	t.Helper()
	p, problems := policy.Parse([]byte(document))
	require.Empty(t, problems)
	return p
}
