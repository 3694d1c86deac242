package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tidemark/tidemark/pipeline/store"
)

// lines are the messages logged since they were asked for last.
func lines(logs *observer.ObservedLogs) []string {
	var messages []string
	for _, e := range logs.TakeAll() {
		messages = append(messages, e.Message)
	}
	return messages
}

func TestATroubleIsToldAtFirstThenOnceInAWhileAndWhenItIsOver(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	now := Clock{Tick: 7}
	d := &driver{shard: newBench(t, nil).shard, config: &ShardConfig{}, clock: func() Clock { return now },
		trouble: troubles{log: zap.New(core)}}
	answer := func(kind OpKind, err error) { d.finish(&Op{Kind: kind, Err: err}) }

	answer(OpBury, nil)
	require.Empty(t, lines(logs))
	answer(OpBury, errors.New("no such topic"))
	require.Equal(t, []string{"trying again"}, lines(logs))
	for range 299 {
		now.Tick += troubleInterval / 300
		answer(OpBury, errors.New("no such topic"))
	}
	require.Empty(t, lines(logs))
	answer(OpPublish, errors.New("no such topic"))
	require.Equal(t, []string{"trying again"}, lines(logs), "another trouble")
	now.Tick += troubleInterval / 300
	answer(OpBury, errors.New("no such topic"))
	told := logs.TakeAll()
	require.Len(t, told, 1)
	require.EqualValues(t, 301, told[0].ContextMap()["failures"])
	require.Equal(t, "bury", told[0].ContextMap()["io"])
	require.Equal(t, "no such topic", told[0].ContextMap()["error"])
	answer(OpBury, nil)
	require.Equal(t, []string{"works again"}, lines(logs))
	answer(OpBury, nil)
	require.Empty(t, lines(logs))
	answer(OpBury, errors.New("no such topic"))
	require.Equal(t, []string{"trying again"}, lines(logs), "a new one")
}

func TestToBeFencedOrToLeaveIsNoTrouble(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	trouble := troubles{log: zap.New(core)}
	for _, err := range []error{store.ErrFenced, context.Canceled, nil} {
		trouble.tell(&Op{Kind: OpCommit, Err: err}, 0)
	}
	require.Empty(t, lines(logs))
}
