package event

import (
	"errors"
	"fmt"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/planted"
	"github.com/tidemark/tidemark/pkg/policy"
)

// Longest texts, in bytes of UTF-8 after unescaping.
const (
	maxID       = 128
	maxCustomer = 256
	maxOrderID  = 128
)

// Decoder decodes events under one policy. It keeps memory between records, so each goroutine needs its own.
type Decoder struct {
	scanner     scanner
	maxBytes    int
	partitioner partition.Partitioner
	base        string // currency
	decimals    int    // of the base currency
	foreign     map[string]currency
	skew        int64 // ms
	horizon     int64 // ms
}

// currency is one with a rate.
type currency struct {
	decimals int
	rate     money.Rate
}

// NewDecoder prepares a decoder for a valid policy; for another one it returns what Validate finds.
func NewDecoder(p *policy.Policy) (*Decoder, error) {
	if problems := p.Validate(); problems != nil {
		errs := make([]error, len(problems))
		for i, problem := range problems {
			errs[i] = errors.New(problem.String())
		}
		return nil, fmt.Errorf("preparing to decode under policy %q: %w", p.Name, errors.Join(errs...))
	}
	partitioner, _ := partition.Parse(p.Partitioner)
	decimals, _ := money.Decimals(p.BaseCurrency)
	d := &Decoder{
		maxBytes:    p.MaxEventBytes,
		partitioner: partitioner,
		base:        p.BaseCurrency,
		decimals:    decimals,
		foreign:     make(map[string]currency, len(p.Rates)),
		skew:        int64(p.MaxFutureSkew),
		horizon:     p.Horizon(),
	}
	for code, text := range p.Rates {
		from, _ := money.Decimals(code)
		rate, _ := money.ParseRate(text, from, decimals)
		d.foreign[code] = currency{decimals: from, rate: rate}
	}
	return d, nil
}

// Decode reads the event in a record's value and judges it in the contract's order: the first failure is the reason. Only
// after OK does ev hold an event. Its strings share memory with value, which must not change while they are in use.
func (d *Decoder) Decode(value []byte, r Record, ev *Event) Reason {
	if len(value) > d.maxBytes {
		return Oversized
	}
	if !d.scanner.scan(value) {
		return Malformed
	}
	*ev = Event{}
	if reason := d.identity(ev); reason != OK {
		return reason
	}
	if reason := d.times(r, ev); reason != OK {
		return reason
	}
	if reason := d.order(ev); reason != OK {
		return reason
	}
	if reason := d.money(ev); reason != OK {
		return reason
	}
	if reason := d.action(ev); reason != OK {
		return reason
	}
	return d.place(r, ev)
}

// identity judges id, type and customer_id.
func (d *Decoder) identity(ev *Event) (reason Reason) {
	if ev.ID, reason = d.required(fieldID, maxID); reason != OK {
		return reason
	}
	name, reason := d.required(fieldType, unlimited)
	if reason != OK {
		return reason
	}
	if ev.Type = parseType(name); ev.Type == 0 {
		return UnknownType
	}
	ev.Customer, reason = d.required(fieldCustomer, maxCustomer)
	return reason
}

// times judges occurred_at and settles the event time. A record without a timestamp, which only a file can hold, has
// no other time than what the event says.
func (d *Decoder) times(r Record, ev *Event) Reason {
	ev.OccurredAt = instant.None
	text, reason := d.optional(fieldOccurredAt, unlimited)
	if reason != OK {
		return reason
	}
	if text != "" {
		ms, ok := instant.Parse(text)
		if !ok {
			return BadValue
		}
		ev.OccurredAt = ms
	}
	switch {
	case ev.OccurredAt == instant.None && r.Timestamp < 0:
		return MissingField
	case ev.OccurredAt == instant.None:
		ev.Time = r.Timestamp
	case r.Timestamp < 0:
		ev.Time = ev.OccurredAt
	default:
		ev.Time = min(ev.OccurredAt, r.Timestamp)
		if ev.OccurredAt > ev.Time && planted.FastClockBelieved.On() {
			ev.Time = ev.OccurredAt
		}
	}
	return OK
}

// order judges order_id, which a purchase may leave out and other events do not have.
func (d *Decoder) order(ev *Event) (reason Reason) {
	switch ev.Type {
	case Purchase:
		ev.OrderID, reason = d.optional(fieldOrderID, maxOrderID)
		if ev.OrderID == "" {
			ev.OrderID = ev.ID
		}
	case Refund:
		ev.OrderID, reason = d.required(fieldOrderID, maxOrderID)
	}
	return reason
}

// money judges currency and amount, and converts.
func (d *Decoder) money(ev *Event) Reason {
	if ev.Type != Purchase && ev.Type != Refund {
		return OK
	}
	code, reason := d.optional(fieldCurrency, unlimited)
	if reason != OK {
		return reason
	}
	foreign, converts := currency{decimals: d.decimals}, false
	if code != "" && code != d.base {
		if foreign, converts = d.foreign[code]; !converts {
			return UnknownCurrency
		}
	}
	number, reason := d.number(fieldAmount)
	if reason == MissingField && ev.Type == Refund {
		ev.Whole = true
		return OK
	}
	if reason != OK {
		return reason
	}
	amount, ok := money.Parse(number, foreign.decimals)
	if ok && converts {
		amount, ok = foreign.rate.Convert(amount)
	}
	if !ok {
		return BadValue
	}
	ev.Amount = amount
	return OK
}

// action judges what a click did.
func (d *Decoder) action(ev *Event) (reason Reason) {
	if ev.Type != Click {
		return OK
	}
	ev.Action, reason = d.optional(fieldAction, unlimited)
	if ev.Action == "" {
		ev.Action = "click"
	}
	return reason
}

// place judges an event against where and when it was found.
func (d *Decoder) place(r Record, ev *Event) Reason {
	switch {
	case r.Partitions > 0 && d.partitioner.Partition(ev.Customer, r.Partitions) != r.Partition:
		return Misplaced
	case ev.OccurredAt != instant.None && r.Timestamp >= 0 && ev.OccurredAt-r.Timestamp > d.skew:
		return FutureDated
	case r.Latest != instant.None && ev.Time <= r.Latest-d.horizon && (ev.Type != Forget || planted.LateForgetRejected.On()):
		return TooLate
	}
	return OK
}
