package replay

import (
	"strconv"

	"github.com/tidemark/tidemark/pkg/change"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/profile"
	"github.com/tidemark/tidemark/pkg/rfm"
	"github.com/tidemark/tidemark/pkg/segment"
)

// ProfileWriter writes customers as lines of JSON.
type ProfileWriter struct {
	currency string
	decimals int
	window   int64
}

// NewProfileWriter writes customers as they are under a policy.
func NewProfileWriter(p *policy.Policy) *ProfileWriter {
	decimals, _ := money.Decimals(p.BaseCurrency)
	return &ProfileWriter{currency: p.BaseCurrency, decimals: decimals, window: int64(p.Window)}
}

// Append writes a customer as of stream time t behind dst: his segment as it
// was published, the orders of the window that ends at t, and what comes next.
func (w *ProfileWriter) Append(dst []byte, id string, p *profile.Profile, t int64) []byte {
	summary := rfm.Summarize(p, t, w.window)
	dst = append(dst, `{"customer_id":`...)
	dst = change.AppendString(dst, id)
	dst = append(dst, `,"lifecycle":`...)
	dst = appendSegment(dst, p.Segment)
	dst = append(dst, `,"since":`...)
	dst = appendTime(dst, p.Since)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, p.Version, 10)
	dst = append(dst, `,"orders":`...)
	dst = strconv.AppendInt(dst, summary.Orders, 10)
	dst = append(dst, `,"monetary":"`...)
	dst = money.Append(dst, summary.Monetary, w.decimals)
	dst = append(dst, `","currency":`...)
	dst = change.AppendString(dst, w.currency)
	dst = append(dst, `,"first_seen_at":`...)
	dst = appendTime(dst, summary.FirstSeen)
	dst = append(dst, `,"last_order_at":`...)
	dst = appendTime(dst, summary.LastOrder)
	dst = append(dst, `,"last_seen_at":`...)
	dst = appendTime(dst, summary.LastSeen)
	dst = append(dst, `,"next":`...)
	dst = appendNext(dst, p)
	return append(dst, '}')
}

func appendNext(dst []byte, p *profile.Profile) []byte {
	if p.Next == segment.None {
		return append(dst, "null"...)
	}
	dst = append(dst, `{"segment":`...)
	dst = appendSegment(dst, p.Next)
	dst = append(dst, `,"at":`...)
	dst = appendTime(dst, p.NextAt)
	return append(dst, '}')
}

func appendSegment(dst []byte, s segment.Segment) []byte {
	if s == segment.None {
		return append(dst, "null"...)
	}
	return change.AppendString(dst, s.String())
}

func appendTime(dst []byte, ms int64) []byte {
	if ms == instant.None {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = instant.Append(dst, ms)
	return append(dst, '"')
}
