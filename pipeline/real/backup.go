package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/redis/go-redis/v9"
)

// backupFile is what Redis calls a dump of all it has.
const backupFile = "dump.rdb"

// Backup has the server write a dump, and keeps it, as operators do at night.
func (r *Redis) Backup(ctx context.Context) (Snapshot, error) {
	err := r.Do(ctx, "SAVE")
	var dir string
	if err == nil {
		dir, err = os.MkdirTemp(r.dir, "backup-")
	}
	if err == nil {
		err = os.Rename(filepath.Join(r.dir, dataDir, backupFile), filepath.Join(dir, backupFile))
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("keeping a dump of Redis: %w", err)
	}
	return Snapshot{dir}, nil
}

// Restore kills the server and puts a backup in the place of what it had, as its
// manual says: with the append-only file, if there is one, switched on again
// while it runs.
func (r *Redis) Restore(ctx context.Context, backup Snapshot) error {
	r.process.kill()
	data := filepath.Join(r.dir, dataDir)
	err := os.RemoveAll(filepath.Join(data, appendDir))
	if err == nil {
		err = os.RemoveAll(filepath.Join(data, backupFile))
	}
	if err == nil {
		err = os.Link(filepath.Join(backup.dir, backupFile), filepath.Join(data, backupFile))
	}
	if err == nil {
		err = r.startOnce("--appendonly", "no")
	}
	if err == nil && r.appends() {
		err = r.appendAgain(ctx)
	}
	if err != nil {
		return fmt.Errorf("putting a dump of Redis back: %w", err)
	}
	return nil
}

// startOnce starts the server with further settings, this time only.
func (r *Redis) startOnce(settings ...string) error {
	args := r.args
	defer func() { r.args = args }()
	r.args = slices.Concat(args, settings)
	return r.start()
}

// appends says whether the server is to have an append-only file.
func (r *Redis) appends() bool {
	at := slices.Index(r.args, "--appendonly")
	return at >= 0 && at+1 < len(r.args) && r.args[at+1] == "yes"
}

// appendAgain has the server begin an append-only file with what it holds.
func (r *Redis) appendAgain(ctx context.Context) error {
	if err := r.Do(ctx, "CONFIG", "SET", "appendonly", "yes"); err != nil {
		return err
	}
	return r.written(ctx)
}

// unrewritten does something while the append-only file is not written anew,
// which would take files away meanwhile.
func (r *Redis) unrewritten(ctx context.Context, what func() error) error {
	const growth = "auto-aof-rewrite-percentage"
	return r.do(ctx, func(client *redis.Client) error {
		before, err := client.ConfigGet(ctx, growth).Result()
		if err != nil {
			return err
		}
		if err := client.ConfigSet(ctx, growth, "0").Err(); err != nil {
			return err
		}
		err = r.written(ctx)
		if err == nil {
			err = what()
		}
		return errors.Join(err, client.ConfigSet(ctx, growth, before[growth]).Err())
	})
}

// written waits until the server has written its append-only file anew, if it is
// about to.
func (r *Redis) written(ctx context.Context) error {
	return Await(ctx, redisTimeout, func(ctx context.Context) error {
		return r.do(ctx, func(client *redis.Client) error {
			info, err := client.InfoMap(ctx, "persistence").Result()
			if err == nil && (info["Persistence"]["aof_rewrite_in_progress"] != "0" || info["Persistence"]["aof_rewrite_scheduled"] != "0") {
				err = errors.New("it is writing its append-only file")
			}
			return err
		})
	})
}
