package shop

import (
	"strconv"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/money"
)

type kind uint8

const (
	click kind = iota
	purchase
	refund
	forget
	bad // a line that cannot be decoded
)

// happening is one event before it is written down. It is kept small because
// redelivered and late ones wait as such.
type happening struct {
	at       int64  // natural time: what occurred_at says, before the shop's clock is set (shop.go)
	number   uint64 // of its id
	order    uint64
	amount   int64 // cents; whole for a refund of the whole order
	customer uint32
	product  uint16
	kind     kind
	variant  uint8 // the action of a click, the sort of a bad line
}

const whole = -1

var actions = [...]string{"view", "search", "click", "cart_add", "cart_remove", "checkout"}

const (
	view = iota
	search
	pick
	cartAdd
	cartRemove
	checkout
)

// append writes the event as one line of JSON, without the line's end. mark is the
// shop's in its ids, at its occurred_at in unix milliseconds.
func (h *happening) append(dst []byte, mark string, at int64) []byte {
	if h.kind == bad {
		return h.appendBad(dst, at)
	}
	dst = append(dst, `{"id":"e-`...)
	dst = append(dst, mark...)
	dst = strconv.AppendUint(dst, h.number, 10)
	dst = append(dst, `","type":"`...)
	dst = append(dst, h.kind.name()...)
	dst = append(dst, `","customer_id":"c-`...)
	dst = strconv.AppendUint(dst, uint64(h.customer)+1, 10)
	dst = append(dst, `","occurred_at":"`...)
	dst = instant.Append(dst, at)
	dst = append(dst, '"')
	switch h.kind {
	case click:
		dst = h.appendClick(dst)
	case purchase, refund:
		dst = h.appendOrder(dst, mark)
	}
	return append(dst, '}')
}

func (k kind) name() string {
	return [...]string{"click", "purchase", "refund", "forget"}[k]
}

func (h *happening) appendClick(dst []byte) []byte {
	dst = append(dst, `,"action":"`...)
	dst = append(dst, actions[h.variant]...)
	dst = append(dst, '"')
	if h.product > 0 {
		dst = append(dst, `,"properties":{"product":"p-`...)
		dst = strconv.AppendUint(dst, uint64(h.product), 10)
		dst = append(dst, `"}`...)
	}
	return dst
}

func (h *happening) appendOrder(dst []byte, mark string) []byte {
	dst = append(dst, `,"order_id":"o-`...)
	dst = append(dst, mark...)
	dst = strconv.AppendUint(dst, h.order, 10)
	dst = append(dst, '"')
	if h.amount != whole {
		dst = append(dst, `,"amount":"`...)
		dst = money.Append(dst, h.amount, 2)
		dst = append(dst, '"')
	}
	return dst
}
