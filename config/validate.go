package config

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tidemark/tidemark/pkg/policy"
)

var (
	// The namespace is a part of Redis keys, where { would begin a hash tag of
	// its own, of a URI and of a consumer group.
	namespaceForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	topicForm     = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)
)

// CheckNamespace says what is wrong with the name of a namespace.
func CheckNamespace(name string) error {
	if !namespaceForm.MatchString(name) {
		return fmt.Errorf("%q must be 1 to 100 letters, digits, dots, underscores or hyphens", name)
	}
	return nil
}

func (r *reader) validate(c *Config) {
	if err := CheckNamespace(c.Namespace); err != nil {
		r.wrong("namespace", "%v", err)
	}
	r.addresses("kafka.brokers", c.Kafka.Brokers)
	r.tls("kafka.tls", &c.Kafka.TLS)
	r.sasl(&c.Kafka.SASL)
	r.topics(c.Kafka)
	r.addresses("redis.addrs", c.Redis.Addrs)
	r.redis(&c.Redis)
	r.choice("clock", c.Clock, "wall", "event")
	if c.Clock == "wall" && c.TimerGrace < 250*policy.Millisecond {
		r.wrong("timer_grace", "%s is less than 250ms: Kafka's answers are older than that before they are read", c.TimerGrace)
	}
	if c.TimerGrace > policy.Hour {
		r.wrong("timer_grace", "%s is more than 1h: stream time would stay behind by as much", c.TimerGrace)
	}
	if t := c.Kafka.SessionTimeout; t < policy.Second || t > 5*policy.Minute {
		r.wrong("kafka.session_timeout", "%s must be 1s to 5m, and what the brokers allow (group.min.session.timeout.ms, by default 6s)", t)
	}
	r.choice("start.publish", c.Start.Publish, "snapshot", "all", "none")
	if c.Server.Listen != "" {
		r.address("server.listen", c.Server.Listen, true)
	}
	r.choice("log.level", c.Log.Level, "debug", "info", "warn", "error")
	r.choice("log.format", c.Log.Format, "json", "console")
}

// wrong adds a problem of a value at the line where it was given, unless that
// line is a problem already: one mistake should be told once.
func (r *reader) wrong(path, format string, values ...any) {
	for _, p := range r.problems {
		if p.Path == path || strings.HasPrefix(p.Path, path+".") || strings.HasPrefix(p.Path, path+"[") {
			return
		}
	}
	r.problems = append(r.problems, Problem{File: r.file, Line: r.lines[path], Path: path, Message: fmt.Sprintf(format, values...)})
}

func (r *reader) choice(path, value string, allowed ...string) bool {
	if slices.Contains(allowed, value) {
		return true
	}
	last := len(allowed) - 1
	r.wrong(path, "%q must be %s or %s", value, strings.Join(allowed[:last], ", "), allowed[last])
	return false
}

func (r *reader) addresses(path string, addresses []string) {
	if len(addresses) == 0 {
		r.wrong(path, "is empty: give at least one host:port")
	}
	for i, a := range addresses {
		r.address(index(path, i), a, false)
	}
}

// address checks host:port. A server may leave the host out: it then listens on
// all of them.
func (r *reader) address(path, address string, anyHost bool) {
	if strings.ContainsAny(address, "@/") {
		// It may be a URL with a password in it.
		r.wrong(path, "must be host:port and nothing else: users and passwords have settings of their own")
		return
	}
	host, port, err := net.SplitHostPort(address)
	number, numberErr := strconv.Atoi(port)
	if err != nil || numberErr != nil || number < 0 || number > 65535 || (host == "" && !anyHost) || (number == 0 && !anyHost) {
		example := "localhost:9092"
		if anyHost {
			example = ":8080"
		}
		r.wrong(path, "%q must be host:port, such as %s", address, example)
	}
}

// maxInputs is how many inputs package verify can tell apart: it keeps the number
// of one in a byte of every event.
const maxInputs = 256

func (r *reader) topics(k Kafka) {
	switch n := len(k.Inputs); {
	case n == 0:
		r.wrong("kafka.inputs", "is empty: give at least one topic")
	case n > maxInputs:
		r.wrong("kafka.inputs", "has %d topics: give at most %d", n, maxInputs)
	}
	used := map[string]string{}
	check := func(path, topic string) {
		first, twice := used[topic]
		switch {
		case !topicForm.MatchString(topic) || topic == "." || topic == "..":
			r.wrong(path, "%q must be 1 to 249 letters, digits, dots, underscores or hyphens", topic)
		case twice:
			r.wrong(path, "%q is used as %s already: every topic has one use", topic, first)
		default:
			used[topic] = path
		}
	}
	for i, input := range k.Inputs {
		if input.Topic == "" {
			r.wrong(index("kafka.inputs", i), "has no topic: write {topic: …}")
			continue
		}
		check(index("kafka.inputs", i)+".topic", input.Topic)
	}
	check("kafka.topics.changes", k.Topics.Changes)
	check("kafka.topics.dead_letters", k.Topics.DeadLetters)
}
