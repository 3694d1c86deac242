package verify

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// How a first start publishes what the log already holds.
const (
	publishAll      = "all"
	publishSnapshot = "snapshot"
	publishNone     = "none"
)

// hash is the shard's own record of where it stands.
type hash struct {
	fields map[string]string
	err    error

	head       string
	policy     string
	partitions int64
	clock      int64 // stream time
	changes    int64
	dropped    int64
	adopted    int64
	adopting   bool
	start      *start
	sizes      [states]int64
	places     []place // in the order of the topics
}

// start is how the first start went.
type start struct {
	Publish string           `json:"publish"`
	Ends    map[string]int64 `json:"ends"`
	Ended   *int64           `json:"ended"`
}

// place is how far an input was consumed.
type place struct {
	topic    string
	next     int64
	last     int64 // offset of the last record; -1 before the first
	sum      uint64
	greatest int64
	counts   map[string]int64
}

// parseHash reads the fields of the hash; a shard that never began has none.
func parseHash(raw map[string]string, topics []string) (*hash, error) {
	h := &hash{fields: raw, head: raw["head"], policy: raw["policy"]}
	h.partitions = h.number("partitions", 0)
	h.clock = h.number("clock", none)
	h.changes = h.number("changes", 0)
	h.dropped = h.number("dropped", 0)
	h.adopted = h.number("adopted", 0)
	h.adopting = raw["adopt"] != ""
	for s := loyal; s < states; s++ {
		h.sizes[s] = h.number("size:"+s.String(), 0)
	}
	if text := raw["start"]; text != "" {
		if err := json.Unmarshal([]byte(text), &h.start); err != nil {
			return nil, fmt.Errorf("reading field start of the shard's hash: %w", err)
		}
	}
	for _, topic := range topics {
		p := place{topic: topic, next: h.number("next:"+topic, 0), greatest: h.number("max:"+topic, none)}
		h.parseLast(&p)
		h.parseCounts(&p)
		h.places = append(h.places, p)
	}
	return h, h.err
}

func (h *hash) fail(name string) {
	if h.err == nil {
		h.err = fmt.Errorf("reading field %s of the shard's hash: %q is not what Tidemark writes", name, h.fields[name])
	}
}

func (h *hash) number(name string, absent int64) int64 {
	text := h.fields[name]
	if text == "" {
		return absent
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		h.fail(name)
	}
	return n
}

// parseLast reads offset:checksum of the last record consumed.
func (h *hash) parseLast(p *place) {
	name := "last:" + p.topic
	p.last = -1
	offset, sum, found := strings.Cut(h.fields[name], ":")
	if !found {
		return
	}
	var err error
	if p.last, err = strconv.ParseInt(offset, 10, 64); err != nil {
		h.fail(name)
	}
	if p.sum, err = strconv.ParseUint(sum, 16, 64); err != nil {
		h.fail(name)
	}
}

// parseCounts reads name=number pairs; counters that are zero are left out.
func (h *hash) parseCounts(p *place) {
	name := "n:" + p.topic
	p.counts = map[string]int64{}
	for _, pair := range strings.Fields(h.fields[name]) {
		counter, text, _ := strings.Cut(pair, "=")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			h.fail(name)
		}
		p.counts[counter] = n
	}
}

// silent is how the shard started if it published nothing at first, else nil.
func (h *hash) silent() *start {
	if h.start == nil || h.start.Publish == publishAll {
		return nil
	}
	return h.start
}
