package profile

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// schema is the version of the stored form that Append writes. Decode reads it
// and all before it; golden bytes of each are kept in testdata.
const schema = 1

// Field numbers of profile.proto.
const (
	fieldSchema      protowire.Number = 1
	fieldOrders      protowire.Number = 2
	fieldLifetime    protowire.Number = 3
	fieldFirstSeen   protowire.Number = 4
	fieldLastSeen    protowire.Number = 5
	fieldFloor       protowire.Number = 6
	fieldForgottenAt protowire.Number = 7
	fieldForgetID    protowire.Number = 8
	fieldArmed       protowire.Number = 9
	fieldMark        protowire.Number = 10

	orderID          protowire.Number = 1
	orderTime        protowire.Number = 2
	orderAmount      protowire.Number = 3
	orderAmountAfter protowire.Number = 4
	orderLastAfter   protowire.Number = 5
	orderRefunds     protowire.Number = 6

	refundID     protowire.Number = 1
	refundAmount protowire.Number = 2
	refundWhole  protowire.Number = 3

	lifetimeOrders         protowire.Number = 1
	lifetimeAmount         protowire.Number = 2
	lifetimeFirstDayAmount protowire.Number = 3
	lifetimeDays           protowire.Number = 4
	lifetimeFirst          protowire.Number = 5
	lifetimeLast           protowire.Number = 6
)

// wire reads one message: canonical protobuf, whose fields ascend. It turns bad
// at the first thing that does not fit, and next ends the loop then.
type wire struct {
	rest  []byte
	field protowire.Number
	kind  protowire.Type
	bad   bool
}

// next steps to the next field. Only the field named, if any, may repeat. All
// fields are numbered below 16, so a tag is one byte and its top bit is not set.
func (w *wire) next(repeated protowire.Number) bool {
	if w.bad || len(w.rest) == 0 {
		return false
	}
	tag := w.rest[0]
	field := protowire.Number(tag >> 3)
	if tag >= 0x80 || field < w.field || field == w.field && field != repeated {
		w.bad = true
		return false
	}
	w.rest, w.field, w.kind = w.rest[1:], field, protowire.Type(tag&7)
	return true
}

func (w *wire) check(ok bool) { w.bad = w.bad || !ok }

// uint reads a varint that is at most limit.
func (w *wire) uint(limit uint64) uint64 {
	v, n := w.varint()
	if w.kind != protowire.VarintType || n < 0 || v > limit {
		w.bad = true
		return 0
	}
	w.rest = w.rest[n:]
	return v
}

// varint is protowire.ConsumeVarint with a shorter way for the many of one byte.
func (w *wire) varint() (v uint64, n int) {
	if len(w.rest) > 0 && w.rest[0] < 0x80 {
		return uint64(w.rest[0]), 1
	}
	return protowire.ConsumeVarint(w.rest)
}

// int reads a number from 0 to int64's end.
func (w *wire) int() int64 { return int64(w.uint(math.MaxInt64)) }

// time reads an instant, in milliseconds.
func (w *wire) time() int64 { return w.int() }

func (w *wire) hash() uint64 {
	v, n := protowire.ConsumeFixed64(w.rest)
	if w.kind != protowire.Fixed64Type || n < 0 {
		w.bad = true
		return 0
	}
	w.rest = w.rest[n:]
	return v
}

// bytes reads a length and as many bytes, which stay part of the message.
func (w *wire) bytes() []byte {
	size, n := w.varint()
	if w.kind != protowire.BytesType || n < 0 || size > uint64(len(w.rest)-n) {
		w.bad = true
		return nil
	}
	v := w.rest[n : n+int(size)]
	w.rest = w.rest[n+int(size):]
	return v
}
