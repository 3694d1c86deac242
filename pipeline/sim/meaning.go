package sim

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
)

// meaning is what a record says, known because it was written that way and not
// because anything decoded it.
type meaning struct {
	reject    string // why it cannot be decoded or is misplaced; "" where it can
	customer  string
	fact      fact  // its time is to be found out
	occurred  int64 // occurred_at, unix ms
	forwarded int64 // header tidemark-timestamp, unix ms
}

// tooLate and the like are the reasons that depend on where a record lies.
const (
	futureDated = "future_dated"
	tooLate     = "too_late"
)

// judge settles a record's event time and whether it is accepted, given its
// timestamp and the greatest event time accepted in its partition before.
func (m *meaning) judge(r *ruleset, timestamp, greatest int64) (reject string, f fact) {
	f = m.fact
	if m.reject != "" {
		return m.reject, f
	}
	if m.forwarded != none && m.forwarded < timestamp {
		timestamp = m.forwarded
	}
	switch {
	case m.occurred == none:
		f.at = timestamp
	case timestamp < 0:
		f.at = m.occurred
	default:
		f.at = min(m.occurred, timestamp)
		if m.occurred > timestamp+r.skew {
			return futureDated, f
		}
	}
	if f.kind != "forget" && greatest != none && f.at <= greatest-r.horizon {
		return tooLate, f
	}
	return "", f
}

// price draws an amount and how it is written.
func (a *author) price(d *draft) {
	base := a.s.Policy.BaseCurrency
	currency := base
	if chance(a.rng, 0.2) {
		currency = "USD"
		d.currency = currency
	} else if d.fact.kind == "purchase" && chance(a.rng, 0.3) {
		d.currency = base
	}
	digits := map[string]int{"EUR": 2, "JPY": 0, "BHD": 3, "USD": 2}
	minor := oneOf(a.rng, 0, 0, 100, 100, 200, 250, 1234, 5000, 99999, a.rng.Int64N(100_000))
	if chance(a.rng, 0.02) && currency == base {
		minor = 9223372036854775807
	}
	d.number = spell(a.rng, minor, digits[currency])
	d.fact.amount = minor
	if currency != base {
		d.fact.amount = convert(minor, a.s.Policy.Rates[currency], digits[base]-digits[currency])
	}
}

// spell writes an amount in one of the ways that JSON has for it.
func spell(rng *rand.Rand, minor int64, digits int) string {
	text := fmt.Sprintf("%0*d", digits+1, minor)
	if digits > 0 {
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	if chance(rng, 0.1) {
		text = fmt.Sprintf("%de-%d", minor, digits)
	}
	if chance(rng, 0.5) {
		return `"` + text + `"`
	}
	return text
}

// convert multiplies by a rate and moves the decimal point, rounding half to
// even.
func convert(minor int64, rate string, shift int) int64 {
	v, _ := new(big.Rat).SetString(rate)
	v.Mul(v, new(big.Rat).SetInt64(minor))
	ten := big.NewRat(10, 1)
	for ; shift > 0; shift-- {
		v.Mul(v, ten)
	}
	for ; shift < 0; shift++ {
		v.Quo(v, ten)
	}
	whole, rest := new(big.Int).QuoRem(v.Num(), v.Denom(), new(big.Int))
	twice := rest.Lsh(rest, 1).Cmp(v.Denom())
	if twice > 0 || twice == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, big.NewInt(1))
	}
	return whole.Int64()
}

// json writes the event as a producer might.
func (d *draft) json(rng *rand.Rand) []byte {
	fields := []string{`"id":` + quoted(d.fact.id), `"type":` + quoted(d.fact.kind), `"customer_id":` + quoted(d.customer)}
	if d.occurred != none {
		fields = append(fields, `"occurred_at":`+quoted(d.when))
	}
	if d.fact.order != "" && !d.bareID {
		fields = append(fields, `"order_id":`+quoted(d.fact.order))
	}
	if d.number != "" {
		fields = append(fields, `"amount":`+d.number)
	}
	if d.currency != "" {
		fields = append(fields, `"currency":`+quoted(d.currency))
	}
	if d.action != "" {
		fields = append(fields, `"action":`+quoted(d.action))
	}
	if chance(rng, 0.2) {
		fields = append(fields, `"properties":{"a":[1,{"b":null}]}`)
	}
	rng.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return []byte("{" + strings.Join(fields, ",") + "}")
}
