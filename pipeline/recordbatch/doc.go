// Package recordbatch reads and writes Kafka's log format: record batches of
// format 2, which every broker since 0.11 stores and sends.
//
// kafka-go has a parser of its own. It is not used, because it never tells
// the broker's append time, never checks the sum, and forgets how far a batch
// reaches; and because it makes objects per record, where the shards read
// events in place. A batch (integers are big endian):
//
//	 0  8  base offset
//	 8  4  length of what follows this field
//	12  4  leader epoch
//	16  1  format, 2
//	17  4  CRC-32C of everything from the attributes on
//	21  2  attributes: codec in bits 0-2, 3: append time, 4: transactional, 5: control
//	23  4  last offset - base offset; stays when compaction takes records out
//	27  8  base timestamp
//	35  8  greatest timestamp; the append time of all records with bit 3
//	43  8  producer id
//	51  2  producer epoch
//	53  4  base sequence
//	57  4  number of records
//	61     records, as one compressed stream if a codec is set
//
// and a record (v: zigzag varint):
//
//	v length, 1 attributes, v timestamp - base, v offset - base,
//	v key length or -1, key, v value length or -1, value,
//	v number of headers, each: v name length, name, v value length or -1, value
//
// See https://kafka.apache.org/documentation/#recordbatch.
package recordbatch
