package partition_test

import (
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/tidemark/tidemark/pkg/partition"
)

// FuzzPartition holds the partitioners against kafka-go's, for any bytes: a key
// need not be text.
func FuzzPartition(f *testing.F) {
	for _, key := range []string{"", "c-1", "hejsan", "\x80\xff\xfe", "a key that is longer than one round of each hash"} {
		f.Add([]byte(key), uint16(11))
	}
	f.Fuzz(func(t *testing.T, key []byte, most uint16) {
		n := int32(most) + 1
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		if key == nil {
			key = []byte{} // null is no key, and goes anywhere
		}
		message := kafka.Message{Key: key}
		for p, theirs := range map[partition.Partitioner]kafka.Balancer{
			partition.Murmur2: kafka.Murmur2Balancer{Consistent: true},
			partition.CRC32:   kafka.CRC32Balancer{Consistent: true},
			partition.FNV1a:   &kafka.Hash{},
		} {
			require.EqualValues(t, theirs.Balance(message, all...), p.Partition(string(key), n), "%s of %q among %d", p, key, n)
		}
	})
}
