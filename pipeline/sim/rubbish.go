package sim

import (
	"strings"

	"github.com/tidemark/tidemark/pipeline/sink"
)

// rubbish are values that must end in the dead letters, with the reason. %c is
// a customer of the partition.
var rubbish = []struct{ reject, value string }{
	{"malformed", ""},
	{"malformed", "{"},
	{"malformed", "[]"},
	{"malformed", "null"},
	{"malformed", "{}{}"},
	{"malformed", "\xef\xbb\xbf{}"},
	{"malformed", "{\"id\":\"\xff\"}"},
	{"malformed", `{"id":"x","type":"click","customer_id":%c,"a":1,"\u0061":2}`},
	{"malformed", `{"id":"\ud800","type":"click","customer_id":%c}`},
	{"missing_field", `{}`},
	{"missing_field", `{"id":"x","customer_id":%c}`},
	{"missing_field", `{"id":"x","type":"click","customer_id":null}`},
	{"missing_field", `{"id":"x","type":"purchase","customer_id":%c}`},
	{"missing_field", `{"id":"x","type":"refund","customer_id":%c}`},
	{"bad_value", `{"id":7,"type":"click","customer_id":%c}`},
	{"bad_value", `{"id":"x","type":"click","customer_id":%c,"occurred_at":"yesterday"}`},
	{"bad_value", `{"id":"x","type":"purchase","customer_id":%c,"amount":-1}`},
	{"bad_value", `{"id":"x","type":"purchase","customer_id":%c,"amount":"0.12345"}`},
	{"bad_value", `{"id":"x","type":"purchase","customer_id":%c,"amount":1e999999999}`},
	{"unknown_type", `{"id":"x","type":"return","customer_id":%c}`},
	{"unknown_currency", `{"id":"x","type":"purchase","customer_id":%c,"amount":1,"currency":"GBP"}`},
	{"oversized", `{"id":"x","type":"click","customer_id":%c,"pad":"%p"}`},
}

// sendRubbish sends a record that is to be rejected.
func (a *author) sendRubbish() {
	draw := rubbish[a.rng.IntN(len(rubbish))]
	customer := oneOf(a.rng, a.regulars...)
	value := strings.ReplaceAll(draw.value, "%c", quoted(customer))
	if draw.reject == "oversized" {
		if a.s.Policy.MaxEventBytes > 1000 {
			return // a mebibyte is too much for a small world
		}
		value = strings.ReplaceAll(value, "%p", strings.Repeat("x", a.s.Policy.MaxEventBytes))
	}
	r := sink.Record{Key: []byte(customer), Value: []byte(value)}
	if value == "" && chance(a.rng, 0.5) {
		r.Value = nil
	}
	if chance(a.rng, 0.2) {
		r.Key = oneOf(a.rng, nil, []byte{}, []byte{0, 0xff})
	}
	where := a.rng.Int32N(a.s.Partitions)
	a.mail(oneOf(a.rng, inputs...), where, r, meaning{reject: draw.reject, fact: fact{at: none}, occurred: none, forwarded: none})
}
