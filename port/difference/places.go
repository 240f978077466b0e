package difference

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

const (
	placeSize = 8 // bytes
	// mostRuns is how many sorted runs are merged at once.
	mostRuns  = 64
	runBuffer = 4 << 10 // bytes
)

// places holds numbers, and sorts them with little memory: what does not fit is written in sorted runs, which are merged.
type places struct {
	folder string
	most   int // numbers in memory
	memory []int64
	file   *temporary // nil without runs
	runs   []run
	count  int64
}

// run is a part of the file, in bytes.
type run struct{ begin, size int64 }

func (p *places) add(at int64) error {
	if len(p.memory) >= p.most {
		if err := p.spill(); err != nil {
			return err
		}
	}
	p.memory = append(p.memory, at)
	p.count++
	return nil
}

// spill writes what is in memory as a run.
func (p *places) spill() error {
	if len(p.runs) == mostRuns {
		if err := p.merge(); err != nil {
			return err
		}
	}
	if p.file == nil {
		file, err := newTemporary(p.folder)
		if err != nil {
			return err
		}
		p.file = file
	}
	slices.Sort(p.memory)
	written, err := writeRun(p.file, func(visit func(int64) error) error {
		for _, at := range p.memory {
			if err := visit(at); err != nil {
				return err
			}
		}
		return nil
	})
	p.memory = p.memory[:0]
	p.runs = append(p.runs, written)
	return err
}

// merge makes one run of all, so that their number does not grow with the data.
func (p *places) merge() error {
	file, err := newTemporary(p.folder)
	if err != nil {
		return err
	}
	merged, err := writeRun(file, newMerger(p.file, p.runs, nil).each)
	if err != nil {
		_ = file.Close()
		return err
	}
	old := p.file
	p.file, p.runs = file, []run{merged}
	return old.Close()
}

// writeRun appends what each calls its argument with.
func writeRun(file *temporary, each func(func(int64) error) error) (run, error) {
	begin := file.size
	writer := bufio.NewWriterSize(file, runBuffer)
	err := each(func(at int64) error {
		_, err := writer.Write(binary.LittleEndian.AppendUint64(writer.AvailableBuffer(), uint64(at)))
		return err
	})
	if err == nil {
		err = writer.Flush()
	}
	return run{begin: begin, size: file.size - begin}, err
}

// each calls visit with all numbers in ascending order, and may be called again.
func (p *places) each(visit func(int64) error) error {
	slices.Sort(p.memory)
	return newMerger(p.file, p.runs, p.memory).each(visit)
}

func (p *places) close() error {
	p.memory, p.runs = nil, nil
	file := p.file
	p.file = nil
	if file == nil {
		return nil
	}
	return file.Close()
}

// merger reads sorted runs at once.
type merger struct{ heads []head }

// head is a run with its smallest number that was not read.
type head struct {
	at     int64
	memory []int64 // what follows
	reader *bufio.Reader
}

func newMerger(file *temporary, runs []run, memory []int64) *merger {
	m := &merger{heads: []head{{memory: memory}}}
	for _, part := range runs {
		section := io.NewSectionReader(file, part.begin, part.size)
		m.heads = append(m.heads, head{reader: bufio.NewReaderSize(section, runBuffer)})
	}
	return m
}

// next reads a number and reports whether there was one.
func (h *head) next() (bool, error) {
	if h.reader == nil {
		if len(h.memory) == 0 {
			return false, nil
		}
		h.at, h.memory = h.memory[0], h.memory[1:]
		return true, nil
	}
	content, err := h.reader.Peek(placeSize)
	if len(content) == 0 && errors.Is(err, io.EOF) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	h.at = int64(binary.LittleEndian.Uint64(content))
	_, err = h.reader.Discard(placeSize)
	return true, err
}

func (m *merger) each(visit func(int64) error) error {
	for i := range slices.Backward(m.heads) {
		if err := m.advance(i); err != nil {
			return err
		}
	}
	for len(m.heads) > 0 {
		if err := visit(m.heads[0].at); err != nil {
			return err
		}
		if err := m.advance(0); err != nil {
			return err
		}
	}
	return nil
}

// advance reads the next number of a run, and puts the run where it belongs among those after it: the heads from i on are
// a heap, smallest first.
func (m *merger) advance(i int) error {
	more, err := m.heads[i].next()
	if err != nil {
		return err
	}
	if !more {
		last := len(m.heads) - 1
		m.heads[i] = m.heads[last]
		m.heads = m.heads[:last]
	}
	m.sink(i)
	return nil
}

func (m *merger) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.heads); child++ {
			if m.heads[child].at < m.heads[least].at {
				least = child
			}
		}
		if least == i {
			return
		}
		m.heads[i], m.heads[least] = m.heads[least], m.heads[i]
		i = least
	}
}
