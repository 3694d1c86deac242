package partition_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tidemark/tidemark/pkg/partition"
)

var all = []partition.Partitioner{partition.Murmur2, partition.CRC32, partition.FNV1a}

// The hashes of librdkafka's test 0048, where clients of three languages had produced them, modulo its 17 partitions and
// the 7 of its quick run.
func TestPartitionAgreesWithLibrdkafka(t *testing.T) {
	for _, test := range []struct {
		key                   string
		crc32, murmur2, fnv1a int64
	}{
		{"", 0, 0x106e08d9, 0x7ee3623b},
		{"23456", 0xb1b451d7, 0x058d780f, 0x27e6f469},
		{"this is another string with more length to it perhaps", 0xb0150df7, 0x4f7703da, 0x155e3e5f},
		{"hejsan", 0xd077037e, 0x5ec19395, 0x17b1e27a},
	} {
		for _, n := range []int32{7, 17} {
			require.EqualValues(t, test.crc32%int64(n), partition.CRC32.Partition(test.key, n), "crc32 of %q", test.key)
			require.EqualValues(t, test.murmur2%int64(n), partition.Murmur2.Partition(test.key, n), "murmur2 of %q", test.key)
			require.EqualValues(t, test.fnv1a%int64(n), partition.FNV1a.Partition(test.key, n), "fnv1a of %q", test.key)
		}
	}
}

// Java's toPositive drops the sign bit, where an absolute value would give another partition.
func TestMurmur2OfANegativeHash(t *testing.T) {
	const foobar = -790332482
	require.EqualValues(t, (foobar&0x7fffffff)%12, partition.Murmur2.Partition("foobar", 12))
	require.NotEqualValues(t, -foobar%12, partition.Murmur2.Partition("foobar", 12))
}

func TestNamesAreReadBack(t *testing.T) {
	for _, p := range all {
		parsed, err := partition.Parse(p.String())
		require.NoError(t, err)
		require.Equal(t, p, parsed)
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	for _, name := range []string{"", "Murmur2", "murmur3", "crc", "random", "partitioner(0)"} {
		_, err := partition.Parse(name)
		require.ErrorContains(t, err, "use murmur2 (the Java client), crc32 or fnv1a (librdkafka)", "%q", name)
	}
	require.Equal(t, "partitioner(9)", partition.Partitioner(9).String())
}

func TestPartitionLiesInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "partitioner")
		key := rapid.String().Draw(t, "key")
		n := rapid.Int32Range(1, math.MaxInt32).Draw(t, "partitions")
		got := p.Partition(key, n)
		require.True(t, 0 <= got && got < n, "%d of %d", got, n)
	})
}

func TestPartitionDoesNotAllocate(t *testing.T) {
	for _, p := range all {
		require.Zero(t, testing.AllocsPerRun(100, func() { p.Partition("customer-0000123456", 12) }), p)
	}
}

func BenchmarkPartition(b *testing.B) {
	for _, p := range all {
		b.Run(p.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Partition("customer-0000123456", 12)
			}
		})
	}
}
