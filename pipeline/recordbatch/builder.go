package recordbatch

// Builder writes one batch; see Start.
type Builder struct{}

// Options are the fields of a batch that have nothing to do with its records.
type Options struct {
	BaseOffset int64
	AppendTime int64 // unix ms > 0: the batch is marked LogAppendTime with this time
	Codec      Codec
}

// Codec is a compression of Kafka's, with Kafka's numbers.
type Codec int8

// The codecs that every broker and client knows.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

// Start begins a batch that Finish will append to dst.
func (b *Builder) Start(dst []byte, o Options) {}

// Add appends a record at the next offset. A nil key or value is null; a
// timestamp of -1 says that there is none.
func (b *Builder) Add(timestamp int64, key, value []byte, headers []Header) {}

// Finish closes the batch and returns dst with it appended.
func (b *Builder) Finish() ([]byte, error) { return nil, nil }
