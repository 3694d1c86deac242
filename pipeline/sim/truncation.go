package sim

import (
	"math/rand/v2"

	"github.com/tidemark/tidemark/pipeline"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/store"
)

// truncation is a loss in Kafka that a shard must not pass over: it happens
// while no worker runs, and the shard stops when one comes back.
type truncation struct {
	kind     string // code of the stop; "" for none, or a kind that has no code of its own
	accepted bool   // start.accept_truncated: the shard goes on
}

// drawTruncation gives a few seeds one. Then Redis loses nothing, so that what
// has to happen is known.
func drawTruncation(rng *rand.Rand, s *Scenario) truncation {
	if !chance(rng, 0.15) {
		return truncation{}
	}
	t := truncation{kind: oneOf(rng, "retention", "flushed", "overtaken", "log-truncated", "log-shorter", "log-replaced",
		"changes-truncated", "changes-shorter", "changes-foreign")}
	t.accepted = t.kind == "log-truncated" && s.Publish == pipeline.PublishAll && chance(rng, 0.5)
	s.Faults.Rollbacks, s.Faults.Flushes = 0, 0
	s.Faults.until += 12_000
	return t
}

// scheduleTruncation takes all workers down for a while; once nothing that they
// sent is under way any more, Kafka loses something, and they come back.
func (w *World) scheduleTruncation() {
	if w.s.Truncation.kind == "" {
		return
	}
	when := between(w.rng, 500, w.s.Faults.until-11_000) * 1000
	if w.s.Truncation.kind == "overtaken" {
		w.at(when, func() { w.truncate(w.rng.Int32N(w.s.Partitions)) })
		return
	}
	w.at(when, func() {
		w.tracef("all workers go down")
		for _, k := range w.workers {
			k.die()
			k.barred = true
		}
	})
	w.at(when+8_000_000, func() {
		w.truncate(w.rng.Int32N(w.s.Partitions))
		for _, k := range w.workers {
			k.barred = false
			k.start()
		}
	})
}

// truncate does the damage to one shard, where there is something to damage.
func (w *World) truncate(number int32) {
	state, err := store.ParseState(w.redis.data(shardKey(number)).hash, inputs)
	if err != nil {
		w.fail(err)
		return
	}
	topic := oneOf(w.rng, inputs...)
	t := state.Topic(topic)
	log, _ := w.kafka.log(topic, number)
	changes, _ := w.kafka.log(topicChanges, number)
	log.leaderless, changes.leaderless = false, false // whoever does the damage waits for a leader
	done := false
	switch w.s.Truncation.kind {
	case "retention":
		if t.Next > 0 {
			log.TruncateStart(between(w.rng, 1, t.Next))
		}
	case "flushed":
		w.lose(w.redis.Empty)
		if t.Next > 0 {
			log.TruncateStart(between(w.rng, 1, t.Next))
			w.expected[number] = "log-truncated"
		}
	case "overtaken":
		// Retention runs over a shard that is at work: it stops, unless it has
		// fetched in time.
		if t.Next < log.end {
			log.TruncateStart(between(w.rng, t.Next+1, log.end))
			w.allowed[number] = "log-truncated"
		}
	case "log-truncated":
		if done = t.Next < log.end; done {
			log.TruncateStart(between(w.rng, t.Next+1, log.end))
		}
	case "log-shorter":
		if done = t.Next > 0; done {
			log.TruncateEnd(w.rng.Int64N(t.Next))
		}
	case "log-replaced":
		if done = t.Last >= 0; done {
			w.replace(log, topic, number, t)
		}
	case "changes-truncated":
		if done = state.Pub < changes.end; done {
			changes.TruncateStart(between(w.rng, state.Pub+1, changes.end))
		}
	case "changes-shorter":
		if done = state.Pub > 0; done {
			changes.TruncateEnd(w.rng.Int64N(state.Pub))
		}
	case "changes-foreign":
		done = true
		w.appendTo(topicChanges, number, sink.Record{Key: []byte("c-1"), Value: []byte("{}"),
			Headers: []sink.Header{{Key: "ce_source", Value: []byte("tidemark/other")}}})
	}
	if done && !w.s.Truncation.accepted {
		w.expected[number] = w.s.Truncation.kind
	}
	w.tracef("truncation of shard %d topic %s: expecting %q", number, topic, w.expected[number])
	w.closed[place{topic, number}] = w.expected[number] != ""
}

// replace puts other records where the last consumed one was.
func (w *World) replace(log *partitionLog, topic string, number int32, t *store.Topic) {
	log.TruncateEnd(t.Last)
	for log.end < t.Next {
		w.appendTo(topic, number, sink.Record{Key: []byte("another"), Value: []byte("{}")})
	}
}

func (w *World) appendTo(topic string, number int32, r sink.Record) {
	_, err := w.kafka.Append(topic, number, []sink.Record{r}, appending{wall: w.wall(), codec: plain})
	if err != nil {
		w.fail(err)
	}
}
