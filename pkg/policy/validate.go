package policy

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/partition"
)

// longest is 10,000 years: more than any log holds, and far from where sums of times would leave int64.
const longest = 3_652_425 * Day

// Validate finds all that is wrong with a policy at once, in the order of the document. It is permissive: every policy
// is allowed under which each customer has exactly one segment at every instant, even one whose active_within is longer
// than its churn_after.
func (p *Policy) Validate() []Problem {
	v := validation{}
	v.name(p.Name)
	v.partitioner(p.Partitioner)
	v.currencies(p.BaseCurrency, p.Rates)
	for _, s := range p.settings() {
		switch value := s.value.(type) {
		case *int:
			v.positive(s.path, *value)
		case *Duration:
			v.duration(s.path, *value)
		}
	}
	if p.Window == 0 {
		v.add("window", "0d holds no order: use at least 1ms")
	}
	return v.problems
}

type validation struct{ problems []Problem }

func (v *validation) add(path, message string) {
	v.problems = append(v.problems, Problem{Path: path, Message: message})
}

func (v *validation) name(name string) {
	switch {
	case name == "":
		v.add("name", "empty: every change names its policy")
	case !utf8.ValidString(name):
		v.add("name", "not valid UTF-8")
	}
}

func (v *validation) partitioner(name string) {
	if _, err := partition.Parse(name); err != nil {
		v.add("partitioner", err.Error())
	}
}

// currencies checks the rates as well as it can where the base currency itself is unknown.
func (v *validation) currencies(base string, rates map[string]string) {
	decimals, known := money.Decimals(base)
	if !known {
		v.add("base_currency", unknownCurrency(base))
	}
	for _, code := range slices.Sorted(maps.Keys(rates)) {
		path := "rates." + code
		digits, ok := money.Decimals(code)
		if !ok {
			v.add(path, unknownCurrency(code))
		}
		if code == base {
			v.add(path, "this is the base currency, which has no rate: remove it")
			continue
		}
		if _, err := money.ParseRate(rates[code], digits, decimals); err != nil {
			v.add(path, "the rate is "+err.Error()+": give "+base+" for one "+code)
		}
	}
}

func unknownCurrency(code string) string {
	return `"` + code + `" is no ISO 4217 currency with a minor unit, such as EUR`
}

func (v *validation) positive(path string, n int) {
	if n < 1 {
		v.add(path, "must be at least 1")
	}
}

func (v *validation) duration(path string, d Duration) {
	switch {
	case d < 0:
		v.add(path, d.String()+" is negative")
	case d > longest:
		v.add(path, d.String()+" is longer than 10,000 years ("+longest.String()+")")
	}
}
