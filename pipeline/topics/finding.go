package topics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidemark/tidemark/pkg/policy"
)

// Room is how much larger than the inputs' the records of the dead-letter topic
// may have to be: the headers of a letter, bytes.
const Room = 64 << 10

// Use says what topics are for.
type Use struct {
	Inputs      []string
	Changes     string
	DeadLetters string
	Policy      *policy.Policy
}

// Names are all topics, in the order in which they are told about.
func (u *Use) Names() []string { return append(slices.Clone(u.Inputs), u.Changes, u.DeadLetters) }

// Level is how bad a finding is.
type Level uint8

// The levels.
const (
	Good    Level = iota
	Unknown       // the cluster does not tell
	Advice        // a worker starts, and says so
	Wrong         // a worker refuses to start
)

// What is wrong, by its name in the runbook.
const (
	Missing   = "topic-missing"
	Unequal   = "partitions-unequal"
	Compacted = "topic-compacted"
	TooSmall  = "dead-letters-limit"
)

// Finding is one property of a topic: what it is, and what it should be.
type Finding struct {
	Topic    string
	Property string
	Is       string
	Should   string
	Level    Level

	// Of what is not good: the code of the runbook where a worker refuses to
	// start, what is the matter, and what to do.
	Code, Reason, Remedy string
}

// Judge compares topics, described in the order of u.Names, with what Tidemark
// needs of them. A partition count above 0 is one that the inputs must have.
func (u *Use) Judge(topics []Topic, partitions int32) []Finding {
	j := judge{use: u, topics: topics, partitions: partitions}
	if partitions == 0 {
		j.partitions = Partitions(topics[:len(u.Inputs)])
	}
	for i := range u.Inputs {
		j.input(&topics[i])
	}
	j.changes(&topics[len(u.Inputs)])
	j.deadLetters(&topics[len(u.Inputs)+1])
	return j.found
}

// Partitions is how many the inputs should have: as many as the one that has most,
// because partitions can be added, not removed. 0 where there are none.
func Partitions(inputs []Topic) (n int32) {
	for i := range inputs {
		n = max(n, inputs[i].Partitions)
	}
	return n
}

type judge struct {
	use        *Use
	topics     []Topic
	partitions int32
	found      []Finding
}

func (j *judge) add(t *Topic, property, is, should string) *Finding {
	j.found = append(j.found, Finding{Topic: t.Name, Property: property, Is: is, Should: should})
	return &j.found[len(j.found)-1]
}

func (f *Finding) wrong(code, reason, remedy string) {
	f.Level, f.Code, f.Reason, f.Remedy = Wrong, code, reason, remedy
}

func (f *Finding) advise(reason, remedy string) {
	f.Level, f.Reason, f.Remedy = Advice, reason, remedy
}

// there judges whether the topic is there and whether its settings are known.
func (j *judge) there(t *Topic, what string) (known bool) {
	if !t.Exists() {
		j.add(t, "partitions", "missing", count(j.partitions)).wrong(Missing,
			fmt.Sprintf("topic %s (%s) does not exist", t.Name, what),
			"create it: `tidemark topics --create` does; or mend its name in the configuration")
		return false
	}
	if t.settings == nil {
		f := j.add(t, "settings", "unknown", "readable")
		f.Level = Unknown
		f.Reason = fmt.Sprintf("the settings of topic %s cannot be read (%v): whether it is kept long enough, and dated by the broker, is not known", t.Name, t.unread)
		f.Remedy = "grant DescribeConfigs on topic " + t.Name
		return false
	}
	return true
}

func count(n int32) string {
	if n == 0 {
		return "at least 1"
	}
	return strconv.Itoa(int(n))
}

// copartitioned judges the partition count of an input or the changes topic.
func (j *judge) copartitioned(t *Topic, reason string) {
	if !t.Exists() {
		return
	}
	f := j.add(t, "partitions", count(t.Partitions), count(j.partitions))
	if t.Partitions != j.partitions {
		f.wrong(Unequal, reason,
			"give all inputs and the changes topic the same number of partitions; `tidemark repartition` feeds new inputs from old topics")
	}
}

func (j *judge) input(t *Topic) {
	j.copartitioned(t, fmt.Sprintf("input %s has %d partitions where %d are needed, so a customer's events would lie in shards of different workers", t.Name, t.Partitions, j.partitions))
	if !j.there(t, "an input") {
		return
	}
	j.dated(t)
	j.cleanup(t, fmt.Sprintf("input %s is compacted: of a customer's events only the last would stay", t.Name))
	j.inputRetention(t)
}

func (j *judge) dated(t *Topic) {
	kind, ok := t.setting(timestampType)
	if !ok {
		return
	}
	if f := j.add(t, "timestamps", kind, "LogAppendTime"); kind != "LogAppendTime" {
		f.advise(fmt.Sprintf("input %s is of %s: a producer can set both times of an event, and a fast clock of one moves the time of its whole shard", t.Name, kind),
			"set message.timestamp.type=LogAppendTime, or trust every producer's clock")
	}
}

func (j *judge) cleanup(t *Topic, reason string) {
	kind, ok := t.setting(cleanup)
	if !ok {
		return
	}
	if f := j.add(t, "clean-up", kind, "delete"); t.compacted() {
		f.wrong(Compacted, reason, "set cleanup.policy=delete; what compaction has removed already is lost, so choose a new topic if it ran")
	}
}

// inputRetention judges how long events are kept. A rebuild (Redis was lost,
// another policy) reads them again: the window needs the horizon and the grace.
func (j *judge) inputRetention(t *Topic) {
	needed := policy.Duration(j.use.Policy.Horizon() + policy.Grace)
	text, enough, known := t.kept(int64(needed))
	if !known {
		return
	}
	if f := j.add(t, "retention", text, "unlimited, or at least "+needed.String()); !enough {
		f.advise(fmt.Sprintf("input %s keeps %s: if Redis is lost, or for another policy, segments cannot be computed again from it", t.Name, text),
			fmt.Sprintf("set retention.ms to at least %d (%s: the horizon and a week), and retention.bytes=-1; only unlimited retention gives lifetime totals again", int64(needed), needed))
	}
}

// kept tells for how long a topic keeps records, and whether that is enough. A
// topic that is not cleaned up keeps all.
func (t *Topic) kept(needed int64) (text string, enough, known bool) {
	ms, msKnown := t.number(retention)
	size, sizeKnown := t.number(retentionBytes)
	if !msKnown {
		return "", false, false
	}
	text, enough = "unlimited", true
	if ms >= 0 {
		text, enough = policy.Duration(ms).String(), ms >= needed && needed >= 0
	}
	if sizeKnown && size >= 0 {
		text, enough = strings.TrimPrefix(text+" and ", "unlimited and ")+fmt.Sprintf("%d bytes", size), false
	}
	return text, enough, true
}

func (j *judge) changes(t *Topic) {
	j.copartitioned(t, fmt.Sprintf("changes topic %s has %d partitions where the inputs have %d, but shard i writes partition i", t.Name, t.Partitions, j.partitions))
	if !j.there(t, "the changes") {
		return
	}
	j.cleanup(t, fmt.Sprintf("changes topic %s is compacted: what was published could not be read back after Redis lost it", t.Name))
	text, enough, known := t.kept(-1)
	if !known {
		return
	}
	if f := j.add(t, "retention", text, "unlimited"); !enough {
		f.advise(fmt.Sprintf("changes topic %s keeps %s: what was published longer ago could not be read back after Redis lost it, and versions would repeat", t.Name, text),
			"set retention.ms=-1 and retention.bytes=-1")
	}
}

func (j *judge) deadLetters(t *Topic) {
	if !j.there(t, "the dead letters") {
		return
	}
	j.add(t, "partitions", count(t.Partitions), "any")
	j.cleanup(t, fmt.Sprintf("dead-letter topic %s is compacted: it refuses records without a key, and the shard would wait for good", t.Name))
	limit, ok := t.number(maxMessageBytes)
	if !ok {
		return
	}
	needed := j.use.letterBytes(j.topics)
	if f := j.add(t, "record size", fmt.Sprintf("%d bytes", limit), fmt.Sprintf("at least %d", needed)); limit < needed {
		f.wrong(TooSmall,
			fmt.Sprintf("dead-letter topic %s takes records of %d bytes, but the largest that the inputs take need %d there: a shard that rejects one would wait for good", t.Name, limit, needed),
			fmt.Sprintf("set its max.message.bytes to at least %d", needed))
	}
}

// letterBytes is what the dead-letter topic must take: the longest record that
// an input may have, with the headers of a letter.
func (u *Use) letterBytes(topics []Topic) int64 {
	most := int64(u.Policy.MaxEventBytes)
	for i := range u.Inputs {
		if n, ok := topics[i].number(maxMessageBytes); ok {
			most = max(most, n)
		}
	}
	return most + Room
}
