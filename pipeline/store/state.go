package store

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/tidemark/tidemark/pkg/event"
	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/segment"
)

// State is the shard's own hash: where it stands in its logs and in time, and
// what it has counted. The zero State with Clock and Greatest None is a shard
// that never ran.
type State struct {
	Head       string // token of the take-over, a colon, the commit's number
	Policy     string // version of the policy that made the state
	Partitions int32  // partition count of the inputs
	Clock      int64  // stream time, unix ms; None before the first event
	Pub        int64  // changes offset acknowledged up to
	Topics     []Topic
	Adopt      *Adopt // set while customers wait for what the world was told to be reached again
	Start      *Start // how the first start publishes; nil before it
	Sizes      [segment.Count]int64
	Changes    int64 // changes made
	Dropped    int64 // refunds that waited in vain for their order
	Adopted    int64 // customers taken from the changes topic after a rollback
}

// Topic is the shard's place in one input topic.
type Topic struct {
	Name     string
	Next     int64  // next offset to consume
	Last     int64  // offset of the last record consumed; -1 before the first
	Checksum uint64 // of that record's key and value
	Greatest int64  // greatest event time of accepted records, unix ms; None
	Counts   Counts
}

// Counts accounts for every consumed record of a partition:
// Consumed = Applied + Erased + BelowFloor + Stale + the sum of Dead.
type Counts struct {
	Consumed, Applied         int64
	Erased, BelowFloor, Stale int64 // without effect, by cause
	Dead                      [event.Count]int64
}

// Adopt is how far the log must be read again until customers whose published
// future Redis had lost may publish.
type Adopt struct {
	Offsets map[string]int64 `json:"offsets"`
	Clock   int64            `json:"stream_time"`
}

// Start is how a first start on a log with history publishes.
type Start struct {
	Publish string           `json:"publish"` // snapshot, all or none
	Ends    map[string]int64 `json:"ends"`    // the log's ends at the first start
	Ended   *int64           `json:"ended"`   // stream time at which silence ended; nil while silent
}

// NewState returns the state of a shard that never ran.
func NewState(topics []string) State {
	s := State{Clock: instant.None}
	for _, name := range topics {
		s.Topics = append(s.Topics, newTopic(name))
	}
	return s
}

func newTopic(name string) Topic {
	return Topic{Name: name, Last: -1, Greatest: instant.None}
}

// Topic returns the place in the named topic, nil if there is none.
func (s *State) Topic(name string) *Topic {
	for i := range s.Topics {
		if s.Topics[i].Name == name {
			return &s.Topics[i]
		}
	}
	return nil
}

// Fields returns the hash fields and values, alternately.
func (s *State) Fields(dst []string) []string {
	num := func(v int64) string { return strconv.FormatInt(v, 10) }
	put := func(field, value string) { dst = append(dst, field, value) }
	put("head", s.Head)
	put("policy", s.Policy)
	put("partitions", num(int64(s.Partitions)))
	put("clock", optional(s.Clock))
	put("pub", num(s.Pub))
	put("adopt", encode(s.Adopt))
	put("start", encode(s.Start))
	put("changes", num(s.Changes))
	put("dropped", num(s.Dropped))
	put("adopted", num(s.Adopted))
	for seg := segment.Segment(1); int(seg) < segment.Count; seg++ {
		put("size:"+seg.String(), num(s.Sizes[seg]))
	}
	for i := range s.Topics {
		t := &s.Topics[i]
		put("next:"+t.Name, num(t.Next))
		put("last:"+t.Name, num(t.Last)+":"+strconv.FormatUint(t.Checksum, 16))
		put("max:"+t.Name, optional(t.Greatest))
		put("n:"+t.Name, t.Counts.encode())
	}
	return dst
}

// ParseState reads the fields back. Input topics that the hash does not know
// begin at offset 0.
func ParseState(fields map[string]string, topics []string) (State, error) {
	s := NewState(topics)
	if fields[Deleted] != "" {
		return s, ErrDeleted
	}
	r := fieldReader{fields: fields}
	s.Head = fields["head"]
	s.Policy = fields["policy"]
	s.Partitions = int32(r.count("partitions", math.MaxInt32))
	s.Clock = r.int("clock", instant.None)
	s.Pub = r.count("pub", math.MaxInt64)
	r.json("adopt", &s.Adopt)
	if s.Adopt != nil && s.Adopt.Offsets == nil {
		s.Adopt.Offsets = map[string]int64{} // what is found further on is added to it
	}
	r.json("start", &s.Start)
	s.Changes = r.int("changes", 0)
	s.Dropped = r.int("dropped", 0)
	s.Adopted = r.int("adopted", 0)
	for seg := segment.Segment(1); int(seg) < segment.Count; seg++ {
		s.Sizes[seg] = r.int("size:"+seg.String(), 0)
	}
	for i := range s.Topics {
		t := &s.Topics[i]
		t.Next = r.count("next:"+t.Name, math.MaxInt64)
		t.Last, t.Checksum = r.last("last:" + t.Name)
		t.Greatest = r.int("max:"+t.Name, instant.None)
		r.counts("n:"+t.Name, &t.Counts)
	}
	return s, r.err
}

// encode writes the counters as name=number pairs, zeros left out.
func (c *Counts) encode() string {
	var b strings.Builder
	put := func(name string, n int64) {
		if n == 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(strconv.FormatInt(n, 10))
	}
	c.each(func(name string, n *int64) { put(name, *n) })
	return b.String()
}

// each names every counter.
func (c *Counts) each(visit func(name string, n *int64)) {
	visit("consumed", &c.Consumed)
	visit("applied", &c.Applied)
	visit("erased", &c.Erased)
	visit("below_floor", &c.BelowFloor)
	visit("stale", &c.Stale)
	for reason := event.Reason(1); int(reason) < event.Count; reason++ {
		visit(reason.String(), &c.Dead[reason])
	}
}

// Rejected is the number of records that went to the dead letters.
func (c *Counts) Rejected() int64 {
	var n int64
	for _, d := range c.Dead {
		n += d
	}
	return n
}

// NoEffect is the number of accepted records that the contract gives no effect.
func (c *Counts) NoEffect() int64 { return c.Erased + c.BelowFloor + c.Stale }

// Add sums counters.
func (c *Counts) Add(other *Counts) {
	var numbers []int64
	other.each(func(_ string, n *int64) { numbers = append(numbers, *n) })
	i := 0
	c.each(func(_ string, n *int64) { *n += numbers[i]; i++ })
}

func optional(ms int64) string {
	if ms == instant.None {
		return ""
	}
	return strconv.FormatInt(ms, 10)
}

func encode(v any) string {
	raw, err := json.Marshal(v)
	if err != nil || string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// fieldReader keeps the first error, so that ParseState reads as a list.
type fieldReader struct {
	fields map[string]string
	err    error
}

func (r *fieldReader) fail(field string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: field %q: %w", ErrUnreadable, field, err)
	}
}

func (r *fieldReader) int(field string, absent int64) int64 {
	raw := r.fields[field]
	if raw == "" {
		return absent
	}
	v, err := strconv.ParseInt(raw, 10, 64)
	if err != nil {
		r.fail(field, err)
	}
	return v
}

// count reads an offset or a number of something, 0 where it is absent.
func (r *fieldReader) count(field string, most int64) int64 {
	v := r.int(field, 0)
	if v < 0 || v > most {
		r.fail(field, fmt.Errorf("%d is out of range", v))
	}
	return v
}

func (r *fieldReader) json(field string, into any) {
	if raw := r.fields[field]; raw != "" {
		if err := json.Unmarshal([]byte(raw), into); err != nil {
			r.fail(field, err)
		}
	}
}

func (r *fieldReader) last(field string) (int64, uint64) {
	raw := r.fields[field]
	if raw == "" {
		return -1, 0
	}
	offset, sum, _ := strings.Cut(raw, ":")
	o, err := strconv.ParseInt(offset, 10, 64)
	if err == nil && o < -1 {
		err = fmt.Errorf("%d is out of range", o)
	}
	if err != nil {
		r.fail(field, err)
	}
	c, err := strconv.ParseUint(sum, 16, 64)
	if err != nil {
		r.fail(field, err)
	}
	return o, c
}

func (r *fieldReader) counts(field string, c *Counts) {
	known := map[string]*int64{}
	c.each(func(name string, n *int64) { known[name] = n })
	for _, pair := range strings.Fields(r.fields[field]) {
		name, number, _ := strings.Cut(pair, "=")
		n := known[name]
		v, err := strconv.ParseInt(number, 10, 64)
		if n == nil || err != nil {
			r.fail(field, fmt.Errorf("counter %q", pair))
			continue
		}
		*n = v
	}
}

// Clone returns a copy that shares nothing with s.
func (s *State) Clone() State {
	c := *s
	c.Topics = append([]Topic(nil), s.Topics...)
	if s.Adopt != nil {
		a := Adopt{Offsets: map[string]int64{}, Clock: s.Adopt.Clock}
		for k, v := range s.Adopt.Offsets {
			a.Offsets[k] = v
		}
		c.Adopt = &a
	}
	if s.Start != nil {
		st := *s.Start
		st.Ends = map[string]int64{}
		for k, v := range s.Start.Ends {
			st.Ends[k] = v
		}
		if s.Start.Ended != nil {
			ended := *s.Start.Ended
			st.Ended = &ended
		}
		c.Start = &st
	}
	return c
}

// SortTopics puts topics in the order of their names, which the merge and the
// changes' headers rely on.
func SortTopics(names []string) []string {
	sorted := append([]string(nil), names...)
	sort.Strings(sorted)
	return sorted
}
