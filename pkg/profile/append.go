package profile

import "google.golang.org/protobuf/encoding/protowire"

// Append writes the stored form to dst and allocates nothing but what dst needs
// to grow: the first line for readers in any language, then the profile as in
// profile.proto. Equal profiles give equal bytes.
func (p *Profile) Append(dst []byte) []byte {
	dst = p.appendLine(dst)
	dst = appendInt(dst, fieldSchema, schema)
	for i := range p.Orders {
		o := &p.Orders[i]
		dst = appendHead(dst, fieldOrders, o.size())
		dst = o.append(dst)
	}
	if p.Lifetime.Orders > 0 {
		dst = appendHead(dst, fieldLifetime, p.Lifetime.size())
		dst = p.Lifetime.append(dst)
	}
	dst = appendTime(dst, fieldFirstSeen, p.FirstSeen)
	dst = appendTime(dst, fieldLastSeen, p.LastSeen)
	dst = appendTime(dst, fieldFloor, p.Floor)
	dst = appendTime(dst, fieldForgottenAt, p.ForgottenAt)
	dst = appendHash(dst, fieldForgetID, p.ForgetID)
	dst = appendTime(dst, fieldArmed, p.Armed)
	return appendInt(dst, fieldMark, int64(p.Mark))
}

func (o *Order) append(dst []byte) []byte {
	if len(o.ID) > 0 {
		dst = appendHead(dst, orderID, len(o.ID))
		dst = append(dst, o.ID...)
	}
	amountAfter, lastAfter := o.distances()
	dst = appendTime(dst, orderTime, o.Time)
	dst = appendInt(dst, orderAmount, o.Amount)
	dst = appendInt(dst, orderAmountAfter, amountAfter)
	dst = appendInt(dst, orderLastAfter, lastAfter)
	for i := range o.Refunds {
		dst = appendHead(dst, orderRefunds, o.Refunds[i].size())
		dst = o.Refunds[i].append(dst)
	}
	return dst
}

// size is the number of bytes that append writes: protobuf puts it before them.
func (o *Order) size() int {
	amountAfter, lastAfter := o.distances()
	n := sizeTime(o.Time) + sizeInt(o.Amount) + sizeInt(amountAfter) + sizeInt(lastAfter)
	if len(o.ID) > 0 {
		n += 1 + protowire.SizeBytes(len(o.ID))
	}
	for i := range o.Refunds {
		n += 1 + protowire.SizeBytes(o.Refunds[i].size())
	}
	return n
}

// distances returns an order's later times counted from its first. Most orders
// have one event, so both are mostly zero and take no space.
func (o *Order) distances() (amountAfter, lastAfter int64) {
	if !o.Purchased() {
		return 0, o.LastAt
	}
	return o.AmountAt - o.Time, o.LastAt - o.Time
}

func (r *Refund) append(dst []byte) []byte {
	dst = appendHash(dst, refundID, r.ID)
	dst = appendInt(dst, refundAmount, r.Amount)
	if r.Whole {
		dst = appendInt(dst, refundWhole, 1)
	}
	return dst
}

func (r *Refund) size() int {
	n := sizeInt(r.Amount)
	if r.ID != 0 {
		n += 1 + protowire.SizeFixed64()
	}
	if r.Whole {
		n += 1 + 1
	}
	return n
}

func (l *Lifetime) append(dst []byte) []byte {
	dst = appendInt(dst, lifetimeOrders, l.Orders)
	dst = appendInt(dst, lifetimeAmount, l.Amount)
	dst = appendInt(dst, lifetimeFirstDayAmount, l.FirstDayAmount)
	if len(l.Days) > 0 {
		dst = appendHead(dst, lifetimeDays, l.sizeDays())
		dst = l.appendDays(dst)
	}
	dst = appendInt(dst, lifetimeFirst, l.First)
	return appendInt(dst, lifetimeLast, l.Last)
}

func (l *Lifetime) size() int {
	n := sizeInt(l.Orders) + sizeInt(l.Amount) + sizeInt(l.FirstDayAmount) + sizeInt(l.First) + sizeInt(l.Last)
	if len(l.Days) > 0 {
		n += 1 + protowire.SizeBytes(l.sizeDays())
	}
	return n
}

// appendDays writes each day as its distance from the one before: one byte for
// all but the first, where the customer comes back within four months.
func (l *Lifetime) appendDays(dst []byte) []byte {
	previous := int32(0)
	for _, day := range l.Days {
		dst = protowire.AppendVarint(dst, uint64(day-previous))
		previous = day
	}
	return dst
}

func (l *Lifetime) sizeDays() (n int) {
	previous := int32(0)
	for _, day := range l.Days {
		n += protowire.SizeVarint(uint64(day - previous))
		previous = day
	}
	return n
}

// All field numbers are below 16, so that every tag is one byte.

func appendHead(dst []byte, field protowire.Number, size int) []byte {
	return protowire.AppendVarint(append(dst, byte(field<<3)|byte(protowire.BytesType)), uint64(size))
}

func appendInt(dst []byte, field protowire.Number, v int64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(append(dst, byte(field<<3)|byte(protowire.VarintType)), uint64(v))
}

// appendTime writes an optional field: 0 is a time like any other.
func appendTime(dst []byte, field protowire.Number, ms int64) []byte {
	if ms == None {
		return dst
	}
	return protowire.AppendVarint(append(dst, byte(field<<3)|byte(protowire.VarintType)), uint64(ms))
}

func appendHash(dst []byte, field protowire.Number, hash uint64) []byte {
	if hash == 0 {
		return dst
	}
	return protowire.AppendFixed64(append(dst, byte(field<<3)|byte(protowire.Fixed64Type)), hash)
}

func sizeInt(v int64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(uint64(v))
}

func sizeTime(ms int64) int {
	if ms == None {
		return 0
	}
	return 1 + protowire.SizeVarint(uint64(ms))
}
