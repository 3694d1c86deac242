package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersion(t *testing.T) {
	require.Contains(t, succeed(t, nil, "version"), "tidemark ")

	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"},
	}}
	require.Contains(t, describe("", info), "tidemark v1.2.3, commit 0123456789ab with changes, go")
	require.Contains(t, describe("v2.0.0", info), "tidemark v2.0.0, commit 0123456789ab")
	require.Contains(t, describe("", nil), "tidemark (devel), go")
}
