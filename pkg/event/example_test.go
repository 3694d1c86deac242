package event_test

import (
	"fmt"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/policy"
)

func ExampleDecoder_Decode() {
	decoder, err := event.NewDecoder(policy.Default())
	if err != nil {
		fmt.Println(err)
		return
	}
	record := event.Record{Timestamp: 1772359200000, Latest: instant.None}
	var ev event.Event
	for _, value := range []string{
		`{"id":"e-1","type":"purchase","customer_id":"c-42","amount":"512.40"}`,
		`{"id":"e-2","type":"purchase","customer_id":"c-42"}`,
		`{"id":"e-3","type":"purchase","customer_id":"c-42","amount":512.405}`,
		`{"id":"e-4","type":"click","id":"e-5"}`,
	} {
		if reason := decoder.Decode([]byte(value), record, &ev); reason != event.OK {
			fmt.Println(reason)
			continue
		}
		fmt.Println(ev.Type, ev.Customer, ev.Amount, instant.Format(ev.Time))
	}
	// Output:
	// purchase c-42 51240 2026-03-01T10:00:00.000Z
	// missing_field
	// bad_value
	// malformed
}
