package feed

import "slices"

// arena copies lines into large blocks: one allocation for thousands of lines.
// A block is let go of when nothing that waits lies in it.
type arena struct {
	block []byte
}

const blockBytes = 256 << 10

func (a *arena) copy(line []byte) []byte {
	if len(line) > blockBytes/8 {
		return slices.Clone(line)
	}
	if a.block == nil || len(a.block)+len(line) > cap(a.block) {
		a.block = make([]byte, 0, blockBytes)
	}
	begin := len(a.block)
	a.block = append(a.block, line...)
	// A blank line is an empty value, which is not the same as none.
	return a.block[begin:len(a.block):len(a.block)]
}
