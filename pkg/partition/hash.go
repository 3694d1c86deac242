package partition

// fnv1a is FNV-1a of 32 bits (hash/fnv would cost an allocation per key).
func fnv1a(key string) uint32 {
	hash := uint32(2166136261)
	for i := range len(key) {
		hash ^= uint32(key[i])
		hash *= 16777619
	}
	return hash
}

// murmur2 is MurmurHash2 with the seed of org.apache.kafka.common.utils.Utils.murmur2.
func murmur2(key string) uint32 {
	const (
		seed  = 0x9747b28c
		m     = 0x5bd1e995
		shift = 24
	)
	hash := uint32(seed) ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> shift
		hash = hash*m ^ k*m
	}
	switch len(key) {
	case 3:
		hash ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		hash ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		hash = (hash ^ uint32(key[0])) * m
	}
	hash = (hash ^ hash>>13) * m
	return hash ^ hash>>15
}
