package customer_test

import (
	"encoding/json"
	"fmt"

	"github.com/tidemark/tidemark/pkg/instant"
)

// occurrence is an event statement: an event and when its record came.
type occurrence struct {
	when     placement
	occurred int64 // explicit `occurred` time; None: when the record came
	again    bool  // the last event's bytes once more
	fields   []field
	topic    string
}

type field struct{ name, value string }

// placement is when a record came: at an instant, or so long after or before the stream time.
type placement struct {
	at    int64 // None: relative
	shift int64
	late  bool // the record comes now, the event happened -shift ago
}

// parseEvent reads `[at TIME | after SPAN | late SPAN] EVENT [occurred TIME]`.
func parseEvent(words []string) (func(*world) error, error) {
	o := occurrence{when: placement{at: instant.None}, occurred: instant.None}
	words, err := o.parsePlacement(words)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("an event is missing; want purchase, refund, click, forget or again")
	}
	if words, err = o.parseOccurred(words); err != nil {
		return nil, err
	}
	if err = o.parseKind(words[0], words[1:]); err != nil {
		return nil, err
	}
	return func(w *world) error { return w.happen(o) }, nil
}

func (o *occurrence) parsePlacement(words []string) (rest []string, err error) {
	switch words[0] {
	case "at", "after", "late":
	default:
		return words, nil
	}
	if len(words) < 2 {
		return nil, fmt.Errorf("%s: a time is missing", words[0])
	}
	switch words[0] {
	case "at":
		o.when.at, err = parseTime(words[1])
	case "after":
		o.when.shift, err = parseSpan(words[1])
	case "late":
		o.when.shift, err = parseSpan(words[1])
		o.when.shift, o.when.late = -o.when.shift, true
	}
	return words[2:], err
}

// parseOccurred takes `occurred TIME` off the end.
func (o *occurrence) parseOccurred(words []string) (rest []string, err error) {
	n := len(words)
	if n < 3 || words[n-2] != "occurred" {
		return words, nil
	}
	o.occurred, err = parseTime(words[n-1])
	return words[:n-2], err
}

// parseKind reads the event itself: its type, its own words, then perhaps `id ID`.
func (o *occurrence) parseKind(kind string, words []string) error {
	o.topic = "purchases"
	names := map[string][]string{ // the event's own words, in order, and how many must be there
		"purchase": {"order_id", "amount", "currency"},
		"refund":   {"order_id", "amount", "currency"},
		"click":    {"action"},
		"forget":   {},
		"again":    {},
	}
	least := map[string]int{"purchase": 2, "refund": 1}
	wanted, known := names[kind]
	if !known {
		return fmt.Errorf("%q is no statement; want scenario, policy, at, after, late, advance, expect or an event", kind)
	}
	if kind == "again" {
		o.again = true
		if len(words) > 0 {
			return fmt.Errorf("again: repeats the last event as it was; %q is too much", words[0])
		}
		return nil
	}
	if kind == "click" {
		o.topic = "clicks"
	}
	o.fields = append(o.fields, field{"type", kind})
	if n := len(words); n >= 2 && words[n-2] == "id" {
		o.fields = append(o.fields, field{"id", words[n-1]})
		words = words[:n-2]
	}
	if len(words) < least[kind] {
		return fmt.Errorf("%s: %s is missing", kind, wanted[len(words)])
	}
	if len(words) > len(wanted) {
		return fmt.Errorf("%s: %q is too much", kind, words[len(wanted)])
	}
	for i, word := range words {
		// A dash leaves the field out: `purchase - 5.00` is an order named by its event.
		if word != "-" {
			o.fields = append(o.fields, field{wanted[i], word})
		}
	}
	return nil
}

// encode gives the event as a producer would send it. Events without an id get one from their place
// in the scenario.
func (o *occurrence) encode(customer string, occurredAt int64, number int) ([]byte, error) {
	value := map[string]string{
		"id":          fmt.Sprintf("e%d", number),
		"customer_id": customer,
		"occurred_at": instant.Format(occurredAt),
	}
	for _, f := range o.fields {
		value[f.name] = f.value
	}
	return json.Marshal(value)
}

// place gives the record's timestamp and the event's own time, at the stream time now.
func (o *occurrence) place(now int64) (timestamp, occurredAt int64, err error) {
	timestamp = o.when.at
	if timestamp == instant.None {
		if now == instant.None {
			return 0, 0, fmt.Errorf("the first event needs `at` and a time")
		}
		timestamp = now
		if !o.when.late {
			timestamp += o.when.shift
		}
	}
	occurredAt = timestamp
	if o.when.late {
		occurredAt += o.when.shift
	}
	if o.occurred != instant.None {
		occurredAt = o.occurred
	}
	return timestamp, occurredAt, nil
}
