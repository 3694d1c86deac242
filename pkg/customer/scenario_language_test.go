package customer_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A slip of the pen must name its line and say what was wanted: the files are written by people who
// do not read this package.
func TestScenarioParseErrors(t *testing.T) {
	tests := map[string]struct{ line, want string }{
		"unknown word":       {"buy o-1 10.00", `"buy" is no statement; want scenario, policy, at, after, late, advance, expect or an event`},
		"nameless":           {"scenario", `a scenario needs a name`},
		"name taken":         {"scenario one", `scenario "one" is already in line 1`},
		"no event":           {"at 2026-01-01", `an event is missing; want purchase, refund, click, forget or again`},
		"no time":            {"at", `at: a time is missing`},
		"no such day":        {"at 2026-02-30 click", `"2026-02-30" is no time; want 2026-01-31 or 2026-01-31T10:00:00.000Z`},
		"no such span":       {"after 3w click", `"3w" is no span of time; want 90d, 36h, 5m, 30s, 250ms, or a sum such as 90d-1ms`},
		"long span":          {"advance 99999999999999999999d", `"99999999999999999999d" is too long a span of time`},
		"amount missing":     {"purchase o-1", `purchase: amount is missing`},
		"order missing":      {"refund", `refund: order_id is missing`},
		"too many words":     {"refund o-1 5.00 EUR r-1", `refund: "r-1" is too much`},
		"again with words":   {"again o-1", `again: repeats the last event as it was; "o-1" is too much`},
		"advance whereto":    {"advance to", `advance: want a span or ` + "`to`" + ` and a time, as in ` + "`advance 90d-1ms`"},
		"policy alone":       {"policy window", "policy: want a setting and its value, as in `policy window 30d` or `policy rates USD 0.92`"},
		"expect what":        {"expect", `expect: what?`},
		"expect no segment":  {"expect gold", `expect: "gold" is no segment; want loyal, potential, edge, churned or none`},
		"expect no arrow":    {"expect change edge churned", "expect: change edge churned; want `expect change FROM -> TO [at TIME] [by CAUSE]`"},
		"expect no such":     {"expect change edge -> gold", "expect: \"gold\" is no segment; want loyal, potential, edge, churned or none; want `expect change FROM -> TO [at TIME] [by CAUSE]`"},
		"expect no number":   {"expect version first", "expect: \"first\" is no count; want a whole number from 0; want `expect version N`"},
		"expect half":        {"expect orders 2", "expect: want `expect orders N monetary AMOUNT`"},
		"expect no reason":   {"expect rejected late", "expect: \"late\" is no reason for a dead letter; want `expect rejected REASON`"},
		"expect no such no":  {"expect no idea", "expect: no idea; want `expect no segment | no next | no effect [REASON] | no order | no tombstone | no floor`"},
		"expect no why":      {"expect no effect tired", "expect: \"tired\" is no reason; know erased, floor, stale; want `expect no segment | no next | no effect [REASON] | no order | no tombstone | no floor`"},
		"expect since when":  {"expect edge from 2026-01-01", "expect: want `expect SEGMENT [since TIME]`"},
		"expect change junk": {"expect change edge -> churned soon", "expect: \"soon\" is too much; want `expect change FROM -> TO [at TIME] [by CAUSE]`"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseScenarios("some.txt", "scenario one # first\n\n  "+test.line+"\n")
			require.EqualError(t, err, "some.txt:3: "+test.want)
		})
	}
}

func TestScenarioPolicyErrorNamesTheSetting(t *testing.T) {
	for _, line := range []string{"policy window soon", "policy windows 30d", "policy loyal_orders 0", "policy rates EUR 1"} {
		_, err := parseScenarios("some.txt", "scenario one\n"+line)
		require.ErrorContains(t, err, "some.txt:2: policy: ", line)
	}
}

func TestScenarioStatementBeforeTheFirstScenario(t *testing.T) {
	_, err := parseScenarios("some.txt", "# a comment\nclick\n")
	require.EqualError(t, err, `some.txt:2: "click" stands before the first scenario`)
}

// A language whose expectations cannot fail would prove nothing: each of these must.
func TestScenarioFalseExpectationsFail(t *testing.T) {
	const start = "scenario one\nat 2026-01-01 purchase o-1 10.00\n"
	tests := map[string]string{
		"expect edge":                                                "it is potential",
		"expect no segment":                                          "it is potential",
		"expect potential since 2026-01-02":                          "it is since 2026-01-01T00:00:00.000Z",
		"expect nothing":                                             "published was: none -> potential at 2026-01-01T00:00:00.000Z by event purchase e1",
		"expect nothing stored":                                      "stored is",
		"expect change none -> loyal":                                "it is none -> potential",
		"expect change none -> potential at 2026-01-02":              "it is none -> potential",
		"expect change none -> potential by purchase e2":             "it is none -> potential",
		"click\nexpect change potential -> edge":                     "nothing more was published; the segment is potential",
		"expect next edge at 2026-04-02":                             "it is 2026-04-01T00:00:00.000Z",
		"expect next churned at 2026-04-01":                          "it is edge at 2026-04-01T00:00:00.000Z",
		"expect no next":                                             "it is 2026-04-01T00:00:00.000Z",
		"expect no order":                                            "it is 2026-01-01T00:00:00.000Z",
		"expect version 2":                                           "it is 1",
		"expect orders 2 monetary 10.00":                             "it is 1 monetary 10.00",
		"expect orders 1 monetary 10":                                "it is 1 monetary 10.00",
		"expect lifetime 1 monetary 10.00":                           "it is 0 monetary 0.00",
		"expect ledger 0":                                            "it is 1",
		"expect first seen 2026-01-02":                               "it is 2026-01-01T00:00:00.000Z",
		"expect last seen 2026-01-02":                                "it is 2026-01-01T00:00:00.000Z",
		"expect last order 2026-01-02":                               "it is 2026-01-01T00:00:00.000Z",
		"expect floor 2026-01-02":                                    "it is none",
		"expect forgotten at 2026-01-02":                             "it is none",
		"expect no effect":                                           "it is applied",
		"expect rejected bad_value":                                  "it is rejected as ok",
		"purchase o-2 x\nexpect applied":                             "it is rejected as bad_value",
		"purchase o-2 x\nexpect no effect":                           "it is rejected as bad_value",
		"forget\nclick\nexpect applied":                              "it is without effect: erased",
		"forget\nclick\nexpect no effect stale":                      "it is without effect: erased",
		"advance to 2025-01-01":                                      "stream time never goes back; it is 2026-01-01T00:00:00.000Z",
		"policy window 30d":                                          "it stands after the first event",
		"at 2026-07-01 click\nexpect change potential -> edge":       "one more change was published: edge -> churned",
		"advance 180d\nexpect change potential -> edge\nadvance 1ms": "one more change was published: edge -> churned",
	}
	for statements, want := range tests {
		t.Run(strings.ReplaceAll(statements, "\n", "; "), func(t *testing.T) {
			require.ErrorContains(t, playText(t, start+statements), want)
		})
	}
}

func TestScenarioNeedsATimeToBeginWith(t *testing.T) {
	require.EqualError(t, playText(t, "scenario one\nclick"),
		"some.txt:2: click: the first event needs `at` and a time")
	require.EqualError(t, playText(t, "scenario one\nadvance 1d"),
		"some.txt:2: advance 1d: nothing has happened yet; begin with `at` and a time, or `advance to`")
	require.EqualError(t, playText(t, "scenario one\nadvance to 2026-01-01\nagain"),
		"some.txt:3: again: there is no event before it")
}

// playText plays the only scenario of a text.
func playText(t *testing.T, text string) error {
	t.Helper()
	scenarios, err := parseScenarios("some.txt", text)
	require.NoError(t, err)
	require.Len(t, scenarios, 1)
	w, err := newWorld()
	require.NoError(t, err)
	return w.play("some.txt", scenarios[0])
}
