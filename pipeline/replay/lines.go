package replay

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Lines are the lines of several files, one file after the other. A line ends
// at \n alone; the one at the end of a file begins no line. A line may be of any
// length.
type Lines struct {
	paths []string
	stdin io.Reader

	path   string // of the file being read
	file   io.Closer
	packed *gzip.Reader
	in     *bufio.Reader
	count  countingReader

	line []byte // a line that is longer than the buffer
	err  error
}

const lineBuffer = 256 << 10

// Open reads the files of paths: - is stdin, and one that ends in .gz is
// unpacked.
func Open(paths []string, stdin io.Reader) *Lines {
	return &Lines{paths: paths, stdin: stdin, in: bufio.NewReaderSize(nil, lineBuffer)}
}

// Next is the next line without its end, good until the next call, or false
// after the last one and after an error.
func (l *Lines) Next() ([]byte, bool) {
	for l.err == nil {
		if l.file == nil && !l.open() {
			break
		}
		if line, ok := l.read(); ok {
			return line, true
		}
		l.close()
	}
	return nil, false
}

// Err is what ended the lines early, nil where they came to their end.
func (l *Lines) Err() error { return l.err }

// Bytes is how much of the files has been read, as they are stored.
func (l *Lines) Bytes() int64 { return l.count.read }

// Close gives up what is open.
func (l *Lines) Close() {
	l.paths = nil
	if l.file != nil {
		l.close()
	}
}

// open opens the next file, or is false if there is none or it cannot be
// opened.
func (l *Lines) open() bool {
	if len(l.paths) == 0 {
		return false
	}
	l.path, l.paths = l.paths[0], l.paths[1:]
	if l.path == "-" {
		l.path = "the standard input"
		l.file, l.count.from = io.NopCloser(l.stdin), l.stdin
		l.in.Reset(&l.count)
		return true
	}
	file, err := os.Open(l.path)
	if err != nil {
		l.err = fmt.Errorf("opening the events: %w", err)
		return false
	}
	l.file, l.count.from = file, file
	l.in.Reset(&l.count)
	if strings.HasSuffix(l.path, ".gz") {
		return l.unpack()
	}
	return true
}

func (l *Lines) unpack() bool {
	// The reader that counts needs a buffer of its own: gzip would else read
	// byte by byte.
	l.packed, l.err = gzip.NewReader(bufio.NewReaderSize(&l.count, 64<<10))
	if l.err != nil {
		l.err = fmt.Errorf("unpacking %s: %w", l.path, l.err)
		l.close()
		return false
	}
	l.in.Reset(l.packed)
	return true
}

// read is the next line of the open file, or false at its end.
func (l *Lines) read() ([]byte, bool) {
	l.line = l.line[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		switch {
		case err == nil && len(l.line) == 0:
			return part[:len(part)-1], true
		case err == nil:
			l.line = append(l.line, part...)
			return l.line[:len(l.line)-1], true
		case errors.Is(err, bufio.ErrBufferFull):
			l.line = append(l.line, part...)
		case errors.Is(err, io.EOF):
			l.line = append(l.line, part...)
			return l.line, len(l.line) > 0
		default:
			l.err = fmt.Errorf("reading %s: %w", l.path, err)
			return nil, false
		}
	}
}

func (l *Lines) close() {
	if err := l.file.Close(); err != nil && l.err == nil {
		l.err = fmt.Errorf("closing %s: %w", l.path, err)
	}
	l.file, l.packed = nil, nil
}

// countingReader counts what goes through it.
type countingReader struct {
	from io.Reader
	read int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read += int64(n)
	return n, err
}
