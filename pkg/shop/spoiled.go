package shop

import (
	"strconv"
	"strings"

	"github.com/tidemark/tidemark/pkg/instant"
)

// spoiled are the lines that cannot be decoded, every reason among them that
// can be read off a line alone but a size above the limit. ID and AT stand for
// an id and an instant of the line's own; x- sets such ids apart.
var spoiled = [...]string{
	// malformed
	``,
	`hello`,
	`null`,
	`["ID"]`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"12.`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"12.50",}`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"12.50"}}`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"12.50","amount":"9.50"}`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":012.50}`,
	`{"id":"ID","type":"purchase","customer_id":"c-` + "\xff" + `","occurred_at":"AT","amount":"12.50"}`,
	`{"id":"ID","type":"purchase","customer_id":"c-\ud83d","occurred_at":"AT","amount":"12.50"}`,
	"\xef\xbb\xbf" + `{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"12.50"}`,
	`{"id":"ID","type":"click","customer_id":"c-1","occurred_at":"AT","properties":` + deep + `}`,
	// missing_field
	`{"type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"12.50"}`,
	`{"id":"ID","customer_id":"c-1","occurred_at":"AT","amount":"12.50"}`,
	`{"id":"ID","type":"click","customer_id":null,"occurred_at":"AT"}`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT"}`,
	`{"id":"ID","type":"refund","customer_id":"c-1","occurred_at":"AT","amount":"12.50"}`,
	// bad_value
	`{"id":17,"type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"12.50"}`,
	`{"id":"ID","type":"purchase","customer_id":"","occurred_at":"AT","amount":"12.50"}`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"yesterday","amount":"12.50"}`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"-12.50"}`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"12.505"}`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"twelve"}`,
	`{"id":"ID","type":"click","customer_id":"c-1","occurred_at":"AT","action":7}`,
	// unknown_type, unknown_currency
	`{"id":"ID","type":"return","customer_id":"c-1","occurred_at":"AT","amount":"12.50"}`,
	`{"id":"ID","type":"purchase","customer_id":"c-1","occurred_at":"AT","amount":"12.50","currency":"XXX"}`,
}

// deep makes an event of 65 levels, one more than is allowed.
var deep = strings.Repeat("[", 64) + strings.Repeat("]", 64)

func (h *happening) appendBad(dst []byte, at int64) []byte {
	line := strings.NewReplacer(
		"ID", "x-"+strconv.FormatUint(h.number, 10),
		"AT", instant.Format(at),
	).Replace(spoiled[h.variant])
	return append(dst, line...)
}
