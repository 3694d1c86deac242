package change

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/segment"
)

// Head is what a published change told the world about a customer: as much as a shard needs to go on
// from it after its own memory was lost.
type Head struct {
	ID          string
	Customer    string
	Version     int64
	From, To    segment.Segment
	EffectiveAt int64 // unix milliseconds UTC
}

// Parse reads the head of a published value. It refuses what no encoder of this package can have
// written in these members, and verifies nothing else: neither the hash nor the members it does not
// return. The strings are fresh memory.
//
// It runs only when a shard is taken over, so it uses encoding/json.
func Parse(value []byte) (Head, error) {
	var v struct {
		ID          string  `json:"id"`
		Customer    string  `json:"customer_id"`
		Version     int64   `json:"version"`
		Dimension   string  `json:"dimension"`
		From        *string `json:"from"`
		To          *string `json:"to"`
		EffectiveAt string  `json:"effective_at"`
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return Head{}, fmt.Errorf("reading a published change: %w; is the topic used by another program?", err)
	}
	if v.Dimension != Dimension {
		return Head{}, fmt.Errorf("reading a published change: dimension %q is not %q; was it written by a newer Tidemark?", v.Dimension, Dimension)
	}
	h := Head{ID: v.ID, Customer: v.Customer, Version: v.Version}
	if err := h.check(v.From, v.To, v.EffectiveAt); err != nil {
		return Head{}, fmt.Errorf("reading a published change: %w; is the topic used by another program?", err)
	}
	return h, nil
}

// check judges the members already in h and reads the ones that need more than JSON.
func (h *Head) check(from, to *string, effectiveAt string) (err error) {
	if !isID(h.ID) {
		return fmt.Errorf("id %q is not %d hex digits", h.ID, idDigits)
	}
	if h.Customer == "" {
		return errors.New("customer_id is missing")
	}
	if h.Version < 1 {
		return fmt.Errorf("version %d is below 1", h.Version)
	}
	if h.From, err = parseSegment("from", from); err != nil {
		return err
	}
	if h.To, err = parseSegment("to", to); err != nil {
		return err
	}
	var ok bool
	if h.EffectiveAt, ok = instant.Parse(effectiveAt); !ok {
		return fmt.Errorf("effective_at %q is not a time", effectiveAt)
	}
	return nil
}

func parseSegment(member string, name *string) (segment.Segment, error) {
	if name == nil {
		return segment.None, nil
	}
	s, ok := segment.Parse(*name)
	if !ok || s == segment.None {
		return segment.None, fmt.Errorf("%s %q is not a segment", member, *name)
	}
	return s, nil
}

func isID(s string) bool {
	if len(s) != idDigits {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
