package sim

import (
	"context"
	"errors"
	"strconv"

	"github.com/tidemark/tidemark/pipeline/store"
)

// Session opens the port of the model that production code knows.
func (r *Redis) Session(namespace string, shard int32, topics []string) store.Session {
	return &session{conn: r.connect(sessionKey(namespace, shard), topics)}
}

func sessionKey(namespace string, shard int32) string {
	return namespace + "/" + strconv.Itoa(int(shard))
}

// session is a conn that ends with its first error.
type session struct {
	conn   *conn
	broken error
}

// end keeps the first error and returns what the caller is to see.
func (s *session) end(err error) error {
	if s.broken == nil {
		s.broken = err
	}
	return err
}

func (s *session) Head(context.Context) (store.State, error) {
	if s.broken != nil {
		return store.State{}, s.broken
	}
	state, err := s.conn.head()
	return state, s.end(err)
}

func (s *session) TakeOver(_ context.Context, expect, fresh string) (store.State, []byte, error) {
	if s.broken != nil {
		return store.State{}, nil, s.broken
	}
	state, outbox, err := s.conn.takeOver(expect, fresh)
	return state, outbox, s.end(err)
}

func (s *session) Load(_ context.Context, customers []string) ([][]byte, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	values, err := s.conn.load(customers)
	return values, s.end(err)
}

func (s *session) Due(_ context.Context, from int64, limit int) ([]store.Timer, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	timers, err := s.conn.due(from, limit)
	return timers, s.end(err)
}

func (s *session) Commit(_ context.Context, c *store.Commit) error {
	if s.broken != nil {
		return s.broken
	}
	return s.end(s.conn.commit(c, nil))
}

func (s *session) Wait(context.Context) error {
	if s.broken != nil {
		return s.broken
	}
	return s.end(s.conn.wait())
}

func (s *session) Close() error {
	if s.broken == nil {
		s.broken = errors.New("the session is closed")
	}
	return nil
}
