package policy_test

import (
	"fmt"

	"github.com/tidemark/tidemark/pkg/policy"
)

func ExampleParse() {
	_, problems := policy.Parse([]byte(`
window: 365
rates: {USD: "0.92", EUR: "1"}
lifecycle:
  loyal_order: 3
`))
	for _, problem := range problems {
		fmt.Println(problem)
	}
	// Output:
	// line 2: window: "365" is not a whole number with one unit, such as 365d, 36h, 90m, 30s or 250ms
	// line 3: rates.EUR: this is the base currency, which has no rate: remove it
	// line 5: lifecycle.loyal_order: unknown setting
}
