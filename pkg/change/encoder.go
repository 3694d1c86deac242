package change

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/policy"
	"github.com/tidemark/tidemark/pkg/rfm"
	"github.com/tidemark/tidemark/pkg/segment"
)

const (
	idDigits = 32
	// A value begins with its id, which is known only after the rest has been hashed: these bytes are
	// reserved and filled in last.
	idOpen   = `{"id":"`
	idClose  = `",`
	idHeader = len(idOpen) + idDigits + len(idClose)
)

// Encoder writes changes under one policy. It holds what is equal in all of them, is never modified
// after NewEncoder, and so may be shared by goroutines.
type Encoder struct {
	policy   []byte // `,"policy":{…},"profile":`
	currency []byte // `","currency":"EUR","first_seen_at":`
	decimals int    // of the base currency
}

// NewEncoder prepares an encoder for p, which must be valid. An unknown base currency, which
// Validate refuses, is written with two decimals.
func NewEncoder(p *policy.Policy) *Encoder {
	decimals, ok := money.Decimals(p.BaseCurrency)
	if !ok {
		decimals = 2
	}
	e := &Encoder{decimals: decimals}
	e.policy = append(e.policy, `,"policy":{"name":`...)
	e.policy = AppendString(e.policy, p.Name)
	e.policy = append(e.policy, `,"version":`...)
	e.policy = AppendString(e.policy, p.Version())
	e.policy = append(e.policy, `},"profile":`...)
	e.currency = append(e.currency, `","currency":`...)
	e.currency = AppendString(e.currency, p.BaseCurrency)
	e.currency = append(e.currency, `,"first_seen_at":`...)
	return e
}

// Append writes the JSON value of c behind dst and returns the longer slice and the change's id: the
// first 32 hex digits of the SHA-256 of the value without the member id. The id string is its only
// allocation where dst has room.
//
// Strings are taken to be valid UTF-8, as decoding an event assures.
func (e *Encoder) Append(dst []byte, c *Change) ([]byte, string) {
	start := len(dst)
	dst = append(dst, idOpen+"00000000000000000000000000000000"+idClose...)
	dst = e.appendMembers(dst, c)
	return seal(dst, start)
}

// seal fills in the id of the value that begins at start.
//
// The value without its id begins with a brace where the value with id has a comma. Setting that
// one byte for the time of hashing saves a copy of the value.
func seal(dst []byte, start int) ([]byte, string) {
	body := start + idHeader - 1
	dst[body] = '{'
	sum := sha256.Sum256(dst[body:])
	dst[body] = ','
	id := dst[start+len(idOpen) : start+len(idOpen)+idDigits]
	hex.Encode(id, sum[:idDigits/2])
	return dst, string(id)
}

// appendMembers writes all members behind the id, and the closing brace.
func (e *Encoder) appendMembers(dst []byte, c *Change) []byte {
	dst = append(dst, `"customer_id":`...)
	dst = AppendString(dst, c.Customer)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, c.Version, 10)
	dst = append(dst, `,"dimension":"`+Dimension+`","from":`...)
	dst = appendSegment(dst, c.From)
	dst = append(dst, `,"to":`...)
	dst = appendSegment(dst, c.To)
	dst = append(dst, `,"effective_at":`...)
	dst = appendTime(dst, c.EffectiveAt)
	dst = appendCause(dst, c)
	dst = append(dst, e.policy...)
	if c.HasProfile {
		dst = e.appendProfile(dst, &c.Profile)
	} else {
		dst = append(dst, "null"...)
	}
	return appendNext(dst, c)
}

func appendCause(dst []byte, c *Change) []byte {
	dst = append(dst, `,"cause":{"kind":"`...)
	dst = append(dst, c.Cause.String()...)
	// Only an event is named: a forget's id could be traced to the person it erased.
	if c.Cause == Event {
		dst = append(dst, `","event_id":`...)
		dst = AppendString(dst, c.EventID)
		dst = append(dst, `,"event_type":"`...)
		dst = append(dst, c.EventType.String()...)
	}
	return append(dst, `"}`...)
}

func (e *Encoder) appendProfile(dst []byte, s *rfm.Summary) []byte {
	dst = append(dst, `{"orders":`...)
	dst = strconv.AppendInt(dst, s.Orders, 10)
	dst = append(dst, `,"monetary":"`...)
	dst = money.Append(dst, s.Monetary, e.decimals)
	dst = append(dst, e.currency...)
	dst = appendTime(dst, s.FirstSeen)
	dst = append(dst, `,"last_order_at":`...)
	dst = appendTime(dst, s.LastOrder)
	dst = append(dst, `,"last_seen_at":`...)
	dst = appendTime(dst, s.LastSeen)
	return append(dst, '}')
}

func appendNext(dst []byte, c *Change) []byte {
	if c.Next == segment.None {
		return append(dst, `,"next":null}`...)
	}
	dst = append(dst, `,"next":{"segment":`...)
	dst = appendSegment(dst, c.Next)
	dst = append(dst, `,"at":`...)
	dst = appendTime(dst, c.NextAt)
	return append(dst, `}}`...)
}

func appendSegment(dst []byte, s segment.Segment) []byte {
	if s == segment.None {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = append(dst, s.String()...)
	return append(dst, '"')
}

func appendTime(dst []byte, ms int64) []byte {
	if ms == instant.None {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = instant.Append(dst, ms)
	return append(dst, '"')
}
