package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/tidemark/tidemark/pkg/policy"
)

// complete names every setting, with its default.
const complete = `
name: default
partitioner: murmur2
base_currency: EUR
rates: {}
max_future_skew: 1h
max_event_bytes: 1048576
window: 365d
late_horizon: 0d
max_ledger_orders: 512
lifecycle: {loyal_orders: 3, active_within: 90d, churn_after: 180d, engaged_within: 30d, prospect_churn_after: 90d}
`

func TestDefaultsAreWhatTheyAreSaidToBe(t *testing.T) {
	require.Equal(t, policy.Default(), read(t, complete))
}

func TestWhatIsLeftOutKeepsTheDefault(t *testing.T) {
	for _, document := range []string{"", "# nothing\n", "---\n", "{}", "null", "lifecycle:\nrates:\n", "lifecycle: {}"} {
		require.Equal(t, policy.Default(), read(t, document), "%q", document)
	}
}

func TestParseReadsEverySetting(t *testing.T) {
	require.Equal(t, &policy.Policy{
		Name:            "shop 2026",
		Partitioner:     "crc32",
		BaseCurrency:    "CHF",
		Rates:           map[string]string{"EUR": "0.95", "JPY": "0.0055"},
		MaxFutureSkew:   90 * policy.Second,
		MaxEventBytes:   1000,
		Window:          30 * policy.Day,
		LateHorizon:     45 * policy.Day,
		MaxLedgerOrders: 7,
		Lifecycle: policy.Lifecycle{
			LoyalOrders: 2, ActiveWithin: policy.Day, ChurnAfter: 2 * policy.Day, EngagedWithin: 3 * policy.Hour, ProspectChurnAfter: 4,
		},
	}, read(t, `
lifecycle:
  prospect_churn_after: 4ms
  engaged_within: 3h
  churn_after: &day 2d
  active_within: 24h
  loyal_orders: 2
max_ledger_orders: 7
late_horizon: 45d
window: 30d
max_event_bytes: 1000
max_future_skew: 90s
rates:
  EUR: "0.95"
  JPY: 0.0055
base_currency: CHF
partitioner: crc32
name: shop 2026
`))
}

func TestAnAliasIsWhatItStandsFor(t *testing.T) {
	p := read(t, "window: &long 700d\nlate_horizon: *long\n")
	require.Equal(t, 700*policy.Day, p.LateHorizon)
}

func TestParseListsAllProblemsWithTheirLines(t *testing.T) {
	for name, test := range map[string]struct {
		document string
		want     []string
	}{
		"unknown settings": {
			"name: shop\nwindows: 365d\nlifecycle:\n  loyal: 3\n  lifecycle: {}\nWindow: 1d\n",
			[]string{"line 2: windows: unknown setting", "line 4: lifecycle.loyal: unknown setting", "line 5: lifecycle.lifecycle: unknown setting", "line 6: Window: unknown setting"},
		},
		"nesting cannot be written on one line": {
			"lifecycle.loyal_orders: 2\nrates.USD: 1\n",
			[]string{"line 1: lifecycle.loyal_orders: unknown setting", "line 2: rates.USD: unknown setting"},
		},
		"given twice": {
			"window: 1d\nrates:\n  USD: 1\n  USD: 2\nwindow: 2d\n",
			[]string{"line 4: rates.USD: given twice, first on line 3", "line 5: window: given twice, first on line 1"},
		},
		"of the wrong kind": {
			"name: [a]\nmax_event_bytes: 1e6\nmax_ledger_orders: 010\nwindow: 365\nlate_horizon: {a: b}\nrates: 0.92\nlifecycle: [1]\n",
			[]string{
				"line 1: name: must be a single value",
				`line 2: max_event_bytes: "1e6" is not a whole number`,
				`line 3: max_ledger_orders: "010" is not a whole number`,
				`line 4: window: "365" is not a whole number with one unit, such as 365d, 36h, 90m, 30s or 250ms`,
				"line 5: late_horizon: must be a single value",
				"line 6: rates: must be a mapping of names to values",
				"line 7: lifecycle: must be a mapping of names to values",
			},
		},
		"without a value": {
			"name:\nwindow: ~\nrates:\n  USD:\n",
			[]string{
				"line 1: name: has no value: give one, or remove the key for the default",
				"line 2: window: has no value: give one, or remove the key for the default",
				"line 4: rates.USD: has no value: give one, or remove the key for the default",
			},
		},
		"tagged": {
			"name: !!binary aGVsbG8=\nwindow: !days 3\n",
			[]string{"line 1: name: must be a plain value without the tag !!binary", "line 2: window: must be a plain value without the tag !days"},
		},
		"keys that are no names": {
			"[a]: 1\n? {b: c}\n: 2\n1: 2\n",
			[]string{"line 1: a key must be a plain name", "line 2: a key must be a plain name", "line 4: 1: unknown setting"},
		},
		"merged": {
			"lifecycle: &l {loyal_orders: 2}\n<<: *l\n",
			[]string{"line 2: <<: unknown setting"},
		},
		"within itself": {
			"lifecycle: &l\n  loyal_orders: *l\n",
			[]string{"line 2: lifecycle.loyal_orders: must be a single value"},
		},
		"refused by Validate": {
			"base_currency: EUR\nrates:\n  EUR: 1\n  USD: 0\nwindow: 0d\nlifecycle:\n\n  loyal_orders: 0\npartitioner: java\n",
			[]string{
				"line 3: rates.EUR: this is the base currency, which has no rate: remove it",
				"line 4: rates.USD: the rate is not greater than 0: give EUR for one USD",
				"line 5: window: 0d holds no order: use at least 1ms",
				"line 8: lifecycle.loyal_orders: must be at least 1",
				`line 9: partitioner: unknown partitioner "java": use murmur2 (the Java client), crc32 or fnv1a (librdkafka)`,
			},
		},
		"no mapping":         {"- name: shop\n", []string{"line 1: must be a mapping of names to values"}},
		"no YAML":            {"name: shop\nwindow: [\n", []string{"line 2: not YAML: did not find expected node content"}},
		"two documents":      {"name: shop\n---\nname: other\n", []string{"more than one YAML document: keep one"}},
		"rubbish afterwards": {"name: shop\n---\n{", []string{"more than one YAML document: keep one"}},
		"control characters": {"name: \x00\n", []string{"not YAML: control characters are not allowed"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, list := policy.Parse([]byte(test.document))
			require.Equal(t, test.want, problems(list))
			require.Nil(t, p)
		})
	}
}

func TestParseNodeReadsAPartOfADocument(t *testing.T) {
	var document struct{ Policy yaml.Node }
	require.NoError(t, yaml.Unmarshal([]byte("other: 1\npolicy:\n  name: shop\n"), &document))
	p, list := policy.ParseNode(&document.Policy)
	require.Empty(t, list)
	require.Equal(t, "shop", p.Name)

	require.NoError(t, yaml.Unmarshal([]byte("other: 1\npolicy:\n  nome: shop\n"), &document))
	_, list = policy.ParseNode(&document.Policy)
	require.Equal(t, []string{"line 3: nome: unknown setting"}, problems(list))

	p, list = policy.ParseNode(new(yaml.Node)) // left out
	require.Empty(t, list)
	require.Equal(t, policy.Default(), p)
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	p := policy.Default()
	p.Name = "a: [b] # c"
	p.Rates = map[string]string{"USD": "0.92", "JPY": "61e-4"}
	p.Lifecycle.ActiveWithin = 1500
	text, err := yaml.Marshal(p)
	require.NoError(t, err)
	require.Equal(t, p, read(t, string(text)))
}

// Aliases are never expanded, so a document of a kilobyte cannot grow to one of a terabyte.
func TestABombOfAliasesIsHarmless(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for _, c := range "123456789" {
		previous := "*a" + string(c-1)
		bomb.WriteString("a" + string(c) + ": &a" + string(c) + " [" + strings.Repeat(previous+", ", 9) + previous + "]\n")
	}
	_, list := policy.Parse([]byte(bomb.String()))
	require.Len(t, list, 10)
}
