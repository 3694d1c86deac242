package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/tidemark/tidemark/pkg/money"
)

// move is why and from where a customer comes to the segment that he has now.
type move struct {
	customer  string
	from      state
	at        int64
	kind      string
	eventID   string // of kind event
	eventType string
}

// value is the change that the contract wants for a move of p, whose version is
// that of the change.
func (r *rules) value(p *person, m *move) []byte {
	const idLength = 32
	dst := make([]byte, 0, 512)
	dst = append(dst, `{"customer_id":`...)
	dst = appendText(dst, m.customer)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, p.version, 10)
	dst = append(dst, `,"dimension":"lifecycle","from":`...)
	dst = appendState(dst, m.from)
	dst = append(dst, `,"to":`...)
	dst = appendState(dst, p.segment)
	dst = append(dst, `,"effective_at":`...)
	dst = appendTime(dst, m.at)
	dst = append(dst, `,"cause":{"kind":"`...)
	dst = append(dst, m.kind...)
	dst = append(dst, '"')
	if m.kind == kindEvent {
		dst = append(dst, `,"event_id":`...)
		dst = appendText(dst, m.eventID)
		dst = append(dst, `,"event_type":`...)
		dst = appendText(dst, m.eventType)
	}
	dst = append(dst, `},"policy":`...)
	dst = append(dst, r.policy...)
	dst = append(dst, `,"profile":`...)
	dst = r.appendSummary(dst, p, m.at)
	dst = append(dst, `,"next":`...)
	dst = append(appendNext(dst, p), '}')

	hash := sha256.Sum256(dst)
	out := make([]byte, 0, len(dst)+len(`"id":"",`)+idLength)
	out = append(out, `{"id":"`...)
	out = append(out, hex.EncodeToString(hash[:])[:idLength]...)
	out = append(out, `",`...)
	return append(out, dst[1:]...)
}

func (r *rules) appendSummary(dst []byte, p *person, t int64) []byte {
	if p.segment == nobody {
		return append(dst, "null"...)
	}
	orders, monetary := p.window(r, t)
	dst = append(dst, `{"orders":`...)
	dst = strconv.AppendInt(dst, orders, 10)
	dst = append(dst, `,"monetary":"`...)
	dst = money.Append(dst, monetary, r.decimals)
	dst = append(dst, `","currency":`...)
	dst = appendText(dst, r.currency)
	dst = append(dst, `,"first_seen_at":`...)
	dst = appendTime(dst, p.first)
	dst = append(dst, `,"last_order_at":`...)
	dst = appendTime(dst, p.lastOrder())
	dst = append(dst, `,"last_seen_at":`...)
	dst = appendTime(dst, p.last)
	return append(dst, '}')
}

func appendNext(dst []byte, p *person) []byte {
	if p.next == nobody {
		return append(dst, "null"...)
	}
	dst = append(dst, `{"segment":`...)
	dst = appendState(dst, p.next)
	dst = append(dst, `,"at":`...)
	dst = appendTime(dst, p.nextAt)
	return append(dst, '}')
}

func appendState(dst []byte, s state) []byte {
	if s == nobody {
		return append(dst, "null"...)
	}
	return appendText(dst, s.String())
}
