package sim

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pipeline"
)

// elect gives a partition another leader. Nobody leads it for a while; then one
// does that does not know yet how far the others are. An unclean one lacks a
// tail of the log, and goes on with other records in its place; or the topic is
// deleted and made again.
func (w *World) elect(unclean bool) {
	number := w.more.Int32N(w.s.Partitions)
	topic := oneOf(w.more, topicClicks, topicPurchases, topicChanges)
	if !unclean && chance(w.more, 0.2) {
		topic, number = topicDead, w.more.Int32N(w.s.DeadParts)
	}
	log, err := w.kafka.log(topic, number)
	if err != nil || log.leaderless || log.lagging >= 0 {
		return
	}
	if unclean && topic != topicChanges && chance(w.more, 0.7) {
		if log.leaderless = chance(w.more, 0.3); !log.leaderless {
			if r := w.owner(number); r != nil {
				r.worker.pauseFor(between[int64](w.more, 1100, sessionTimeout))
			}
		}
		w.remake(place{topic, number}, log, w.now+10_000_000)
		return
	}
	w.tracef("nobody leads %s/%d", topic, number)
	w.totals.Elections++
	log.leaderless = true
	without := between[int64](w.more, 5, 2500)
	if unclean {
		without *= 4 // nobody chooses such a leader at once
	}
	w.after(without*1000, func() {
		if !log.leaderless {
			return
		}
		log.leaderless = false
		log.epoch++
		if unclean {
			w.loseTail(topic, number, log, false)
			return
		}
		if n := len(log.batches); n > 0 {
			log.lagging = log.batches[max(0, n-1-w.more.IntN(4))].base
		}
		w.after(between[int64](w.more, 1, 600)*1000, func() { w.catchUp(place{topic, number}, log) })
	})
}

// catchUp lets a new leader know how far the others are.
func (w *World) catchUp(at place, log *partitionLog) {
	if log.lagging < 0 {
		return
	}
	for offset, sent := range w.sent[at] {
		if offset >= log.lagging {
			sent.appended = w.tick() // nobody could know of it before
		}
	}
	log.lagging = -1
}

// remake makes a topic again whose leader may be away already: at the first moment,
// until a time, at which its owner does not believe to have just seen it. Whoever
// looked away for less would not find out.
func (w *World) remake(at place, log *partitionLog, until int64) {
	if w.sees(at) && w.now < until {
		w.after(20_000, func() { w.remake(at, log, until) })
		return
	}
	log.leaderless = false
	if w.now < until {
		w.loseTail(at.topic, at.partition, log, true)
	}
}

// sees reports that the owner of a shard is taking it over, or has seen an input
// within the last second, as far as he knows: a log may go unseen for less.
func (w *World) sees(at place) bool {
	r := w.owner(at.partition)
	return r != nil && (!r.live || r.worker.clock().Tick-r.seen[at.topic] <= 1000)
}

// owner is whoever took a shard over last, nil if nobody has who still runs it.
func (w *World) owner(number int32) *run {
	head, _, _ := strings.Cut(w.redis.data(shardKey(number)).hash["head"], ":")
	for _, k := range w.workers {
		for _, r := range k.runs {
			if r != nil && r.number == number && r.token == head {
				return r
			}
		}
	}
	return nil
}

// loseTail truncates a log to what its new leader has, which is nothing where the
// topic was made again. A shard that consumed more has to stop. That it was told to
// wait for more, in silence or by a replay, is not simulated: it then waits for
// producers.
func (w *World) loseTail(topic string, number int32, log *partitionLog, remade bool) {
	state := w.redis.data(shardKey(number)).place()
	n := len(log.batches)
	silent := state.Start == nil || state.Start.Publish != pipeline.PublishAll && state.Start.Ended == nil
	if n == 0 || silent || w.expected[number] != "" {
		return
	}
	first := max(0, n-1-w.more.IntN(1+w.more.IntN(6)))
	if remade {
		first = 0
		w.totals.Remade++
	}
	to := log.batches[first].base
	w.tracef("%s/%d has lost everything from %d on", topic, number, to)
	w.totals.Unclean++
	log.TruncateEnd(to)
	if topic != topicChanges {
		w.forgetSent(place{topic, number}, to)
		if chance(w.more, 0.7) {
			w.sendAgain(place{topic, number}, to)
		}
		return
	}
	w.allowed[number] = "changes-shorter" // more may be acknowledged than is stored
	if state.Pub > to {
		w.expected[number] = "changes-shorter"
		w.cutShort[number] = true
	}
}

// sendAgain has producers notice a loss and send everything again, a little more
// even, in another order: who reads on where he was finds records there.
func (w *World) sendAgain(at place, from int64) {
	p := parcel{tick: w.tick(), wall: w.wall(), topic: at.topic, partition: at.partition}
	for _, sent := range slices.Backward(w.gone[at]) {
		if sent.offset >= from {
			p.records, p.meant = append(p.records, sent.record), append(p.meant, sent.meaning)
		}
	}
	if n := len(p.records); n > 0 {
		p.records, p.meant = append(p.records, p.records[0]), append(p.meant, p.meant[0])
		w.totals.Refilled++
		w.deliver(&p)
	}
}

// forgetSent notes that records are in the log no more. Who has consumed one of
// them remembers something that nobody can find.
func (w *World) forgetSent(at place, from int64) {
	for _, offset := range slices.Sorted(maps.Keys(w.sent[at])) {
		if offset >= from {
			sent := w.sent[at][offset]
			sent.gone = true
			delete(w.sent[at], offset)
			w.gone[at] = append(w.gone[at], sent)
		}
	}
	w.tails[at] = min(from, orElse(w.tails, at, from))
}

// mustStop reports that the last record that is stored as consumed of some input
// is one that its log lost.
func (w *World) mustStop(d *shardData) bool {
	last := map[string]observation{}
	for h := d.history; h != nil; h = h.before {
		for _, o := range slices.Backward(h.last) {
			if _, ok := last[o.topic]; !ok {
				last[o.topic] = o
			}
		}
	}
	for _, o := range last {
		if o.sent != nil && o.sent.gone && !w.hidden(o) {
			return true
		}
	}
	return false
}

// hidden reports that the log holds the very same where it lost a record, which
// nobody can tell.
func (w *World) hidden(o observation) bool {
	there := w.sent[o.sent.place][o.offset]
	return there != nil && bytes.Equal(there.record.Key, o.sent.record.Key) && bytes.Equal(there.record.Value, o.sent.record.Value)
}

// mayStop reports that a shard's offsets lie behind a loss.
func (w *World) mayStop(number int32, code string) bool {
	if code != "log-shorter" && code != "log-replaced" {
		return false
	}
	state := w.redis.data(shardKey(number)).place()
	return slices.ContainsFunc(inputs, func(topic string) bool {
		to, ok := w.tails[place{topic, number}]
		return ok && state.Topic(topic).Next > to
	})
}

// missTopic takes a topic away for a while: that of the dead letters, as a rule.
func (w *World) missTopic() {
	topic := topicDead
	if chance(w.more, 0.3) {
		topic = oneOf(w.more, topicChanges, topicClicks, topicPurchases)
	}
	t := w.kafka.topics[topic]
	w.tracef("topic %s is away", topic)
	w.totals.Absences++
	t.away++
	w.after(between[int64](w.more, 50, 6000)*1000, func() { t.away = max(0, t.away-1) })
}

func orElse[K comparable, V any](m map[K]V, key K, other V) V {
	if v, ok := m[key]; ok {
		return v
	}
	return other
}
