package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/real"
	"github.com/tidemark/tidemark/pipeline/sink"
	"github.com/tidemark/tidemark/pipeline/source"
	"github.com/tidemark/tidemark/pkg/partition"
)

func TestRepartition(t *testing.T) {
	servers := emptyServers(t, map[string]int32{"purchases": 3, "clicks": 3, "dead-letters": 1, "old-clicks": 2})
	client, err := source.Open(source.Config{Brokers: servers.Brokers(), Topics: []string{"clicks", "old-clicks", "dead-letters"}})
	require.NoError(t, err)
	defer client.Close()
	_, err = sink.New(client).Produce(t.Context(), "old-clicks", 1, []sink.Record{
		{Value: []byte(`{"id":"e-1","type":"click","customer_id":"c-42"}`)}, {Value: []byte("{")}})
	require.NoError(t, err)

	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stdout, stderr bytes.Buffer
	code := make(chan int)
	go func() {
		code <- run(ctx, strings.Fields("repartition -c tidemark.yaml --from old-clicks --to clicks"), nil, &stdout, &stderr)
	}()
	require.NoError(t, real.Await(t.Context(), 30*time.Second, func(ctx context.Context) error {
		_, forwarded, err := client.Bounds(ctx, "clicks", partition.Murmur2.Partition("c-42", 3))
		_, rejected, letterErr := client.Bounds(ctx, "dead-letters", 0)
		if forwarded != 1 || rejected != 1 {
			return errors.Join(errors.New("not all is forwarded"), err, letterErr)
		}
		return nil
	}))
	interrupt()
	require.Equal(t, good, <-code, stderr.String())
	require.Equal(t, "forwarded 1 record, 1 record to the dead letters\n", stdout.String())
	require.Contains(t, stderr.String(), `"msg":"forwarding"`)

	// It goes on where it was; the other input is fed from the beginning.
	for to, says := range map[string]string{
		"clicks":    "forwarded 0 records, 0 records to the dead letters\n",
		"purchases": "forwarded 1 record, 1 record to the dead letters\n",
	} {
		r := tidemark(t, nil, "repartition", "-c", "tidemark.yaml", "--from", "old-clicks", "--to", to, "--to-end")
		require.Equal(t, good, r.code, r.stderr)
		require.Equal(t, says, r.stdout, to)
	}
}

func TestRepartitionMisused(t *testing.T) {
	for args, says := range map[string]string{
		"repartition":                                          "name those to forward with --from",
		"repartition --from old":                               "which of the inputs to forward to: purchases, clicks",
		"repartition --from old --to older":                    "--to older is no input",
		"repartition --from purchases --to clicks":             "an input already",
		"repartition --from segment-changes --to clicks":       "holds the changes",
		"repartition --from old,dead-letters --to clicks":      "tidemark dead-letters retry",
		"repartition --from old --from old --to clicks":        "name each topic once",
		"repartition --from old --to clicks another-old-topic": "unknown command",
	} {
		r := tidemark(t, nil, strings.Fields(args)...)
		require.Equal(t, misused, r.code, args)
		require.Contains(t, r.stderr, says, args)
	}
}
