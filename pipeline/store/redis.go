package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidemark/tidemark/pkg/instant"
	"github.com/tidemark/tidemark/pkg/keys"
)

// Config says which Redis holds the state.
type Config struct {
	Addrs      []string    // host:port of a server, of some nodes of a cluster, or of sentinels
	Mode       Mode        // which of them
	Username   string      // an ACL user; empty: the default user
	Password   string      // empty: none
	TLS        *tls.Config // nil: connections are plain
	Sentinel   Sentinel
	Durability Durability
	Namespace  string
	Topics     []string      // input topics, by name
	Timeout    time.Duration // of one command; zero: 10 s
	Retries    int           // of a command that failed. For readers: a store that commits must have none
}

const (
	defaultTimeout = 10 * time.Second
	maxShards      = 4096 // per process and node, far above what anyone runs
)

// Format says where the store is and nothing of passwords, whatever the verb:
// whoever prints a Config shows no secret.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "Redis at %s as %q, namespace %s", strings.Join(c.Addrs, ","), c.Username, c.Namespace)
}

// MarshalText is Format's for JSON and logs.
func (c Config) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

// Redis is the store of a namespace on a Redis server, behind sentinels, or on a
// cluster.
type Redis struct {
	config Config
	turn   chan struct{}         // held by who uses what is below
	client redis.UniversalClient // nil until it is known what the addresses are
	closed bool
}

// Open prepares the store; the server is met at the first command.
func Open(config Config) *Redis {
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	return &Redis{config: config, turn: make(chan struct{}, 1)}
}

// Time is the server's clock, unix ms.
func (r *Redis) Time(ctx context.Context) (int64, error) {
	client, err := r.Client(ctx)
	if err != nil {
		return 0, err
	}
	t, err := client.Time(ctx).Result()
	if err != nil {
		return 0, fmt.Errorf("asking Redis for its time: %w", r.config.explain(err))
	}
	return t.UnixMilli(), nil
}

// Session opens a connection of its own to the node that holds the shard.
func (r *Redis) Session(ctx context.Context, shard int32) (Session, error) {
	client, err := r.Client(ctx)
	if err != nil {
		return nil, err
	}
	node, err := r.node(ctx, client, shard)
	if err != nil {
		return nil, err
	}
	return &session{conn: node.Conn(), keys: keys.Of(r.config.Namespace, shard), topics: r.config.Topics,
		config: &r.config, durability: r.config.Durability, timeout: r.config.Timeout, doubted: func() { doubted(client) }}, nil
}

// doubted has the cluster's map looked at again after an error: the shard may
// have moved, or its node be gone. go-redis does so for commands that it routes
// itself; those of a session it does not see, and by itself it looks once a
// minute. It is done beside, at most a few times a second for all sessions.
func doubted(client redis.UniversalClient) {
	if c, ok := client.(*redis.ClusterClient); ok {
		c.ReloadState(context.Background())
	}
}

// session is a Session on one connection. Its first error ends it: go-redis
// would put another connection in the place of a broken one.
type session struct {
	conn    *redis.Conn
	keys    keys.Keys
	topics  []string
	doubted func() // told of errors that may mean that the shard is elsewhere now
	broken  error

	config     *Config
	durability Durability
	timeout    time.Duration
	args       []any
	fields     []string
	names      []string
}

// end remembers the first error.
func (s *session) end(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", doing, s.config.explain(err))
	if s.broken == nil {
		s.broken = err
	}
	if !errors.Is(err, ErrFenced) {
		s.doubted()
	}
	return err
}

func (s *session) Head(ctx context.Context) (State, error) {
	if s.broken != nil {
		return State{}, s.broken
	}
	fields, err := s.conn.HGetAll(ctx, s.keys.Shard()).Result()
	if err != nil {
		return State{}, s.end("reading the shard's head", err)
	}
	state, err := ParseState(fields, s.topics)
	return state, s.end("reading the shard's head", err)
}

func (s *session) TakeOver(ctx context.Context, expect, fresh string) (State, []byte, error) {
	const doing = "taking the shard over"
	if s.broken != nil {
		return State{}, nil, s.broken
	}
	reply, err := takeOver.Run(ctx, s.conn, []string{s.keys.Shard(), s.keys.Outbox(), s.keys.Trial()}, expect, fresh).Slice()
	if err != nil {
		return State{}, nil, s.end(doing, err)
	}
	if len(reply) == 0 || reply[0] != "ok" {
		return State{}, nil, s.end(doing, ErrFenced)
	}
	// A missing outbox is a nil, with which Lua ends its arrays.
	hash, ok := reply[1].([]any)
	if !ok {
		return State{}, nil, s.end(doing, fmt.Errorf("unexpected answer %T", reply[1]))
	}
	fields := make(map[string]string, len(hash)/2)
	for i := 0; i+1 < len(hash); i += 2 {
		fields[hash[i].(string)] = hash[i+1].(string)
	}
	state, err := ParseState(fields, s.topics)
	if err != nil {
		return State{}, nil, s.end(doing, err)
	}
	var outbox []byte
	if len(reply) > 2 {
		if raw, ok := reply[2].(string); ok {
			outbox = []byte(raw)
		}
	}
	return state, outbox, nil
}

func (s *session) Load(ctx context.Context, customers []string) ([][]byte, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	if len(customers) == 0 {
		return nil, nil
	}
	s.names = s.names[:0]
	for _, id := range customers {
		s.names = append(s.names, s.keys.Customer(id))
	}
	reply, err := s.conn.MGet(ctx, s.names...).Result()
	if err != nil {
		return nil, s.end("loading customers", err)
	}
	values := make([][]byte, len(reply))
	for i, v := range reply {
		if text, ok := v.(string); ok {
			values[i] = []byte(text)
		}
	}
	return values, nil
}

func (s *session) Due(ctx context.Context, from int64, limit int) ([]Timer, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	low := "-inf"
	if from != instant.None {
		low = strconv.FormatInt(from, 10)
	}
	reply, err := s.conn.ZRangeByScoreWithScores(ctx, s.keys.Timers(),
		&redis.ZRangeBy{Min: low, Max: "+inf", Count: int64(limit)}).Result()
	if err != nil {
		return nil, s.end("reading due timers", err)
	}
	timers := make([]Timer, len(reply))
	for i, z := range reply {
		timers[i] = Timer{Customer: z.Member.(string), At: int64(z.Score)}
	}
	return timers, nil
}

func (s *session) Commit(ctx context.Context, c *Commit) error {
	if s.broken != nil {
		return s.broken
	}
	keys, args := s.arguments(c)
	reply, err := commit.Run(ctx, s.conn, keys, args...).Text()
	clear(args)
	if err != nil {
		return s.end("committing a batch", err)
	}
	if reply != "ok" {
		return s.end("committing a batch", ErrFenced)
	}
	return nil
}

// arguments lays a commit out for the script.
func (s *session) arguments(c *Commit) ([]string, []any) {
	s.fields = c.State.Fields(s.fields[:0])
	names := append(s.names[:0], s.keys.Shard(), s.keys.Timers(), s.keys.Outbox())
	deletes := 0
	for i := range c.Customers {
		if c.Customers[i].Value != nil {
			names = append(names, s.keys.Customer(c.Customers[i].Customer))
		} else {
			deletes++
		}
	}
	if deletes > 0 {
		for i := range c.Customers {
			if c.Customers[i].Value == nil {
				names = append(names, s.keys.Customer(c.Customers[i].Customer))
			}
		}
	}
	s.names = names
	removes := 0
	for i := range c.Timers {
		if c.Timers[i].At == instant.None {
			removes++
		}
	}
	args := append(s.args[:0], c.Head, len(s.fields), len(c.Customers)-deletes, deletes,
		len(c.Timers)-removes, removes, c.Outbox)
	for i := range s.fields {
		args = append(args, &s.fields[i])
	}
	for i := range c.Customers {
		if c.Customers[i].Value != nil {
			args = append(args, c.Customers[i].Value)
		}
	}
	for i := range c.Timers {
		if c.Timers[i].At != instant.None {
			args = append(args, &c.Timers[i].At, &c.Timers[i].Customer)
		}
	}
	for i := range c.Timers {
		if c.Timers[i].At == instant.None {
			args = append(args, &c.Timers[i].Customer)
		}
	}
	s.args = args
	return names, args
}

func (s *session) Close() error {
	if s.broken == nil {
		s.broken = errors.New("the session is closed")
	}
	return s.conn.Close()
}
