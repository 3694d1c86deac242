package partition

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The keys of UtilsTest.testMurmur2 of the Java client, with its signed results, and the empty key of librdkafka's tests.
func TestMurmur2AgreesWithJava(t *testing.T) {
	for key, want := range map[string]int32{
		"":                           0x106e08d9,
		"21":                         -973932308,
		"abc":                        479470107,
		"foobar":                     -790332482,
		"\x0c\x2a\x38\x18\x6d\x6f":   274204207,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	} {
		require.Equal(t, want, int32(murmur2(key)), "%q", key)
	}
}

// The keys of unittest_fnv1a in librdkafka, whose results came from Sarama's hash.
func TestFNV1aAgreesWithLibrdkafka(t *testing.T) {
	for key, want := range map[string]uint32{
		"":                                       0x7ee3623b,
		"4":                                      0x310ca263,
		"34":                                     0x740fa83e,
		"234":                                    0x2dea3cd2,
		"1234":                                   0x23bdd03,
		"kafka":                                  0xd33c4e1,
		"giberish123456789":                      0x77a58295,
		"AmbleWillBeRemoved,ThePrePartThatIs":    0x6abcc023,
		"eAmbleWillBeRemoved,ThePrePartThatIs":   0x69eed356,
		"reAmbleWillBeRemoved,ThePrePartThatIs":  0x6e49c79a,
		"PreAmbleWillBeRemoved,ThePrePartThatIs": 0x65cbd69c,
	} {
		require.Equal(t, want, absolute(fnv1a(key)), "%q", key)
	}
}

func TestAbsoluteOfTheSmallestNumberStaysUnsigned(t *testing.T) {
	require.Equal(t, uint32(1)<<31, absolute(1<<31))
	require.Equal(t, uint32(1), absolute(0xffffffff))
	require.Equal(t, uint32(0x7fffffff), absolute(0x7fffffff))
}
