package keys

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Readers in other languages build these names by themselves.
func TestNamesAreAContract(t *testing.T) {
	k := Of("shop", 3)
	require.Equal(t, "tm:shop:{3}:shard", k.Shard())
	require.Equal(t, "tm:shop:{3}:timers", k.Timers())
	require.Equal(t, "tm:shop:{3}:outbox", k.Outbox())
	require.Equal(t, "tm:shop:{3}:c:c-42", k.Customer("c-42"))
	require.Equal(t, "tm:shop:{3}:c:", k.CustomerPrefix())
	require.Equal(t, "tm:shop:namespace", Namespace("shop"))
	require.Equal(t, "tm:shop:", All("shop"))
}
