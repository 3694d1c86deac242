package verify

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/policy"
)

// none is an absent time. It is before every other.
const none = instant.None

// Lengths of time of the contract, ms.
const (
	day   = 24 * 60 * 60 * 1000
	grace = 7 * day // how long after its horizon an order is folded
)

// rules is the policy in numbers, durations in ms.
type rules struct {
	window, horizon                  int64
	active, churn, engaged, prospect int64
	skew                             int64
	loyal, ledger                    int
	currency                         string
	decimals                         int
	policy                           []byte // as it stands in a change
}

func newRules(p *policy.Policy) (*rules, error) {
	decimals, ok := money.Decimals(p.BaseCurrency)
	if !ok {
		return nil, fmt.Errorf("reading the policy: %q is no currency", p.BaseCurrency)
	}
	r := &rules{
		window: int64(p.Window), horizon: int64(p.Window),
		active: int64(p.Lifecycle.ActiveWithin), churn: int64(p.Lifecycle.ChurnAfter),
		engaged: int64(p.Lifecycle.EngagedWithin), prospect: int64(p.Lifecycle.ProspectChurnAfter),
		skew: int64(p.MaxFutureSkew), loyal: p.Lifecycle.LoyalOrders, ledger: p.MaxLedgerOrders,
		currency: p.BaseCurrency, decimals: decimals,
	}
	if late := int64(p.LateHorizon); late > r.horizon {
		r.horizon = late
	}
	r.policy = append(r.policy, `{"name":`...)
	r.policy = appendText(r.policy, p.Name)
	r.policy = append(r.policy, `,"version":`...)
	r.policy = append(appendText(r.policy, p.Version()), '}')
	return r, nil
}

// add sums amounts, none of which is negative, and stays at int64's end.
func add(a, b int64) int64 {
	sum, carry := bits.Add64(uint64(a), uint64(b), 0)
	if carry != 0 || sum > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(sum)
}

// appendText writes a JSON string in which nothing is escaped that need not be.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		default:
			dst = appendControl(dst, c)
		}
	}
	return append(dst, '"')
}

func appendControl(dst []byte, c byte) []byte {
	switch c {
	case '\b':
		return append(dst, `\b`...)
	case '\t':
		return append(dst, `\t`...)
	case '\n':
		return append(dst, `\n`...)
	case '\f':
		return append(dst, `\f`...)
	case '\r':
		return append(dst, `\r`...)
	}
	return fmt.Appendf(dst, `\u%04x`, c)
}

// appendTime writes an instant as changes have it, null where there is none.
func appendTime(dst []byte, ms int64) []byte {
	if ms == none {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	return append(instant.Append(dst, ms), '"')
}

// when is an instant for people.
func when(ms int64) string {
	if ms == none {
		return "none"
	}
	return instant.Format(ms)
}

// sum is an amount for people.
func (r *rules) sum(minor int64) string { return string(money.Append(nil, minor, r.decimals)) }

// quote is a text for people, whatever is in it.
func quote(s string) string {
	raw, _ := json.Marshal(s) // a string always has a JSON form
	return string(raw)
}

// parseInstant reads an instant of a stored line; one beyond the year 9999 is no
// time that has come.
func parseInstant(text string) (int64, bool) { return instant.Parse(text) }
