package customer_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/rfm"
)

// expectation compares what is with what the words after `expect` and its own words say. The same
// words in the same spelling are the comparison, so that a failure shows both.
type expectation struct {
	usage string
	words int // after its own, -1: any number
	parse func(words []string) (func(*world) error, error)
}

var expectations = map[string]expectation{
	"no":        {usage: "no segment | no next | no effect [REASON] | no order | no tombstone | no floor", words: -1, parse: parseExpectNo},
	"nothing":   {usage: "nothing [stored]", words: -1, parse: parseExpectNothing},
	"change":    {usage: "change FROM -> TO [at TIME] [by CAUSE]", words: -1, parse: parseExpectChange},
	"next":      {usage: "next SEGMENT at TIME", words: 3, parse: parseExpectNext},
	"version":   {usage: "version N", words: 1, parse: parseExpectVersion},
	"orders":    {usage: "orders N monetary AMOUNT", words: 3, parse: parseExpectOrders},
	"lifetime":  {usage: "lifetime N monetary AMOUNT", words: 3, parse: parseExpectLifetime},
	"ledger":    {usage: "ledger N", words: 1, parse: parseExpectLedger},
	"first":     {usage: "first seen TIME", words: 2, parse: parseExpectFirst},
	"last":      {usage: "last seen|order TIME", words: 2, parse: parseExpectLast},
	"floor":     {usage: "floor TIME", words: 1, parse: parseExpectFloor},
	"forgotten": {usage: "forgotten at TIME", words: 2, parse: parseExpectForgotten},
	"applied":   {usage: "applied", words: 0, parse: parseExpectApplied},
	"rejected":  {usage: "rejected REASON", words: 1, parse: parseExpectRejected},
}

func parseExpect(words []string) (func(*world) error, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("expect: what?")
	}
	if e, ok := expectations[words[0]]; ok {
		if e.words >= 0 && len(words)-1 != e.words {
			return nil, fmt.Errorf("expect: want `expect %s`", e.usage)
		}
		run, err := e.parse(words[1:])
		if err != nil {
			return nil, fmt.Errorf("expect: %w; want `expect %s`", err, e.usage)
		}
		return run, nil
	}
	return parseExpectSegment(words)
}

func parseExpectSegment(words []string) (func(*world) error, error) {
	want, err := parseSegment(words[0])
	if err != nil {
		return nil, fmt.Errorf("expect: %w", err)
	}
	since := instant.None
	if len(words) > 1 {
		if len(words) != 3 || words[1] != "since" {
			return nil, fmt.Errorf("expect: want `expect SEGMENT [since TIME]`")
		}
		if since, err = parseTime(words[2]); err != nil {
			return nil, fmt.Errorf("expect: %w", err)
		}
	}
	return func(w *world) error {
		if w.customer.Segment != want {
			return isInstead(name(w.customer.Segment))
		}
		if since != instant.None && w.customer.Since != since {
			return fmt.Errorf("it is since %s", clock(w.customer.Since))
		}
		return nil
	}, nil
}

func parseExpectNo(words []string) (func(*world) error, error) {
	var absent func(w *world) int64
	switch strings.Join(words, " ") {
	case "segment":
		return parseExpectSegment([]string{"none"})
	case "next":
		absent = func(w *world) int64 { return w.customer.NextAt }
	case "order":
		absent = func(w *world) int64 { return w.summary().LastOrder }
	case "tombstone":
		absent = func(w *world) int64 { return w.customer.ForgottenAt }
	case "floor":
		absent = func(w *world) int64 { return w.customer.Floor }
	default:
		return parseExpectNoEffect(words)
	}
	return func(w *world) error { return isTime(instant.None, absent(w)) }, nil
}

// outcomes are the names of how an accepted event can have no effect.
var outcomes = map[string]profile.Outcome{"erased": profile.Erased, "floor": profile.BelowFloor, "stale": profile.Stale}

func parseExpectNoEffect(words []string) (func(*world) error, error) {
	if len(words) == 0 || len(words) > 2 || words[0] != "effect" {
		return nil, fmt.Errorf("no %s", strings.Join(words, " "))
	}
	any := len(words) == 1
	var want profile.Outcome
	if !any {
		var known bool
		if want, known = outcomes[words[1]]; !known {
			return nil, fmt.Errorf("%q is no reason; know erased, floor, stale", words[1])
		}
	}
	return func(w *world) error {
		if w.reason != event.OK {
			return isInstead("rejected as " + w.reason.String())
		}
		if w.outcome == profile.Applied || !any && w.outcome != want {
			return isInstead(outcomeName(w.outcome))
		}
		return nil
	}, nil
}

func outcomeName(o profile.Outcome) string {
	for name, outcome := range outcomes {
		if outcome == o {
			return "without effect: " + name
		}
	}
	return "applied"
}

func parseExpectApplied([]string) (func(*world) error, error) {
	return func(w *world) error {
		if w.reason != event.OK {
			return isInstead("rejected as " + w.reason.String())
		}
		if w.outcome != profile.Applied {
			return isInstead(outcomeName(w.outcome))
		}
		return nil
	}, nil
}

func parseExpectRejected(words []string) (func(*world) error, error) {
	i := slices.IndexFunc(event.Reasons[:], func(r event.Reason) bool { return r.String() == words[0] })
	if i < 0 {
		return nil, fmt.Errorf("%q is no reason for a dead letter", words[0])
	}
	return func(w *world) error {
		if w.reason != event.Reasons[i] {
			return isInstead("rejected as " + w.reason.String())
		}
		return nil
	}, nil
}

func parseExpectNothing(words []string) (func(*world) error, error) {
	switch strings.Join(words, " ") {
	case "":
		return func(w *world) error {
			if len(w.changes) > 0 {
				return fmt.Errorf("published was: %s", describe(&w.changes[0]))
			}
			return nil
		}, nil
	case "stored":
		return func(w *world) error {
			if !w.customer.Empty() {
				return fmt.Errorf("stored is %q", w.customer.Append(nil))
			}
			return nil
		}, nil
	}
	return nil, fmt.Errorf("nothing %s", strings.Join(words, " "))
}

func parseExpectVersion(words []string) (func(*world) error, error) {
	want, err := parseCount(words[0])
	return func(w *world) error { return isCount(want, w.customer.Version) }, err
}

func parseExpectLedger(words []string) (func(*world) error, error) {
	want, err := parseCount(words[0])
	return func(w *world) error { return isCount(want, int64(len(w.customer.Orders))) }, err
}

func parseExpectNext(words []string) (func(*world) error, error) {
	want, err := parseSegment(words[0])
	if err != nil {
		return nil, err
	}
	if words[1] != "at" {
		return nil, fmt.Errorf("%q stands where `at` should", words[1])
	}
	at, err := parseTime(words[2])
	return func(w *world) error {
		if w.customer.Next != want {
			return isInstead(name(w.customer.Next) + " at " + clock(w.customer.NextAt))
		}
		return isTime(at, w.customer.NextAt)
	}, err
}

// sums are a number of orders and their amount.
type sums struct{ orders, amount int64 }

func parseExpectOrders(words []string) (func(*world) error, error) {
	return parseSums(words, func(w *world) sums {
		s := w.summary()
		return sums{s.Orders, s.Monetary}
	})
}

func parseExpectLifetime(words []string) (func(*world) error, error) {
	return parseSums(words, func(w *world) sums {
		return sums{w.customer.Lifetime.Orders, w.customer.Lifetime.Amount}
	})
}

func parseSums(words []string, have func(*world) sums) (func(*world) error, error) {
	want, err := parseCount(words[0])
	if err != nil {
		return nil, err
	}
	if words[1] != "monetary" {
		return nil, fmt.Errorf("%q stands where `monetary` should", words[1])
	}
	return func(w *world) error {
		decimals, _ := money.Decimals(w.policy.BaseCurrency)
		have := have(w)
		amount := string(money.Append(nil, have.amount, decimals))
		if have.orders != want || amount != words[2] {
			return isInstead(fmt.Sprintf("%d monetary %s", have.orders, amount))
		}
		return nil
	}, nil
}

func parseExpectFirst(words []string) (func(*world) error, error) {
	if words[0] != "seen" {
		return nil, fmt.Errorf("first %s", words[0])
	}
	return parseExpectTime(words[1], func(w *world) int64 { return w.customer.FirstSeen })
}

func parseExpectLast(words []string) (func(*world) error, error) {
	switch words[0] {
	case "seen":
		return parseExpectTime(words[1], func(w *world) int64 { return w.customer.LastSeen })
	case "order":
		return parseExpectTime(words[1], func(w *world) int64 { return w.summary().LastOrder })
	}
	return nil, fmt.Errorf("last %s", words[0])
}

func parseExpectFloor(words []string) (func(*world) error, error) {
	return parseExpectTime(words[0], func(w *world) int64 { return w.customer.Floor })
}

func parseExpectForgotten(words []string) (func(*world) error, error) {
	return parseExpectTime(words[1], func(w *world) int64 { return w.customer.ForgottenAt })
}

func parseExpectTime(word string, have func(*world) int64) (func(*world) error, error) {
	want, err := parseTime(word)
	return func(w *world) error { return isTime(want, have(w)) }, err
}

// wantedChange is what `expect change` says; what it leaves out may be anything.
type wantedChange struct {
	text string // FROM -> TO
	at   int64
	by   string
}

func parseExpectChange(words []string) (func(*world) error, error) {
	if len(words) < 3 || words[1] != "->" {
		return nil, fmt.Errorf("change %s", strings.Join(words, " "))
	}
	for _, i := range []int{0, 2} {
		if _, err := parseSegment(words[i]); err != nil {
			return nil, err
		}
	}
	want := wantedChange{text: strings.Join(words[:3], " "), at: instant.None}
	words = words[3:]
	if len(words) >= 2 && words[0] == "at" {
		var err error
		if want.at, err = parseTime(words[1]); err != nil {
			return nil, err
		}
		words = words[2:]
	}
	if len(words) >= 2 && words[0] == "by" {
		want.by, words = strings.Join(words[1:], " "), nil
	}
	if len(words) > 0 {
		return nil, fmt.Errorf("%q is too much", words[0])
	}
	return want.expect, nil
}

// expect compares with the first change of the last statement that no expectation has named.
func (want wantedChange) expect(w *world) error {
	w.strict = true
	if w.named == len(w.changes) {
		return fmt.Errorf("nothing more was published; the segment is %s", name(w.customer.Segment))
	}
	c := &w.changes[w.named]
	w.named++
	if name(c.From)+" -> "+name(c.To) != want.text || want.at != instant.None && c.EffectiveAt != want.at {
		return isInstead(describe(c))
	}
	if want.by != "" && !slices.Contains(causes(c), want.by) {
		return isInstead(describe(c))
	}
	return nil
}

// causes are the ways to name what caused a change, short and long.
func causes(c *change.Change) []string {
	if c.Cause == change.Event {
		return []string{c.EventType.String(), c.EventType.String() + " " + c.EventID}
	}
	return []string{c.Cause.String()}
}

func (w *world) summary() rfm.Summary {
	return rfm.Summarize(&w.customer, w.now, int64(w.policy.Window))
}

func isInstead(have string) error { return fmt.Errorf("it is %s", have) }

func isTime(want, have int64) error {
	if want != have {
		return isInstead(clock(have))
	}
	return nil
}

func isCount(want, have int64) error {
	if want != have {
		return isInstead(fmt.Sprint(have))
	}
	return nil
}
