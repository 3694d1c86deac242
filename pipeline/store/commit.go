package store

import (
	"context"
	"errors"
	"fmt"
)

// ErrFenced says that the stored head is not the one expected: another worker
// took the shard over, or Redis lost writes. The caller's memory is worthless.
var ErrFenced = errors.New("the shard's head in Redis is not ours: another worker owns the shard, or Redis went back in time")

// ErrUnreadable says that what is stored is not what this version writes:
// another one did, or somebody else. Trying again does not help.
var ErrUnreadable = errors.New("the shard's hash in Redis cannot be read")

// Deleted is the field of the hashes of a namespace that is being deleted, or
// was in part.
const Deleted = "deleted"

// ErrDeleted says that a delete of the namespace has begun: customers may be gone
// that the shard counts.
var ErrDeleted = fmt.Errorf("%w: a delete of the namespace has begun", ErrUnreadable)

// Entry is one customer's new value; a nil Value deletes him.
type Entry struct {
	Customer string
	Value    []byte
}

// Timer is one member of the timers zset: when a customer must be looked at
// though no event came. At is unix ms; in a Commit, instant.None removes it.
type Timer struct {
	Customer string
	At       int64
}

// Commit is everything one batch changes, in absolute values only, so that it
// means the same however often it is read.
type Commit struct {
	Head      string // what must be stored now
	State     *State // with the new Head
	Customers []Entry
	Timers    []Timer
	Outbox    []byte // all changes that Kafka has not acknowledged, old and new
}

// Session is one shard's connection to its store, from a take-over to the
// first error. After an error every call fails: a worker must not meet, on a
// second connection, a server that went back to the worker's own head.
type Session interface {
	// Head reads the head and the state as they are, before taking over.
	Head(ctx context.Context) (State, error)
	// TakeOver sets the head to fresh if it is still expect (empty: none is
	// stored) and returns the state with the outbox. ErrFenced if it is not.
	TakeOver(ctx context.Context, expect, fresh string) (State, []byte, error)
	// Load returns the values of customers, nil for the unknown, in order.
	Load(ctx context.Context, customers []string) ([][]byte, error)
	// Due returns the first limit timers with a time of at least from, by time.
	Due(ctx context.Context, from int64, limit int) ([]Timer, error)
	// Commit applies a batch, all of it or nothing. ErrFenced if the head moved.
	// After any other error nobody knows whether it was applied.
	Commit(ctx context.Context, c *Commit) error
	// Wait returns when the commits of this session are as durable as configured.
	Wait(ctx context.Context) error
	// Close ends the session. Commands under way may still take effect.
	Close() error
}
