//go:build real

package real_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pipeline/real"
)

// Most tests share one broker and use topics of their own on it.
var shared struct {
	once      sync.Once
	signing   sync.Once
	dir       string
	authority *real.Authority // signs for the broker
	kafka     *real.Kafka
	err       error
	topics    int
}

func TestMain(m *testing.M) {
	code := m.Run()
	var leak error
	if shared.kafka != nil {
		leak = shared.kafka.Close()
	}
	if shared.dir != "" {
		leak = errors.Join(leak, os.RemoveAll(shared.dir))
	}
	if leak = errors.Join(leak, goleak.Find()); leak != nil && code == 0 {
		fmt.Fprintln(os.Stderr, leak)
		code = 1
	}
	os.Exit(code)
}

func sharedKafka(t *testing.T) *real.Kafka {
	sharedAuthority(t)
	shared.once.Do(func() { shared.kafka, shared.err = real.StartSecuredKafka(shared.authority) })
	require.NoError(t, shared.err)
	return shared.kafka
}

// sharedAuthority signs for whoever is to be trusted.
func sharedAuthority(t *testing.T) *real.Authority {
	shared.signing.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "tidemark-authority-"); shared.err == nil {
			shared.authority, shared.err = real.NewAuthority(shared.dir)
		}
	})
	require.NoError(t, shared.err)
	return shared.authority
}

// unused makes names that no other test has.
func unused(name string) string {
	shared.topics++
	return fmt.Sprintf("%s-%d", name, shared.topics)
}

func startRedis(t *testing.T, settings ...string) *real.Redis {
	r, err := real.StartRedis(settings...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func startCluster(t *testing.T, masters, replicas int, settings ...string) *real.Cluster {
	c, err := real.StartCluster(masters, replicas, settings...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// bounded is a context for a test that talks to servers.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
