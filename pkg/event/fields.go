package event

import (
	"math"
	"unsafe"
)

// The fields of an event, as indexes.
const (
	fieldID = iota
	fieldType
	fieldCustomer
	fieldOccurredAt
	fieldOrderID
	fieldCurrency
	fieldAmount
	fieldAction
	fieldCount
	fieldUnknown = -1
)

// fieldOf finds the field of a name.
func fieldOf(name []byte) int {
	switch string(name) { // no copy: the compiler only compares
	case "id":
		return fieldID
	case "type":
		return fieldType
	case "customer_id":
		return fieldCustomer
	case "occurred_at":
		return fieldOccurredAt
	case "order_id":
		return fieldOrderID
	case "currency":
		return fieldCurrency
	case "amount":
		return fieldAmount
	case "action":
		return fieldAction
	}
	return fieldUnknown
}

// parseType finds a type by its name, 0 for an unknown one.
func parseType(name string) Type {
	switch name {
	case "purchase":
		return Purchase
	case "refund":
		return Refund
	case "click":
		return Click
	case "forget":
		return Forget
	}
	return 0
}

// kind is what the scanner saw where a field is. A null field is absent.
type kind uint8

const (
	absent kind = iota
	text
	number
	other
)

// field is where the value of a field lies in the document, without the quotes of a text.
type field struct {
	kind       kind
	escaped    bool
	start, end int
}

const unlimited = math.MaxInt

// optional is the text of a field, empty if it is absent. There is no other way for it to be empty.
func (d *Decoder) optional(index, limit int) (string, Reason) {
	f := &d.scanner.fields[index]
	if f.kind == absent {
		return "", OK
	}
	if f.kind != text || f.start == f.end {
		return "", BadValue
	}
	s := d.text(f)
	if len(s) > limit {
		return "", BadValue
	}
	return s, OK
}

// required is the text of a field that may not be absent.
func (d *Decoder) required(index, limit int) (string, Reason) {
	if d.scanner.fields[index].kind == absent {
		return "", MissingField
	}
	return d.optional(index, limit)
}

// number is the text of a field that is a number, in quotes or not.
func (d *Decoder) number(index int) (string, Reason) {
	if f := &d.scanner.fields[index]; f.kind == number {
		return d.text(f), OK
	}
	return d.required(index, unlimited)
}

// text shares memory with the document where nothing had to be unescaped.
func (d *Decoder) text(f *field) string {
	raw := d.scanner.data[f.start:f.end]
	if f.escaped {
		raw = unescape(make([]byte, 0, len(raw)), raw)
	}
	return view(raw)
}

// view is a string that shares the memory of bytes which do not change while it is in use.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) // a copy per text would be most of the work
}
