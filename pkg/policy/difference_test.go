package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/policy"
)

func differences(document string, p *policy.Policy) (all []string) {
	for _, d := range p.Differences(document) {
		all = append(all, d.String())
	}
	return all
}

func TestDifferencesNameWhatDiffers(t *testing.T) {
	theirs := read(t, `
name: strict
rates: {USD: "0.92", GBP: "1.15"}
window: 90d
lifecycle: {churn_after: 36h, loyal_orders: 5}
`)
	ours := read(t, `{name: "a=b", rates: {USD: "0.92", JPY: "0.006"}}`)
	require.Equal(t, []string{
		`name is "strict" there and "a=b" here`,
		`rates.GBP is 115e-2 there and nothing here`,
		`rates.JPY is nothing there and 6e-3 here`,
		`window is 90d there and 365d here`,
		`lifecycle.loyal_orders is 5 there and 3 here`,
		`lifecycle.churn_after is 36h there and 180d here`,
	}, differences(theirs.Document(), ours))
}

func TestEqualPoliciesDifferInNothing(t *testing.T) {
	p := read(t, `{rates: {USD: "0.920"}, window: 24h}`)
	q := read(t, `{rates: {USD: "0.92"}, window: 1d}`)
	require.Empty(t, q.Differences(p.Document()))
	require.Equal(t, p.Version(), q.Version())
}

func TestASettingOfANewerVersionIsADifference(t *testing.T) {
	p := policy.Default()
	require.Equal(t, []string{"tier.gold is 1000 there and nothing here"}, differences(p.Document()+"tier.gold=1000\n", p))
}
