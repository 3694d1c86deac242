// Package partition computes the partition of a Kafka record from its key the way the common producers do.
//
// A customer's events must all lie in one partition, so the service has to know which one the producers chose; an
// answer that differs from theirs by one bit would reject every event as misplaced.
package partition

import (
	"fmt"
	"hash/crc32"
	"unsafe"
)

// Partitioner is one of the ways in which producers choose a partition. The zero value is none of them.
type Partitioner uint8

// The partitioners, by the name that a policy gives them.
const (
	Murmur2 Partitioner = iota + 1 // the Java client's default
	CRC32                          // librdkafka's "consistent", its default for records with a key
	FNV1a                          // librdkafka's "fnv1a" and Sarama's default
)

// Parse finds a partitioner by its name.
func Parse(name string) (Partitioner, error) {
	switch name {
	case "murmur2":
		return Murmur2, nil
	case "crc32":
		return CRC32, nil
	case "fnv1a":
		return FNV1a, nil
	}
	return 0, fmt.Errorf("unknown partitioner %q: use murmur2 (the Java client), crc32 or fnv1a (librdkafka)", name)
}

// String is the name that Parse understands.
func (p Partitioner) String() string {
	switch p {
	case Murmur2:
		return "murmur2"
	case CRC32:
		return "crc32"
	case FNV1a:
		return "fnv1a"
	}
	return fmt.Sprintf("partitioner(%d)", uint8(p))
}

// Partition is the partition of key among n, with n > 0.
func (p Partitioner) Partition(key string, n int32) int32 {
	var hash uint32
	switch p {
	case CRC32:
		hash = checksum(key)
	case FNV1a:
		hash = absolute(fnv1a(key))
	default:
		hash = murmur2(key) & 0x7fffffff // Java's toPositive: not the absolute value, the sign bit is dropped
	}
	return int32(hash % uint32(n))
}

// checksum is CRC-32 (IEEE 802.3) of a string, without copying it.
func checksum(key string) uint32 {
	return crc32.ChecksumIEEE(unsafe.Slice(unsafe.StringData(key), len(key))) // it only reads
}

// absolute reads a hash as a signed number, as librdkafka and Sarama do, and drops the sign of its value.
func absolute(hash uint32) uint32 {
	if int32(hash) < 0 {
		return -hash
	}
	return hash
}
