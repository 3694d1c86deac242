package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/real/service"
	"github.com/tidemark/tidemark/pipeline/store"
)

// replicated is how many brokers a row has where one of them may be away.
const replicated = 3

func init() {
	matrix = append(matrix,
		row{name: "broker-restart", fault: "broker of three killed and restarted", full: 20, reduced: 1, brokers: replicated, apply: restartBroker},
		row{name: "broker-away", fault: "the only broker away for minutes (dose: seconds)", full: 180, reduced: 8, apply: awayBroker},
		row{name: "letters-away", fault: "dead-letter topic unavailable (dose: seconds)", full: 120, reduced: 5, brokers: replicated, before: lettersApart, apply: awayLetters},
		row{name: "log-truncated", fault: "log truncated past our offset", full: 5, reduced: 1, whole: truncateLog},
		row{name: "log-shorter", fault: "log shorter than our offset (topic made again)", full: 5, reduced: 1, whole: shortenLog},
		row{name: "log-replaced", fault: "another record at our offset (topic made again)", full: 5, reduced: 1, whole: replaceLog},
		row{name: "unclean-election", fault: "unclean leader election behind our offset", full: 5, reduced: 1, brokers: replicated, before: unclean, whole: electUnclean},
		row{name: "changes-shorter", fault: "changes topic shorter than what was acknowledged", full: 5, reduced: 1, whole: shortenChanges},
		row{name: "changes-foreign", fault: "changes topic shared with another namespace", full: 5, reduced: 1, whole: shareChanges})
}

// restartBroker kills brokers, each until the others have taken over from it, and
// at times sooner.
func restartBroker(ctx context.Context, f *field) error {
	for range f.dose {
		f.runs++
		i := f.chance.IntN(replicated)
		f.kafka.Kill(i)
		if err := f.pause(ctx, time.Duration(f.chance.Int64N(int64(4*time.Second)))); err != nil {
			return err
		}
		if err := f.kafka.Restart(i); err != nil {
			return err
		}
		if err := f.recovers(ctx, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// awayBroker takes Kafka away for so long that whoever buffers without a bound
// would show it.
func awayBroker(ctx context.Context, f *field) error {
	f.runs++
	before, err := f.memory()
	if err != nil {
		return err
	}
	f.kafka.Kill(0)
	if err := f.pause(ctx, time.Duration(f.dose)*time.Second); err != nil {
		return err
	}
	during, err := f.memory()
	if err != nil {
		return err
	}
	if err := f.kafka.Restart(0); err != nil {
		return err
	}
	if err := f.recovers(ctx, time.Now()); err != nil {
		return err
	}
	after, err := f.memory()
	if err != nil {
		return err
	}
	const allowed = 128 << 20 // for what is fetched at once when it is back
	f.remark("workers' memory %d MB before, %d MB meanwhile, %d MB after", before>>20, during>>20, after>>20)
	if most := max(during, after); most > 2*before+fleet*allowed {
		return fmt.Errorf("the workers' memory grew from %d to %d bytes", before, most)
	}
	return nil
}

// admin lends a client of another making than the engine's.
func (f *field) admin(use func(*kadm.Client) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(f.kafka.Brokers()...))
	if err != nil {
		return err
	}
	defer client.Close()
	return use(kadm.NewClient(client))
}

// place makes a topic whose every partition is on the same brokers.
func (f *field) place(ctx context.Context, topic string, settings map[string]string, brokers ...int32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(f.kafka.Brokers()...))
	if err != nil {
		return err
	}
	defer client.Close()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	for i := range int32(shards) {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = i, brokers
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	for name, value := range settings {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, &value
		t.Configs = append(t.Configs, c)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis, req.Topics = 30_000, append(req.Topics, t)
	res, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("creating topic %s: %w", topic, err)
	}
	return nil
}

// lettersApart puts the dead letters on one broker alone, and everything else on
// all of them.
func lettersApart(ctx context.Context, f *field) error {
	return f.place(ctx, f.service.Letters, map[string]string{"max.message.bytes": "2097152"}, f.kafka.ID(0))
}

// awayLetters takes that broker away. Records that are no events come all the
// time, so every shard comes to wait.
func awayLetters(ctx context.Context, f *field) error {
	f.runs++
	f.kafka.Kill(0)
	if err := f.pause(ctx, time.Duration(f.dose)*time.Second); err != nil {
		return err
	}
	states, err := f.service.States(ctx)
	if err != nil {
		return err
	}
	if err := f.kafka.Restart(0); err != nil {
		return err
	}
	if err := f.recovers(ctx, time.Now()); err != nil {
		return err
	}
	ends := 0
	for i := range states {
		for _, t := range states[i].Topics {
			ends += int(t.Counts.Consumed)
		}
	}
	f.remark("%d of %d records were stored when it came back", ends, f.shop.Written())
	return nil
}

// rest is a namespace with a backlog that is consumed, whose workers have ended
// and which was judged: what follows must not change it.
func (f *field) rest(ctx context.Context) error {
	if err := f.begin(ctx); err != nil {
		return err
	}
	f.feed(ctx, f.rate)
	if _, err := f.probes.probe(ctx, f.shop); err != nil {
		return err
	}
	if err := f.end(ctx); err != nil {
		return err
	}
	return f.judge(ctx)
}

// stops starts a worker, which has to say the code, at its start or of a shard, and
// to leave what is stored of that shard as it is. What is told as recovery is how
// soon it says so.
func (f *field) stops(ctx context.Context, shard int32, code string) error {
	before, err := f.service.States(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	w, err := f.stray(ctx)
	if err != nil {
		return err
	}
	if err := f.says(ctx, w, shard, code); err != nil {
		return err
	}
	f.recovered = append(f.recovered, time.Since(began))
	after, err := f.service.States(ctx)
	if err != nil {
		return err
	}
	if was, is := stored(before[shard]), stored(after[shard]); !reflect.DeepEqual(was, is) {
		return fmt.Errorf("shard %d should have been left as it was, %+v, and is %+v", shard, was, is)
	}
	return nil
}

// says waits until the worker says one of the codes of that shard, and ends it.
func (f *field) says(ctx context.Context, w *service.Worker, shard int32, codes ...string) error {
	err := real.Await(ctx, time.Minute, func(context.Context) error {
		if !slices.ContainsFunc(codes, func(code string) bool { return w.Stopped(shard, code) }) {
			return fmt.Errorf("the worker does not say %s of shard %d: %s", strings.Join(codes, " or "), shard, w.LastWords())
		}
		return nil
	})
	f.kill(w)
	return err
}

// awake starts a worker that has all shards, and has consumed what there is.
func (f *field) awake(ctx context.Context) (*service.Worker, error) {
	w, err := f.start(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.consumed(ctx); err != nil {
		return nil, err
	}
	return w, f.settled(ctx)
}

// stored is a shard's state but for whose it is.
func stored(s store.State) store.State {
	s.Head = ""
	return s
}

// damaged are different shards, as many as the dose.
func (f *field) damaged() []int32 {
	var all []int32
	for _, i := range f.chance.Perm(shards)[:f.dose] {
		all = append(all, int32(i))
	}
	return all
}

// write adds records to one partition of an input, and waits for them.
func (f *field) write(ctx context.Context, topic string, shard int32, records int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(f.kafka.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	batch := make([]*kgo.Record, records)
	for i := range batch {
		batch[i] = &kgo.Record{Topic: topic, Partition: shard, Value: fmt.Appendf(nil, "no event %d at %d", i, time.Now().UnixNano())}
	}
	if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		return fmt.Errorf("writing to %s/%d: %w", topic, shard, err)
	}
	return nil
}

// each does harm to some shards, one after the other, and sees that workers stop
// that are started then. At the first harm a worker is at work, unless nothing shows
// there before the next take-over: he has to stop as well, with one of those codes.
func (f *field) each(ctx context.Context, code string, atWork []string, harm func(shard int32) error) error {
	if err := f.rest(ctx); err != nil {
		return err
	}
	for i, shard := range f.damaged() {
		f.runs++
		var w *service.Worker
		if i == 0 && atWork != nil {
			var err error
			if w, err = f.awake(ctx); err != nil {
				return err
			}
		}
		if err := harm(shard); err != nil {
			return err
		}
		if w != nil {
			if err := f.says(ctx, w, shard, atWork...); err != nil {
				return fmt.Errorf("harming a shard at work: %w", err)
			}
		}
		if err := f.stops(ctx, shard, code); err != nil {
			return err
		}
	}
	f.remark("stops and says %s; recovery is how soon", code)
	if atWork != nil {
		f.remark("a worker at work says %s", strings.Join(atWork, " or "))
	}
	return nil
}

// still stops the workers until it is told that they may go on.
func (f *field) still() (awake func()) {
	all := f.running()
	for _, w := range all {
		w.Signal(syscall.SIGSTOP)
	}
	return func() {
		for _, w := range all {
			w.Signal(syscall.SIGCONT)
		}
	}
}

// truncateLog deletes what nobody has read yet. Whoever is at work must not read it
// in time: he does nothing meanwhile, and finds no more than an answer's worth that
// had been on its way.
func truncateLog(ctx context.Context, f *field) error {
	return f.each(ctx, "log-truncated", []string{"log-truncated"}, func(shard int32) error {
		defer f.still()()
		for range 2 {
			if err := f.write(ctx, f.service.Clicks, shard, 100); err != nil {
				return err
			}
		}
		ends, err := f.ends(ctx, f.service.Clicks)
		if err != nil {
			return err
		}
		return f.kafka.DeleteRecords(ctx, f.service.Clicks, shard, ends[shard]-10)
	})
}

// remake makes a topic again, empty. A broker that still lists the old one would
// say that there is nothing to make.
func (f *field) remake(ctx context.Context, topic string) error {
	if err := f.admin(func(a *kadm.Client) error {
		if _, err := a.DeleteTopic(ctx, topic); err != nil {
			return err
		}
		return real.Await(ctx, time.Minute, func(ctx context.Context) error {
			listed, err := a.ListTopics(ctx, topic)
			if err == nil && listed.Has(topic) {
				err = fmt.Errorf("topic %s was deleted, and is still listed", topic)
			}
			return err
		})
	}); err != nil {
		return err
	}
	return real.Await(ctx, time.Minute, f.service.CreateTopics)
}

func shortenLog(ctx context.Context, f *field) error {
	return f.each(ctx, "log-shorter", []string{"log-shorter"}, func(shard int32) error {
		if err := f.remake(ctx, f.service.Purchases); err != nil {
			return err
		}
		return f.write(ctx, f.service.Purchases, shard, 1)
	})
}

// replaceLog fills the new topic so far that nothing but the last record consumed
// shows that it is another. Whoever is at work does nothing meanwhile, for longer than
// a log may go unseen.
func replaceLog(ctx context.Context, f *field) error {
	return f.each(ctx, "log-replaced", []string{"log-replaced"}, func(shard int32) error {
		defer f.still()()
		was, err := f.ends(ctx, f.service.Purchases)
		if err != nil {
			return err
		}
		if err := f.remake(ctx, f.service.Purchases); err != nil {
			return err
		}
		for i, records := range was {
			if err := f.write(ctx, f.service.Purchases, i, int(records)+1); err != nil {
				return err
			}
		}
		return f.pause(ctx, time.Second)
	})
}

func shortenChanges(ctx context.Context, f *field) error {
	return f.each(ctx, "changes-shorter", []string{"changes-shorter"}, func(shard int32) error {
		if err := f.remake(ctx, f.service.Changes); err != nil {
			return err
		}
		if len(f.running()) > 0 { // whoever is at work finds out when he has something to tell
			f.probes.visitOf(ctx, f.shop, shard)
			return f.shop.Flush(ctx)
		}
		return nil
	})
}

// shareChanges writes what another namespace would.
func shareChanges(ctx context.Context, f *field) error {
	return f.each(ctx, "changes-foreign", nil, func(shard int32) error {
		client, err := kgo.NewClient(kgo.SeedBrokers(f.kafka.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			return err
		}
		defer client.Close()
		return client.ProduceSync(ctx, &kgo.Record{Topic: f.service.Changes, Partition: shard, Key: []byte("c-1"),
			Value:   []byte(`{"id":"0123456789abcdef0123456789abcdef","customer_id":"c-1","version":1}`),
			Headers: []kgo.RecordHeader{{Key: "ce_source", Value: []byte("tidemark/another")}}}).FirstErr()
	})
}

// unclean puts the purchases on two brokers, of which either may lead though it
// lacks what the other has acknowledged.
func unclean(ctx context.Context, f *field) error {
	return f.place(ctx, f.service.Purchases, map[string]string{"unclean.leader.election.enable": "true",
		"message.timestamp.type": "LogAppendTime", "retention.ms": "-1", "min.insync.replicas": "1"}, f.kafka.ID(0), f.kafka.ID(1))
}

// electUnclean lets the follower miss what was consumed, and lead then. What was
// lost is lost for good: each time is a namespace of its own.
func electUnclean(ctx context.Context, f *field) error {
	const leader, follower = 0, 1
	for range f.dose {
		f.runs++
		if err := f.again(f.runs); err != nil {
			return err
		}
		if err := f.rest(ctx); err != nil {
			return err
		}
		shard := f.chance.Int32N(shards)
		f.kafka.Kill(follower)
		if err := real.Await(ctx, time.Minute, func(ctx context.Context) error { return f.write(ctx, f.service.Purchases, shard, 20) }); err != nil {
			return err
		}
		w, err := f.stray(ctx)
		if err != nil {
			return err
		}
		if err := f.consumed(ctx); err != nil {
			return err
		}
		atWork := f.runs%2 == 1
		if !atWork {
			w.Kill()
		}
		f.kafka.Kill(leader)
		if err := f.kafka.Restart(follower); err != nil {
			return err
		}
		if atWork {
			if err := f.says(ctx, w, shard, "log-shorter"); err != nil {
				return fmt.Errorf("harming a shard at work: %w", err)
			}
		}
		if err := f.shorterThan(ctx, shard); err != nil {
			return err
		}
		if err := f.stops(ctx, shard, "log-shorter"); err != nil {
			return err
		}
		// Filled again with other records, it shows by the last one consumed only.
		if err := f.write(ctx, f.service.Purchases, shard, 40); err != nil {
			return err
		}
		if err := f.stops(ctx, shard, "log-replaced"); err != nil {
			return err
		}
		if err := f.kafka.Restart(leader); err != nil {
			return err
		}
	}
	f.remark("stops and says log-shorter, at work too, then log-replaced; recovery is how soon")
	return nil
}

// shorterThan waits until the shard's log ends before what was consumed of it.
func (f *field) shorterThan(ctx context.Context, shard int32) error {
	return real.Await(ctx, time.Minute, func(ctx context.Context) error {
		ends, err := f.ends(ctx, f.service.Purchases)
		if err != nil {
			return err
		}
		states, err := f.service.States(ctx)
		if err != nil {
			return err
		}
		if next := states[shard].Topic(f.service.Purchases).Next; ends[shard] >= next {
			return fmt.Errorf("shard %d was consumed up to %d and ends at %d", shard, next, ends[shard])
		}
		return nil
	})
}
