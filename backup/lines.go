package backup

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/klauspost/compress/zstd"
)

// lineWriter writes values as lines of JSON, compressed.
type lineWriter struct {
	file    *os.File
	sum     *summing
	packed  *zstd.Encoder
	encoder *json.Encoder
}

func writeLines(folder *os.Root, name string) (*lineWriter, error) {
	file, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	w := &lineWriter{file: file, sum: newSumming(file)}
	if w.packed, err = zstd.NewWriter(w.sum, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	w.encoder = json.NewEncoder(w.packed)
	w.encoder.SetEscapeHTML(false)
	return w, nil
}

func (w *lineWriter) write(value any) error { return w.encoder.Encode(value) }

// close completes the file.
func (w *lineWriter) close(name string) (Stored, error) {
	err := errors.Join(w.packed.Close(), w.file.Close())
	return Stored{Name: name, Size: w.sum.size, SHA256: w.sum.sum()}, err
}

// longestLine is what a line of a list may have: no path of a file is that long.
const longestLine = 1 << 20

// readLines gives the values of such a file. A file that is not there has none.
func readLines[T any](folder *os.Root, name string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		file, err := folder.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(none, err)
			return
		}
		defer file.Close()
		packed, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
		if err != nil {
			yield(none, err)
			return
		}
		defer packed.Close()
		if err := eachLine(packed, func(value T) bool { return yield(value, nil) }); err != nil {
			yield(none, &DamagedError{Name: name, What: err.Error()})
		}
	}
}

func eachLine[T any](from io.Reader, take func(T) bool) error {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, longestLine)
	for scanner.Scan() {
		var value T
		if err := json.Unmarshal(scanner.Bytes(), &value); err != nil {
			return fmt.Errorf("a line is not JSON: %w", err)
		}
		if !take(value) {
			return nil
		}
	}
	return scanner.Err()
}
