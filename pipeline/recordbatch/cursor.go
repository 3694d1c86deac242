package recordbatch

// cursor takes fields off the front of buf. The first field that does not fit
// makes it bad for good, so that a caller checks once, at the end.
type cursor struct {
	buf []byte
	at  int
	bad bool
}

// varint takes a zigzag varint of up to 64 bits.
func (c *cursor) varint() int64 {
	if c.at < len(c.buf) && c.buf[c.at] < 0x80 { // lengths and deltas are mostly small
		u := c.buf[c.at]
		c.at++
		return int64(u>>1) ^ -int64(u&1)
	}
	return c.longVarint()
}

func (c *cursor) longVarint() int64 {
	var u uint64
	for shift := uint(0); shift < 64 && c.at < len(c.buf); shift += 7 {
		b := c.buf[c.at]
		c.at++
		if shift == 63 && b > 1 {
			break // more than 64 bits
		}
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	c.fail()
	return 0
}

// skip passes over n bytes.
func (c *cursor) skip(n int) {
	if n > len(c.buf)-c.at {
		c.fail()
		return
	}
	c.at += n
}

// nullable takes a length and as many bytes; the length -1 is null, which is nil.
func (c *cursor) nullable() []byte {
	n := c.varint()
	if n == -1 && !c.bad {
		return nil
	}
	return c.take(n)
}

// take takes n bytes, capped so that appending to them cannot reach further.
func (c *cursor) take(n int64) []byte {
	if n < 0 || n > int64(len(c.buf)-c.at) {
		c.fail()
		return nil
	}
	from := c.at
	c.at += int(n)
	return c.buf[from:c.at:c.at]
}

// header takes one header of a record.
func (c *cursor) header() (key, value []byte) {
	key = c.take(c.varint())
	return key, c.nullable()
}

// done says whether exactly everything was taken.
func (c *cursor) done() bool { return !c.bad && c.at == len(c.buf) }

// fail also moves to the end, so that no later field is read from the middle of something.
func (c *cursor) fail() { c.bad, c.at = true, len(c.buf) }
