package replay

import (
	"bufio"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Output is a file of lines being written. What was at its path stays until the
// last line is written: a replay that fails leaves no half of a result.
type Output struct {
	path   string // empty: the standard output
	target io.Writer
	file   *os.File
	rename bool // file is a draft beside path
	packed *gzip.Writer
	out    *bufio.Writer
}

// Create opens the output at path: - is stdout, and one that ends in .gz is
// compressed.
func Create(path string, stdout io.Writer) (*Output, error) {
	o := &Output{target: stdout}
	if path != "-" {
		if err := o.create(path); err != nil {
			return nil, fmt.Errorf("creating %s: %w", path, err)
		}
		o.target = o.file
	}
	if strings.HasSuffix(path, ".gz") {
		// No name and no time in its header: the same lines give the same bytes.
		o.packed = gzip.NewWriter(o.target)
		o.target = o.packed
	}
	o.out = bufio.NewWriterSize(o.target, 256<<10)
	return o, nil
}

// create opens a draft beside the path, or the path itself where it is there
// and no plain file: a pipe or a device must not be replaced by one.
func (o *Output) create(path string) (err error) {
	o.path = path
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		o.file, err = os.OpenFile(path, os.O_WRONLY, 0)
		return err
	}
	o.rename = true
	draft := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
	// As with any program's output, the umask decides who may read it.
	o.file, err = os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // see above
	return err
}

// Line writes one line. An Output that is nil is one that nobody wants.
func (o *Output) Line(line []byte) error {
	if o == nil {
		return nil
	}
	if _, err := o.out.Write(line); err != nil {
		return o.failed(err)
	}
	if err := o.out.WriteByte('\n'); err != nil {
		return o.failed(err)
	}
	return nil
}

// Close completes the file.
func (o *Output) Close() error {
	if o == nil {
		return nil
	}
	err := o.out.Flush()
	if o.packed != nil {
		err = errors.Join(err, o.packed.Close())
	}
	if o.file == nil {
		return o.failed(err)
	}
	err = errors.Join(err, o.file.Close())
	if err == nil && o.rename {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err != nil {
		o.discard()
	}
	o.file = nil
	return o.failed(err)
}

// Discard gives the file up, unless it was closed.
func (o *Output) Discard() {
	if o == nil || o.file == nil {
		return
	}
	_ = o.file.Close() // nothing of it is kept
	o.discard()
	o.file = nil
}

func (o *Output) discard() {
	if o.rename {
		_ = os.Remove(o.file.Name())
	}
}

func (o *Output) failed(err error) error {
	if err == nil {
		return nil
	}
	name := o.path
	if name == "" {
		name = "the standard output"
	}
	return fmt.Errorf("writing %s: %w", name, err)
}
