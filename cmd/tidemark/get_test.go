package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pipeline/local"
	"github.com/tidemark/tidemark/pkg/policy"
)

func TestGet(t *testing.T) {
	world, err := local.Start(local.Options{Namespace: "acme", Policy: policy.Default()})
	require.NoError(t, err)
	defer func() { require.NoError(t, world.Close()) }()
	feed, err := world.Feed(policy.Default())
	require.NoError(t, err)
	for line := range strings.Lines(story) {
		require.NoError(t, feed.Add(t.Context(), []byte(strings.TrimSuffix(line, "\n"))))
	}
	require.NoError(t, feed.Flush(t.Context()))
	p, err := world.Pipeline(world.Replay())
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context()))

	at := []string{"--redis", world.RedisAddr(), "--namespace", "acme"}
	require.Equal(t, `{"customer_id":"c-42","lifecycle":"potential","since":"2026-01-01T00:00:00.000Z","version":1,"orders":2,"monetary":"20.00","currency":"EUR","first_seen_at":"2026-01-01T00:00:00.000Z","last_order_at":"2026-01-03T00:00:00.000Z","last_seen_at":"2026-01-03T00:00:00.000Z","next":{"segment":"edge","at":"2026-04-03T00:00:00.000Z"}}
`, succeed(t, nil, append([]string{"get", "c-42", "--output", "json"}, at...)...))
	require.Equal(t, `customer    c-42
segment     potential since 2026-01-01T00:00:00.000Z (version 1)
next        edge at 2026-04-03T00:00:00.000Z, if nothing happens
orders      2 within 365d, 20.00 EUR
first seen  2026-01-01T00:00:00.000Z
last order  2026-01-03T00:00:00.000Z
last seen   2026-01-03T00:00:00.000Z
as of       2026-01-03T00:00:00.000Z
`, succeed(t, nil, append([]string{"get", "c-42"}, at...)...))
	require.Contains(t, succeed(t, nil, append([]string{"get", "c-7"}, at...)...), "last order  never\n")

	for args, says := range map[string]string{
		"get c-8 --namespace acme":                `customer "c-8" has no segment in namespace acme`,
		"get c-42 --namespace none":               "nothing is stored under namespace none",
		"get c-42 --namespace acme -c other.yaml": "was made by policy version " + policy.Default().Version(),
	} {
		t.Chdir(t.TempDir())
		writeFile(t, "other.yaml", "policy: {window: 30d}")
		r := tidemark(t, nil, append(strings.Fields(args), "--redis", world.RedisAddr())...)
		require.Equal(t, failed, r.code, args)
		require.Contains(t, r.stderr, says, args)
	}
}
