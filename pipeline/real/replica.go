package real

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Follow makes the server the replica of another, and returns when it has what
// that one has.
func (r *Redis) Follow(ctx context.Context, master *Redis) error {
	err := r.Do(ctx, "REPLICAOF", "127.0.0.1", strconv.Itoa(master.port))
	if err == nil {
		err = r.linked(ctx)
	}
	if err != nil {
		return fmt.Errorf("making a replica: %w", err)
	}
	return nil
}

// Lead makes the server a master of its own.
func (r *Redis) Lead(ctx context.Context) error { return r.Do(ctx, "REPLICAOF", "NO", "ONE") }

// noSecret is what no master here takes from a replica: none of them has a
// password.
const noSecret = "not-the-password"

// Unlink keeps a replica from hearing of its master until Relink: it stays as it
// is, of a cluster, too, and what it is promoted with then lacks the rest.
func (r *Redis) Unlink(ctx context.Context) error {
	err := r.Do(ctx, "CONFIG", "SET", "masterauth", noSecret)
	if err == nil {
		err = r.Do(ctx, "CLIENT", "KILL", "TYPE", "master")
	}
	if err == nil {
		err = r.awaitLink(ctx, "down")
	}
	if err != nil {
		return fmt.Errorf("cutting a replica from its master: %w", err)
	}
	return nil
}

// Relink lets a server follow its master again, if it has one.
func (r *Redis) Relink(ctx context.Context) error {
	return r.Do(ctx, "CONFIG", "SET", "masterauth", "")
}

// CatchUp waits until a replica has what its master has written until now. WAIT
// would not do: it is about the writes of its own connection.
func (r *Redis) CatchUp(ctx context.Context, master *Redis) error {
	written, err := master.offset(ctx, "master_repl_offset")
	if err != nil {
		return fmt.Errorf("asking a master how far it is: %w", err)
	}
	return Await(ctx, redisTimeout, func(ctx context.Context) error {
		heard, err := r.offset(ctx, "slave_repl_offset")
		if err == nil && heard < written {
			err = fmt.Errorf("a replica is at %d of %d", heard, written)
		}
		return err
	})
}

func (r *Redis) offset(ctx context.Context, field string) (int64, error) {
	value, err := r.replication(ctx, field)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(value, 10, 64)
}

// linked waits until a replica has what its master has.
func (r *Redis) linked(ctx context.Context) error { return r.awaitLink(ctx, "up") }

func (r *Redis) awaitLink(ctx context.Context, want string) error {
	return Await(ctx, redisTimeout, func(ctx context.Context) error {
		status, err := r.replication(ctx, "master_link_status")
		if err == nil && status != want {
			err = errors.New("the link of a replica to its master is not " + want)
		}
		return err
	})
}

// replication is a field of what a server says of its replication.
func (r *Redis) replication(ctx context.Context, field string) (value string, err error) {
	err = r.do(ctx, func(client *redis.Client) error {
		info, err := client.InfoMap(ctx, "replication").Result()
		value = info["Replication"][field]
		return err
	})
	return value, err
}

// leads waits until a server is a master.
func (r *Redis) leads(ctx context.Context) error {
	role, err := r.replication(ctx, "role")
	if err == nil && role != "master" {
		err = errors.New("it is still a replica")
	}
	return err
}
