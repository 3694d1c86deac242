// Package event is one thing a customer did, and its strict decoding from JSON.
package event

import "github.com/tidemark/tidemark/pkg/policy"

// Decoder decodes events under one policy. It is not safe for concurrent use.
type Decoder struct{}

// NewDecoder prepares a decoder for a policy.
func NewDecoder(p *policy.Policy) (*Decoder, error) { return &Decoder{}, nil }

// Decode judges one record.
func (d *Decoder) Decode(value []byte, r Record, ev *Event) Reason { return Malformed }
