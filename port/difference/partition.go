package difference

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/zeebo/xxh3"
)

const (
	// recordSize is what a row takes in a file: hash, place and side.
	recordSize = 25
	// partitionBuffer is in bytes; there are at most as many as partitions at once, and one to read.
	partitionBuffer = 8 << 10
)

// partition is a file of rows whose hashes begin alike.
type partition struct {
	file   *temporary
	writer *bufio.Writer // nil after the last row
	count  [sides]int64
	first  xxh3.Uint128
	mixed  bool // whether there are different hashes
}

func newPartition(file *temporary) *partition {
	return &partition{file: file, writer: bufio.NewWriterSize(file, partitionBuffer)}
}

func (p *partition) add(from side, entry Entry) error {
	if p.count == [sides]int64{} {
		p.first = entry.Hash
	}
	p.mixed = p.mixed || entry.Hash != p.first
	p.count[from]++
	record := p.writer.AvailableBuffer()
	record = binary.LittleEndian.AppendUint64(record, entry.Hash.Hi)
	record = binary.LittleEndian.AppendUint64(record, entry.Hash.Lo)
	record = binary.LittleEndian.AppendUint64(record, uint64(entry.At))
	_, err := p.writer.Write(append(record, byte(from)))
	return err
}

func (p *partition) flush() error {
	err := p.writer.Flush()
	p.writer = nil
	return err
}

// simple reports whether it is clear from the counts alone how many rows are left on which side. It always is when the hash
// has no more bits to divide by.
func (p *partition) simple() bool {
	return !p.mixed || p.count[source] == 0 || p.count[target] == 0
}

// surplus emits as many rows of the larger side as the other side lacks.
func (p *partition) surplus(emit func(side, int64) error) error {
	larger := source
	if p.count[target] > p.count[source] {
		larger = target
	}
	left := p.count[larger] - p.count[larger.other()]
	return p.each(func(from side, entry Entry) error {
		if from != larger || left == 0 {
			return nil
		}
		left--
		return emit(from, entry.At)
	})
}

// each calls visit with every row, in the order in which they came.
func (p *partition) each(visit func(side, Entry) error) error {
	reader := bufio.NewReaderSize(io.NewSectionReader(p.file, 0, p.file.size), partitionBuffer)
	var record [recordSize]byte
	for {
		if _, err := io.ReadFull(reader, record[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		entry := Entry{
			Hash: xxh3.Uint128{
				Hi: binary.LittleEndian.Uint64(record[0:]),
				Lo: binary.LittleEndian.Uint64(record[8:]),
			},
			At: int64(binary.LittleEndian.Uint64(record[16:])),
		}
		if err := visit(side(record[24]), entry); err != nil {
			return err
		}
	}
}
