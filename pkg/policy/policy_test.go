package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/policy"
)

func TestHorizonIsTheLongerOfWindowAndLateHorizon(t *testing.T) {
	p := policy.Default()
	require.EqualValues(t, 365*86_400_000, p.Horizon())
	p.LateHorizon = 366 * policy.Day
	require.EqualValues(t, 366*86_400_000, p.Horizon())
}

func TestGraceIsAWeek(t *testing.T) {
	require.EqualValues(t, 604_800_000, policy.Grace)
}

func TestDefaultIsValid(t *testing.T) {
	require.Empty(t, policy.Default().Validate())
}

func TestDefaultsAreNotShared(t *testing.T) {
	first := policy.Default()
	first.Lifecycle.LoyalOrders = 99
	first.Rates = map[string]string{"USD": "1"}
	require.Equal(t, 3, policy.Default().Lifecycle.LoyalOrders)
	require.Empty(t, policy.Default().Rates)
}

// problems are shown as a user sees them.
func problems(list []policy.Problem) []string {
	texts := []string{}
	for _, p := range list {
		texts = append(texts, p.String())
	}
	return texts
}

func TestValidateListsAllProblemsAtOnce(t *testing.T) {
	p := &policy.Policy{
		Partitioner:   "random",
		BaseCurrency:  "euro",
		Rates:         map[string]string{"USD": "-1", "XAU": "2000", "GBP": "1.15", "euro": "1"},
		MaxFutureSkew: -policy.Second,
		LateHorizon:   3_652_426 * policy.Day,
		Lifecycle:     policy.Lifecycle{ActiveWithin: -1},
	}
	require.Equal(t, []string{
		"name: empty: every change names its policy",
		`partitioner: unknown partitioner "random": use murmur2 (the Java client), crc32 or fnv1a (librdkafka)`,
		`base_currency: "euro" is no ISO 4217 currency with a minor unit, such as EUR`,
		"rates.USD: the rate is not greater than 0: give euro for one USD",
		`rates.XAU: "XAU" is no ISO 4217 currency with a minor unit, such as EUR`,
		`rates.euro: "euro" is no ISO 4217 currency with a minor unit, such as EUR`,
		"rates.euro: this is the base currency, which has no rate: remove it",
		"max_future_skew: -1s is negative",
		"max_event_bytes: must be at least 1",
		"late_horizon: 3652426d is longer than 10,000 years (3652425d)",
		"max_ledger_orders: must be at least 1",
		"lifecycle.loyal_orders: must be at least 1",
		"lifecycle.active_within: -1ms is negative",
		"window: 0d holds no order: use at least 1ms",
	}, problems(p.Validate()))
}

// Whatever gives each customer one segment at every instant is somebody's policy.
func TestValidateIsPermissive(t *testing.T) {
	for name, change := range map[string]func(*policy.Policy){
		"active longer than churn": func(p *policy.Policy) { p.Lifecycle.ActiveWithin = 2 * p.Lifecycle.ChurnAfter },
		"everything at once":       func(p *policy.Policy) { p.Lifecycle = policy.Lifecycle{LoyalOrders: 1} },
		"the shortest window":      func(p *policy.Policy) { p.Window = policy.Millisecond },
		"the longest window":       func(p *policy.Policy) { p.Window = 3_652_425 * policy.Day },
		"no skew":                  func(p *policy.Policy) { p.MaxFutureSkew = 0 },
		"one order":                func(p *policy.Policy) { p.MaxLedgerOrders = 1 },
		"one byte":                 func(p *policy.Policy) { p.MaxEventBytes = 1 },
		"a rate of any spelling":   func(p *policy.Policy) { p.Rates = map[string]string{"JPY": "61e-4", "BHD": "2.44"} },
		"a base without decimals":  func(p *policy.Policy) { p.BaseCurrency = "JPY" },
		"a name in any script":     func(p *policy.Policy) { p.Name = "Ποσειδῶν" },
	} {
		p := policy.Default()
		change(p)
		require.Empty(t, p.Validate(), name)
	}
}

func TestValidateRefusesANameThatIsNotText(t *testing.T) {
	p := policy.Default()
	p.Name = "caf\xe9"
	require.Equal(t, []string{"name: not valid UTF-8"}, problems(p.Validate()))
}
