package feed

import (
	"bytes"
	"sort"

	"github.com/tidemark/tidemark/pkg/instant"
)

// Redate carries simulated time over to ours: an event that happens for the
// first time happens now, and one that is late, or delivered again, happened when
// its time was told first. So copies stay equal to the byte, and late ones late.
type Redate struct {
	simulated, ours []int64 // unix ms, both rising: when which simulated time began
}

// mostSteps bounds what is remembered; a line that is later than all of it has
// the time of the first step.
const mostSteps = 1 << 21

var marker = []byte(`"occurred_at":"`)

// written is how long an instant is in a line.
const written = len("2006-01-02T15:04:05.000Z")

// Line changes occurred_at in place, of a line as package shop writes them; a
// line without one stays as it is. now is our time, unix ms.
func (r *Redate) Line(line []byte, now int64) {
	i := bytes.Index(line, marker)
	if i < 0 || len(line) < i+len(marker)+written {
		return
	}
	text := line[i+len(marker) : i+len(marker)+written]
	at, ok := instant.Parse(string(text))
	if !ok {
		return
	}
	instant.Append(text[:0], r.carry(at, now))
}

func (r *Redate) carry(at, now int64) int64 {
	n := len(r.simulated)
	if n == 0 || at > r.simulated[n-1] {
		if n == mostSteps {
			r.simulated = append(r.simulated[:0], r.simulated[n/2:]...)
			r.ours = append(r.ours[:0], r.ours[n/2:]...)
		}
		r.simulated, r.ours = append(r.simulated, at), append(r.ours, now)
		return now
	}
	i := sort.Search(n, func(i int) bool { return r.simulated[i] > at }) - 1
	return r.ours[max(i, 0)]
}
