package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
)

// Joiner makes files of what packs hold, below a folder and nowhere else. A file gets its name when it has the size that it has to have, so that what
// has a name is whole, even when the process is killed. It is not brought to the disk. What a file holds is not compared with any sum: that is the
// business of whoever knows sums.
//
// Parts of a file have to come in their order. A store may hold a file twice, cut at different places: whoever reads several packs gives a Joiner only members of
// those packs that are said to hold the file.
type Joiner struct {
	into    *os.Root
	wanted  func(name string) (size int64, ok bool)
	joining map[string]*unfinished
	folders map[string]struct{}
	count   int
}

// unfinished is a file of which parts are missing.
type unfinished struct {
	temporary string
	part      int
	size      int64
}

// NewJoiner puts files into a folder. It asks which of them are wanted, and of what size in bytes; others are left out. Files are made for their owner alone.
func NewJoiner(into *os.Root, wanted func(name string) (size int64, ok bool)) *Joiner {
	return &Joiner{into: into, wanted: wanted, joining: map[string]*unfinished{}, folders: map[string]struct{}{}}
}

// Take has the form that Read asks for. The error is a *DamagedError with the file's name if a part does not follow the one before, or the size is another;
// the file is not made then, and the Joiner can go on with others.
func (j *Joiner) Take(name string, part int, content []byte) error {
	size, ok := j.wanted(name)
	if !ok {
		return nil
	}
	if problem := NameProblem(name); problem != "" { // members of packs were looked at; this is for whoever calls with others
		return &NameError{Name: name, What: problem}
	}
	file, err := j.follow(name, part)
	if err != nil {
		return err
	}
	total := file.size + int64(len(content))
	if total > size || part == 0 && total < size {
		return j.refuse(name, fmt.Sprintf("it has %d bytes or more, and had %d", total, size))
	}
	if len(content) == 0 && total < size {
		return j.refuse(name, fmt.Sprintf("its part %d is empty", part))
	}
	if err := j.write(file, content); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if file.size < size {
		return nil
	}
	delete(j.joining, name)
	if err := j.finish(file.temporary, name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// follow is the file to which a part belongs.
func (j *Joiner) follow(name string, part int) (*unfinished, error) {
	file := j.joining[name]
	switch {
	case file == nil && part <= 1:
		j.count++
		file = &unfinished{temporary: fmt.Sprintf(".joining-%09d", j.count), part: part}
		j.joining[name] = file
		return file, nil
	case file == nil:
		return nil, &DamagedError{Name: name, What: fmt.Sprintf("part %d comes without those before it", part)}
	case part != file.part+1:
		return nil, j.refuse(name, fmt.Sprintf("part %d comes behind part %d", part, file.part))
	}
	file.part = part
	return file, nil
}

// refuse gives a file up.
func (j *Joiner) refuse(name, what string) error {
	damaged := &DamagedError{Name: name, What: what}
	file := j.joining[name]
	delete(j.joining, name)
	if err := j.into.Remove(file.temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(damaged, err)
	}
	return damaged
}

// write opens a file anew for each of its parts, so that no more than one is ever open.
func (j *Joiner) write(file *unfinished, content []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if file.size == 0 {
		flags |= os.O_TRUNC // a killed process may have left it
	}
	opened, err := j.into.OpenFile(file.temporary, flags, 0o600)
	if err != nil {
		return err
	}
	n, err := opened.Write(content)
	file.size += int64(n)
	return errors.Join(err, opened.Close())
}

// finish gives a file its name.
func (j *Joiner) finish(temporary, name string) error {
	folder := path.Dir(name)
	if _, there := j.folders[folder]; !there {
		if err := j.into.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		j.folders[folder] = struct{}{}
	}
	return j.into.Rename(temporary, name)
}

// Close gives up the files of which parts are missing, and names them: *IncompleteError.
func (j *Joiner) Close() error {
	var errs []error
	incomplete := &IncompleteError{}
	for name, file := range j.joining {
		incomplete.Names = append(incomplete.Names, name)
		if err := j.into.Remove(file.temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	clear(j.joining)
	if len(incomplete.Names) > 0 {
		slices.Sort(incomplete.Names)
		errs = append(errs, incomplete)
	}
	return errors.Join(errs...)
}
