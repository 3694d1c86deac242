package event_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/money"
	"github.com/tidemark/tidemark/pkg/partition"
	"github.com/tidemark/tidemark/pkg/policy"
)

// reference decodes by the standard library: slow, plain, and written from the contract alone. Where encoding/json is
// laxer than the contract, it looks again by other means.
type reference struct {
	policy *policy.Policy
	record event.Record
	fields map[string]any
	event  event.Event
}

func (r *reference) decode(value []byte) event.Reason {
	if len(value) > r.policy.MaxEventBytes {
		return event.Oversized
	}
	if !wellFormed(value) {
		return event.Malformed
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if decoder.Decode(&r.fields) != nil || r.fields == nil {
		return event.Malformed
	}
	for _, check := range []func() event.Reason{
		r.id, r.kind, r.customer, r.occurredAt, r.orderID, r.amount, r.action, r.place,
	} {
		if reason := check(); reason != event.OK {
			return reason
		}
	}
	return event.OK
}

var (
	pair = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)
	half = regexp.MustCompile(`\\u[dD][89a-fA-F]`)
)

// wellFormed is what the contract asks of a document beyond its grammar, and the grammar.
func wellFormed(value []byte) bool {
	if !utf8.Valid(value) || !json.Valid(value) {
		return false
	}
	escapes := strings.ReplaceAll(string(value), `\\`, "") // what remains of backslashes begins an escape
	if half.MatchString(pair.ReplaceAllString(escapes, "")) {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	return unique(decoder, 0)
}

// unique reads one value and is false if a name is given twice or more than 64 levels lie inside each other.
func unique(decoder *json.Decoder, depth int) bool {
	token, err := decoder.Token()
	if err != nil {
		return false
	}
	delimiter, nested := token.(json.Delim)
	if !nested {
		return true
	}
	if depth++; depth > 64 {
		return false
	}
	names := map[string]bool{}
	for decoder.More() {
		if delimiter == '{' {
			name, _ := decoder.Token()
			if names[name.(string)] {
				return false
			}
			names[name.(string)] = true
		}
		if !unique(decoder, depth) {
			return false
		}
	}
	_, err = decoder.Token()
	return err == nil
}

// text reads a field; limit is its length in bytes.
func (r *reference) text(name string, limit int) (string, event.Reason) {
	value, given := r.fields[name]
	if !given || value == nil {
		return "", event.MissingField
	}
	text, ok := value.(string)
	if !ok || text == "" || len(text) > limit {
		return "", event.BadValue
	}
	return text, event.OK
}

func (r *reference) id() (reason event.Reason) {
	r.event.ID, reason = r.text("id", 128)
	return reason
}

func (r *reference) kind() event.Reason {
	name, reason := r.text("type", 1<<30)
	if reason != event.OK {
		return reason
	}
	for _, kind := range []event.Type{event.Purchase, event.Refund, event.Click, event.Forget} {
		if kind.String() == name {
			r.event.Type = kind
			return event.OK
		}
	}
	return event.UnknownType
}

func (r *reference) customer() (reason event.Reason) {
	r.event.Customer, reason = r.text("customer_id", 256)
	return reason
}

var timeGrammar = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func (r *reference) occurredAt() event.Reason {
	text, reason := r.text("occurred_at", 1<<30)
	if reason == event.MissingField {
		r.event.OccurredAt, r.event.Time = instant.None, r.record.Timestamp
		if r.record.Timestamp < 0 {
			return event.MissingField
		}
		return event.OK
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if reason != event.OK || err != nil || !timeGrammar.MatchString(text) || at.UTC().Year() < 1970 || at.UTC().Year() > 9999 {
		return event.BadValue
	}
	r.event.OccurredAt, r.event.Time = at.UnixMilli(), at.UnixMilli()
	if 0 <= r.record.Timestamp && r.record.Timestamp < r.event.Time {
		r.event.Time = r.record.Timestamp
	}
	return event.OK
}

func (r *reference) orderID() (reason event.Reason) {
	if r.event.Type != event.Purchase && r.event.Type != event.Refund {
		return event.OK
	}
	r.event.OrderID, reason = r.text("order_id", 128)
	if r.event.Type == event.Purchase && reason == event.MissingField {
		r.event.OrderID, reason = r.event.ID, event.OK
	}
	return reason
}

// amount is currency, then amount.
func (r *reference) amount() event.Reason {
	if r.event.Type != event.Purchase && r.event.Type != event.Refund {
		return event.OK
	}
	currency, reason := r.text("currency", 1<<30)
	switch reason {
	case event.BadValue:
		return reason
	case event.MissingField:
		currency = r.policy.BaseCurrency
	}
	rate := r.policy.Rates[currency]
	if currency == r.policy.BaseCurrency {
		rate = "1"
	}
	if rate == "" {
		return event.UnknownCurrency
	}
	number := ""
	switch value := r.fields["amount"].(type) {
	case nil:
		r.event.Whole = r.event.Type == event.Refund
		if r.event.Whole {
			return event.OK
		}
		return event.MissingField
	case string:
		number = value
	case json.Number:
		number = value.String()
	}
	minor, ok := minorUnits(number, currency)
	if !ok {
		return event.BadValue
	}
	r.event.Amount, ok = inBase(minor, currency, r.policy.BaseCurrency, rate)
	if !ok {
		return event.BadValue
	}
	return event.OK
}

var (
	numberGrammar = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?([0-9]+))?$`)
	zero          = regexp.MustCompile(`^-?[0.]+([eE]|$)`)
	immense       = regexp.MustCompile(`[eE][+-]?0*[0-9]{5}`)
)

// minorUnits is exact, and so must be kept from exponents that would fill the memory.
func minorUnits(number, currency string) (*big.Int, bool) {
	if !numberGrammar.MatchString(number) {
		return nil, false
	}
	if zero.MatchString(number) {
		return new(big.Int), true
	}
	if immense.MatchString(number) {
		return nil, false // true for every number that is not itself of thousands of digits
	}
	exact, _ := new(big.Rat).SetString(number)
	exact.Mul(exact, powerOfTen(currency))
	return exact.Num(), exact.IsInt() && exact.Sign() >= 0 && exact.Num().IsInt64()
}

func inBase(minor *big.Int, currency, base, rate string) (int64, bool) {
	exact, _ := new(big.Rat).SetString(rate)
	exact.Mul(exact, new(big.Rat).SetInt(minor))
	exact.Mul(exact, powerOfTen(base))
	exact.Quo(exact, powerOfTen(currency))
	twice := new(big.Int).Div(new(big.Int).Mul(exact.Num(), big.NewInt(2)), exact.Denom())
	rounded := new(big.Int).Rsh(new(big.Int).Add(twice, big.NewInt(1)), 1) // halves upwards
	isHalf := new(big.Rat).Sub(new(big.Rat).SetInt(rounded), exact).Cmp(big.NewRat(1, 2)) == 0
	if isHalf && rounded.Bit(0) == 1 {
		rounded.Sub(rounded, big.NewInt(1))
	}
	return rounded.Int64(), rounded.IsInt64()
}

func powerOfTen(currency string) *big.Rat {
	digits, _ := money.Decimals(currency)
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
}

func (r *reference) action() (reason event.Reason) {
	if r.event.Type != event.Click {
		return event.OK
	}
	r.event.Action, reason = r.text("action", 1<<30)
	if reason == event.MissingField {
		r.event.Action, reason = "click", event.OK
	}
	return reason
}

func (r *reference) place() event.Reason {
	partitioner, _ := partition.Parse(r.policy.Partitioner)
	if r.record.Partitions > 0 && partitioner.Partition(r.event.Customer, r.record.Partitions) != r.record.Partition {
		return event.Misplaced
	}
	if r.record.Timestamp >= 0 && r.event.OccurredAt > r.record.Timestamp+int64(r.policy.MaxFutureSkew) {
		return event.FutureDated
	}
	tooLate := r.record.Latest != instant.None && r.event.Time <= r.record.Latest-r.policy.Horizon()
	if tooLate && r.event.Type != event.Forget {
		return event.TooLate
	}
	return event.OK
}
