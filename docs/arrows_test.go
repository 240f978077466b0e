package docs_test

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module is the beginning of every import path of ours.
const module = "github.com/synapsedb/synapse/"

// root stands for the package in the repository's own folder.
const root = "synapse"

func TestArrowsOfARCHITECTUREAreTheImports(t *testing.T) {
	t.Parallel()
	page := read(t, "../ARCHITECTURE.md")
	described := map[string][]string{}
	for line := range strings.SplitSeq(page, "\n") {
		if from, to, found := strings.Cut(line, " -> "); found {
			described[from] = strings.Split(to, ", ")
			slices.Sort(described[from])
		}
	}
	imports := map[string][]string{}
	for _, folder := range packages(t) {
		if !strings.Contains(page, "\n| `"+folder+"` | ") {
			t.Errorf("ARCHITECTURE.md does not describe package %s", folder)
		}
		if own := ownImports(t, folder); len(own) > 0 {
			imports[folder] = own
		}
	}
	if diff := cmp.Diff(imports, described); diff != "" {
		t.Errorf("arrows (-code +ARCHITECTURE.md):\n%s", diff)
	}
}

// packages lists the folders that hold Go code, but for this one.
func packages(t *testing.T) []string {
	t.Helper()
	var folders []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		folder := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		if strings.HasPrefix(entry.Name(), ".") && path != ".." || entry.Name() == "testdata" || folder == "tools" {
			return fs.SkipDir
		}
		if path == ".." {
			folder = root
		}
		if folder != "docs" && len(parse(t, path)) > 0 {
			folders = append(folders, folder)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

// ownImports lists the packages of ours that a package imports, on any system.
func ownImports(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	for _, file := range parse(t, filepath.Join("..", strings.TrimPrefix(folder, root))) {
		for _, imported := range file.Imports {
			path := strings.Trim(imported.Path.Value, `"`)
			if own, ours := strings.CutPrefix(path, module); ours {
				found = append(found, own)
			} else if path+"/" == module {
				found = append(found, root)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
