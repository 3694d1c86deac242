package event

// Record is what decoding needs to know about the Kafka record that holds an event.
type Record struct {
	Timestamp  int64 // unix milliseconds; negative where the record has none
	Partition  int32
	Partitions int32 // of the topic; 0: whether the event belongs on this partition is not judged
	Latest     int64 // greatest event time of earlier accepted records of this partition; instant.None before the first
}
